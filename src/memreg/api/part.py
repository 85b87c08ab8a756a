# Generated from part_async.py by scripts/generate_sync.py: change that file, not this one.
"""What every part of a blocking engine stands on: whose memories, which schema, and how plans are run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from memreg.api.arguments import who_and_why
from memreg.core.clock import Clock
from memreg.core.database import Database
from memreg.core.steps import Steps
from memreg.core.tracing import span

if TYPE_CHECKING:
    from memreg.api.intake import Intake
    from memreg.engine.cache import Cache
    from memreg.operations.acts.act import Actor

T = TypeVar("T")


class Part(ABC):
    """A base of `Engine`."""

    tenant: str
    database: Database
    _cache: Cache
    _clock: Clock
    _intake: Intake

    @abstractmethod
    def schema(self) -> str:
        """The schema's name. Raises NoSchema, SchemaNotFound, SchemaAmbiguous."""

    def _run(self, plan: Callable[[], Steps[T]]) -> T:
        return self.database.run(self.tenant, plan)

    def _act(self, plan: Callable[[], Steps[T]], **facts: object) -> T:
        """Run the plan of an act, which a trace tells of, and look at what it may have found out about decisions.

        `facts`: what the trace is told beside what acts tell of themselves.
        """
        with span("act") as told:
            told.tell(**facts)
            done = self._run(plan)
        self._intake.watch.acted(self.tenant, self.schema(), self._cache, self._clock)
        return done

    def _actor(self, by: str, why: str | None) -> Actor:
        """Who acts in this engine's tenant and schema. Raises ArgumentInvalid and `schema`'s."""

        from memreg.operations.acts.act import Actor

        who, reason = who_and_why(by, why, needs_why=False)
        return Actor(self.tenant, self.schema(), who, reason, self._clock, cache=self._cache)
