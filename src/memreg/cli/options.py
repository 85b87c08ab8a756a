"""What every command takes: where the database is, whose memory, which schema, and how to print."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import rich_click as click

if TYPE_CHECKING:
    from memreg.api.engine import Engine
    from memreg.api.registry import Registry
    from memreg.core.database import Database
    from memreg.core.settings import Settings

_VERSIONED = re.compile(r"(?P<name>[^@]+)(?:@(?P<number>[0-9]{1,9}))?")
EVERY = "*"
_SURROGATE = re.compile("[\ud800-\udfff]")


class Words(click.ParamType[str]):
    """A text as typed; bytes that are no text in the terminal's encoding are refused."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text itself."""
        text = str(value)
        if _SURROGATE.search(text):
            self.fail("it is not readable as text; write it in UTF-8.", param, ctx)
        return text


class Versioned(click.ParamType["VersionedName"]):
    """NAME or NAME@N: a schema, and the number of one of its versions."""

    name = "name[@n]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> VersionedName:
        """The name and the number, None where none was given."""
        if isinstance(value, VersionedName):
            return value
        found = _VERSIONED.fullmatch(WORDS.convert(value, param, ctx))
        if found is None:
            self.fail(f"{value!r} is not NAME or NAME@N, as in assistant@2.", param, ctx)
        return VersionedName(found["name"], int(found["number"]) if found["number"] else None)


WORDS = Words()
VERSIONED = Versioned()


@dataclass(frozen=True, slots=True)
class VersionedName:
    """A schema's name, and the number of a version where one was given."""

    name: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """The shared options of one call, and what they open. Errors of opening are MemregErrors."""

    url: str | None = field(default=None, repr=False)  # a password may be in it
    as_json: bool = False
    tenant: str | None = None
    schema: str | None = None

    def settings(self) -> Settings:
        """The environment's settings, with the options over them; logs go to stderr from here on."""
        from memreg.core.errors import ArgumentInvalid
        from memreg.core.logs import configure_for_cli
        from memreg.core.settings import Settings

        given = {"database_url": self.url, "tenant": self.tenant, "schema_": self.schema}
        for name, value in given.items():
            if value == "":  # a script's unset variable must not mean the default
                option = "--" + name.partition("_")[0]
                raise ArgumentInvalid(name=option, value="empty", reason="give a value, or leave the option out")
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
        configure_for_cli(settings.log_level)
        if settings.traces is not None:
            from memreg.cli.tracing import configure

            configure(settings.traces)
        return settings

    @contextmanager
    def database(self, *, migrate: bool | None = None) -> Iterator[Database]:
        """The database, open."""
        from memreg.core.database import Database

        with Database.connect(self.settings(), migrate=migrate) as database:
            yield database

    @contextmanager
    def scope(self) -> Iterator[tuple[Database, str, str]]:
        """The database, and the tenant and schema that are meant; `*` is every one."""
        from memreg.registry.versions import resolve_name

        named = replace(
            self,
            tenant=None if self.tenant == EVERY else self.tenant,
            schema=None if self.schema == EVERY else self.schema,
        )
        with named.database() as database:
            settings = database.settings
            tenant = EVERY if self.tenant == EVERY else settings.tenant
            schema = EVERY
            if self.schema != EVERY:
                schema = database.run_admin(lambda: resolve_name(settings.schema_))
            yield database, tenant, schema

    @contextmanager
    def engine(self, **changes: Any) -> Iterator[Engine]:
        """The engine of the tenant and schema, open; `changes`: settings that the command sets itself."""
        from memreg.api.engine import Engine

        settings = self.settings().model_copy(update=changes)
        with Engine.connect(tenant=settings.tenant, schema=settings.schema_, settings=settings) as engine:
            yield engine

    @contextmanager
    def registry(self) -> Iterator[Registry]:
        """The schema registry, open."""
        from memreg.api.registry import Registry

        with self.database() as database:
            yield Registry(database)


Command = Callable[..., None]


def database_options(command: Command) -> Command:
    """Options of every command; the function is called with an `Access` first."""
    return _json(_database(_packed(command)))


def data_options(command: Command) -> Command:
    """Options of commands that read or write memories: those of every command, the tenant and the schema."""
    return _tenant(_schema(database_options(command)))


def _packed(command: Command) -> Command:
    @wraps(command)
    def run(
        *args: Any,
        database: str | None,
        as_json: bool,
        tenant: str | None = None,
        schema: str | None = None,
        **rest: Any,
    ) -> None:
        command(Access(database, as_json, tenant, schema), *args, **rest)

    return run


_database = click.option(
    "--database",
    metavar="URL",
    type=WORDS,
    envvar="MEMREG_DATABASE_URL",
    show_envvar=True,
    help="The Postgres to use; without one, memreg starts its own.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for machines.")
_tenant = click.option(
    "--tenant", metavar="NAME", type=WORDS, envvar="MEMREG_TENANT", show_envvar=True, help="Whose memory (default)."
)
_schema = click.option(
    "--schema",
    metavar="NAME",
    type=WORDS,
    envvar="MEMREG_SCHEMA",
    show_envvar=True,
    help="Which schema; needed only where several are registered.",
)


def os_user() -> str:
    """Who is at the keyboard, for the record of who decided."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name
        return f"user id {os.getuid()}"


by_option = click.option("--by", metavar="WHO", type=WORDS, default=os_user, help="Who decides (your account's name).")
