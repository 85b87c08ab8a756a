"""An act: one command of a person, with the message that stands for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from memreg.core.clock import Clock, utc_now
from memreg.core.errors import ArgumentInvalid
from memreg.core.ids import uuid7
from memreg.core.queries import Queries, Statement
from memreg.core.steps import Steps, fetch
from memreg.core.tracing import whole
from memreg.engine.cache import Cache
from memreg.engine.identity import digest
from memreg.engine.model import Basis
from memreg.engine.storable import storable_text
from memreg.registry import versions
from memreg.registry.models import SchemaVersion

SQL = Queries.load("memreg.operations.acts")
ROLE = "operator"
"""The role of the messages that stand for acts."""


@dataclass(frozen=True)
class Actor:
    """Who acts on a tenant's memories of a schema, and why; with the clock, new ids and what is cached."""

    tenant: str
    schema: str
    by: str
    why: str | None = None
    clock: Clock = utc_now
    new_id: Callable[[], UUID] = uuid7
    cache: Cache = field(default_factory=Cache)

    def __post_init__(self) -> None:
        if not self.by.strip():
            raise ArgumentInvalid(name="by", value="empty", reason="say who does this; it is kept")


@dataclass(frozen=True)
class Act:
    """One command: its verb (`undo`, `merge`, ...), the version in use, who, why and when. `id` is its message's."""

    actor: Actor
    version: SchemaVersion
    verb: str
    now: datetime
    id: str

    @property
    def tenant(self) -> str:
        """Whose memories."""
        return self.actor.tenant

    @property
    def schema(self) -> str:
        """Of which schema."""
        return self.version.name

    @property
    def basis(self) -> Basis:
        """What its entries rest on."""
        return Basis.PERSON

    def new_id(self) -> UUID:
        """A new id."""
        return self.actor.new_id()

    def message(self, text: str) -> Statement:
        """Keeps what stands for it among the messages: what was done, by whom and why."""
        said = f"{text}, by {self.actor.by}" + (f": {self.actor.why}" if self.actor.why else "")
        said = storable_text(said)
        return SQL["keep_act"](
            tenant=self.tenant,
            schema=self.schema,
            id=self.id,
            arrival=self.new_id(),
            role=ROLE,
            text=said,
            digest=digest([said]),
            now=self.now,
        )


def begin(actor: Actor, verb: str) -> Steps[Act]:
    """Begin an act under the version in use, which stays that until its end. Raises NoUsableVersion, SchemaNotFound."""
    _, heads = yield from fetch(versions.lock_shared(actor.schema), versions.usable_head(actor.schema))
    version = yield from actor.cache.usable(actor.schema, heads)
    whole().tell(verb=verb, schema=version.name, version=version.version)
    return Act(actor, version, verb, actor.clock(), f"{verb}:{actor.new_id()}")
