"""SQL views of memories: one per class, made, listed and dropped; from then on each version in force refreshes them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg.sql import SQL, Composable, Identifier

from memreg.core.database import Database
from memreg.core.errors import NoUsableVersion, ViewsRefused
from memreg.core.steps import Steps, fetch, fetch_rows
from memreg.core.tenant import check_tenant
from memreg.registry.lookup import no_usable, resolve_name
from memreg.registry.views import refresh
from memreg.registry.views.installed import Installed, installed
from memreg.registry.views.names import LENGTH_LIMIT
from memreg.registry.views.refresh import Outcome, Scene, attempt, bring_in_step, read_scene
from memreg.registry.views.relation import MARKER, Relation, create, qualified

PATIENCE = "5s"
_PLACE = "Made by memreg for the views of its schema "


@dataclass(frozen=True, slots=True)
class View:
    """A view as it stands: `version` is what it was made for, `in_step` whether that is what is in force now."""

    place: str
    name: str
    class_name: str
    schema: str
    version: int
    tenant: str | None
    owner: str
    in_step: bool


@dataclass(frozen=True, slots=True)
class Made:
    """What making views came to. `renamed`: (class, column, view's column) where the view calls it otherwise."""

    schema: str
    version: int
    place: str
    outcomes: tuple[Outcome, ...]
    renamed: tuple[tuple[str, str, str], ...]


def create_views(
    database: Database, name: str, *, into: str | None = None, tenant: str | None = None, grant: Sequence[str] = ()
) -> Made:
    """Make one view per class of the version in force in a schema of Postgres, or bring those there in step.

    `into` None: a schema of the registered schema's name, with the tenant's behind where one is named; it is made where
    it is missing. `tenant`: only that tenant's memories. `grant`: roles that may read the views, later ones too.
    All are made or none. Raises SchemaNotFound, NoUsableVersion, ViewsRefused, TenantInvalid, DatabaseError.
    """

    def plan() -> Steps[Made]:
        return read_and_make(name, into, tenant, tuple(grant))

    return database.run_admin(plan)


def print_views(database: Database, name: str, *, into: str | None = None, tenant: str | None = None) -> str:
    """The SQL that `create_views` would run on a database without them; nothing is changed."""

    def plan() -> Steps[str]:
        scene = yield from _scene(name)
        place = _place(name, into, tenant)
        statements: list[Composable] = [SQL("create schema if not exists {}").format(Identifier(place))]
        for relation in scene.relations(tenant):
            statements += create(place, relation)
        return "".join(f"{each.as_string(None)};\n" for each in statements)

    return database.run_admin(plan)


def list_views(database: Database, name: str | None = None) -> tuple[View, ...]:
    """The views of a schema, or of every one. Raises SchemaNotFound."""
    return database.run_admin(lambda: read_views(name))


def drop_views(database: Database, name: str, *, into: str | None = None) -> tuple[Outcome, ...]:
    """Drop the views of a schema, all or (`into`) those in one schema of Postgres, which goes too if memreg made it and
    nothing else is in it. All are dropped or none. Raises ViewsRefused, which says what depends on one."""

    def plan() -> Steps[tuple[Outcome, ...]]:
        return read_and_drop(name, into)

    return database.run_admin(plan)


def commands_for(views: Iterable[View]) -> tuple[str, ...]:
    """The commands that bring views in step where they are: without its tenant and schema of Postgres named, a command
    would make others beside them, of every tenant."""
    found = []
    for name, place, tenant in dict.fromkeys((each.schema, each.place, each.tenant) for each in views):
        words = ["memreg", "views", "create", name]
        if place != name or tenant is not None:
            words += ["--into", place]
        found.append(shlex.join([*words, *(["--tenant", tenant] if tenant is not None else [])]))
    return tuple(found)


# Plans


def read_and_make(name: str, into: str | None, tenant: str | None, grant: tuple[str, ...]) -> Steps[Made]:
    """`create_views` as a plan."""
    scene = yield from _scene(name)
    place = _place(name, into, tenant)
    others = {each.mark.tenant for each in scene.in_place(place)} - {tenant}
    if others:
        whose = " and ".join(sorted("every tenant" if each is None else f"tenant {each}" for each in others))
        raise _refused(name, f"{place} has those of {whose} already; name another schema of Postgres with --into")
    found = yield from fetch_rows(refresh.SQL["places"](places=[place]))
    if not found:
        yield from _attempt(
            name,
            [
                SQL("create schema {}").format(Identifier(place)),
                SQL("comment on schema {} is {}").format(Identifier(place), f"{_PLACE}{name}"),
            ],
        )
    outcomes = yield from bring_in_step(scene, place, tenant, PATIENCE)
    _check(name, outcomes)
    relations = scene.relations(tenant)
    if grant:
        yield from _attempt(name, _grants(place, relations, grant))
    renamed = tuple((each.class_name, own, shown) for each in relations for own, shown in each.renamed)
    return Made(name, scene.version.version, place, outcomes, renamed)


def read_views(name: str | None) -> Steps[tuple[View, ...]]:
    """`list_views` as a plan."""
    if name is not None:
        name = yield from resolve_name(name)
    rows = yield from fetch_rows(refresh.SQL["marked_views"](marker=f"%{MARKER}{{%"))
    views = installed(rows, name)
    wanted: dict[tuple[str, str | None], dict[str, str]] = {}
    for schema, tenant in dict.fromkeys((each.mark.schema, each.mark.tenant) for each in views):
        scene = yield from read_scene(schema)
        relations = () if scene is None else scene.relations(tenant)
        wanted[schema, tenant] = {each.class_name: each.mark.digest for each in relations}
    return tuple(_view(each, wanted[each.mark.schema, each.mark.tenant]) for each in views)


def read_and_drop(name: str, into: str | None) -> Steps[tuple[Outcome, ...]]:
    """`drop_views` as a plan."""
    rows = yield from fetch_rows(refresh.SQL["marked_views"](marker=f"%{MARKER}{{%"))
    views = [each for each in installed(rows, name) if into in (None, each.place)]
    if not views:
        yield from resolve_name(name)
        raise _refused(name, f"{into or 'the database'} has none", verb="dropped")
    drops = [SQL("drop view {}").format(qualified(each.place, each.name)) for each in views]
    yield from _attempt(name, drops, verb="dropped")
    for place in dict.fromkeys(each.place for each in views):
        left, places = yield from fetch(refresh.SQL["relations_in"](place=place), refresh.SQL["places"](places=[place]))
        if not left and any(row["comment"] == f"{_PLACE}{name}" for row in places):
            yield from attempt([SQL("drop schema {}").format(Identifier(place))], PATIENCE)
    return tuple(Outcome(each.place, each.name, each.mark.class_name, "dropped") for each in views)


# Parts


def _scene(name: str) -> Steps[Scene]:
    yield from resolve_name(name)
    scene = yield from read_scene(name)
    if scene is None:
        problem: NoUsableVersion | Exception = yield from no_usable(name)
        raise problem
    return scene


def _place(name: str, into: str | None, tenant: str | None) -> str:
    """The schema of Postgres that the views go to. Raises ViewsRefused."""
    if tenant is not None:
        check_tenant(tenant)
    place = into
    if place is None:
        slug = "" if tenant is None else re.sub(r"[^a-z0-9]+", "_", tenant.lower()).strip("_")
        if tenant is not None and not slug:
            raise _refused(name, f"the tenant {tenant!r} gives no name to a schema of Postgres; say it with --into")
        place = f"{name}_{slug}"[:LENGTH_LIMIT].rstrip("_") if slug else name
    if not place or len(place.encode()) > LENGTH_LIMIT or "\0" in place:
        raise _refused(name, f"a schema of Postgres has a name of 1 to {LENGTH_LIMIT} bytes: say another with --into")
    if place == "memreg" or place == "information_schema" or place.startswith("pg_"):
        raise _refused(name, f"{place} is not for views: say another schema of Postgres with --into")
    return place


def _grants(place: str, relations: Sequence[Relation], roles: Sequence[str]) -> list[Composable]:
    found: list[Composable] = []
    for role in roles:
        to: Composable = SQL("public") if role.lower() == "public" else Identifier(role)
        where = Identifier(place)
        found.append(SQL("grant usage on schema {} to {}").format(where, to))
        found += [SQL("grant select on {} to {}").format(qualified(place, each.name), to) for each in relations]
        # For the view of a class that a later version adds.
        found.append(SQL("alter default privileges in schema {} grant select on tables to {}").format(where, to))
    return found


def _attempt(name: str, statements: Sequence[Composable], verb: str = "made") -> Steps[None]:
    problem = yield from attempt(statements, PATIENCE)
    if problem is not None:
        raise _refused(name, problem[1], verb)


def _check(name: str, outcomes: Sequence[Outcome]) -> None:
    problems = [f"{each.name}: {each.problem}" for each in outcomes if each.problem]
    if problems:
        raise _refused(name, "; ".join(problems))


def _refused(name: str, reason: str, verb: str = "made") -> ViewsRefused:
    return ViewsRefused(name=name, verb=verb, reason=reason)


def _view(view: Installed, wanted: dict[str, str]) -> View:
    mark = view.mark
    return View(
        view.place,
        view.name,
        mark.class_name,
        mark.schema,
        mark.version,
        mark.tenant,
        view.owner,
        in_step=wanted.get(mark.class_name) == mark.digest,
    )
