"""Making views and keeping them in step with the version in force, as plans.

`refresh_views` is run in the transaction that puts a version in force. It never makes that fail: a view that cannot be
replaced (somebody reads it just now, or it is not ours to change) is left as it is, which `memreg views list` tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from psycopg.sql import SQL as TEXT
from psycopg.sql import Composable, Identifier

from memreg.core.queries import Queries
from memreg.core.steps import Steps, fetch, fetch_row, fetch_rows
from memreg.registry.lookup import head_from, load_version, usable_head
from memreg.registry.models import SchemaVersion
from memreg.registry.views.installed import Installed, installed
from memreg.registry.views.names import column_names
from memreg.registry.views.readings import class_now, columns_now, specs
from memreg.registry.views.relation import MARKER, Relation, ViewColumn, create, qualified, relations

SQL = Queries.load("memreg.registry.views")
PATIENCE = "500ms"
"""How long a version that is put in force waits for those who read a view."""
_HAS_DEPENDENTS = "2BP01"
_NO_LOCK = "55P03"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one view: made, replaced, made anew, kept (it has no other columns now), dropped, or left as it
    was, and then why."""

    place: str
    name: str
    class_name: str
    action: str
    problem: str = ""


@dataclass(frozen=True)
class Scene:
    """What views are made from: the version in force, the server, and the views of the schema that are there."""

    version: SchemaVersion
    server: int
    me: str
    views: tuple[Installed, ...]

    def relations(self, tenant: str | None) -> tuple[Relation, ...]:
        """The views that the version wants."""
        return relations(self.version, tenant, self.server)

    def in_place(self, place: str) -> tuple[Installed, ...]:
        """The views of this schema that are in a schema of Postgres."""
        return tuple(each for each in self.views if each.place == place)


@dataclass
class _Bench:
    """A schema of Postgres while its views are made: what is there."""

    place: str
    patience: str
    taken: set[str] = field(default_factory=set)


def refresh_views(name: str) -> Steps[tuple[Outcome, ...]]:
    """Bring every view of a schema in step with the version in force; costs one round trip where there are none."""
    _, rows = yield from fetch(SQL["server_version"](), SQL["marked_views"](marker=f"%{MARKER}{{%"))
    if not installed(rows, name):
        return ()
    scene = yield from read_scene(name)
    if scene is None:
        return ()
    found: list[Outcome] = []
    for place, tenant in dict.fromkeys((each.place, each.mark.tenant) for each in scene.views):
        found += yield from bring_in_step(scene, place, tenant, PATIENCE)
    return tuple(found)


def read_scene(name: str) -> Steps[Scene | None]:
    """The version in force (the active one, else the newest pending one) and the views there are; None without one."""
    heads, server, rows = yield from fetch(
        usable_head(name), SQL["server_version"](), SQL["marked_views"](marker=f"%{MARKER}{{%")
    )
    head = head_from(heads)
    if head is None:
        return None
    version = yield from load_version(name, head.version)
    return Scene(version, int(server[0]["number"]), server[0]["me"], tuple(installed(rows, name)))


def bring_in_step(scene: Scene, place: str, tenant: str | None, patience: str) -> Steps[tuple[Outcome, ...]]:
    """Make, replace and drop the views of one schema of Postgres and tenant until they are what the version wants."""
    rows = yield from fetch_rows(SQL["relations_in"](place=place))
    bench = _Bench(place, patience, {row["name"] for row in rows})
    wanted = scene.relations(tenant)
    old = [each for each in scene.in_place(place) if each.mark.tenant == tenant]
    pairs = _pairs(scene, wanted, old)
    kept = [each.name for each in pairs.values()]
    found: list[Outcome] = []
    for view in old:
        if view.name not in kept:
            found += [(yield from _drop(bench, view))]
    # Those that get another name first, so that a new class can have the name they had.
    for relation in sorted(wanted, key=lambda each: each.class_name not in pairs):
        view_now = pairs.get(relation.class_name)
        found.append((yield from _replace(bench, scene, relation, view_now) if view_now else _make(bench, relation)))
    return tuple(found)


def attempt(statements: Iterable[Composable], patience: str) -> Steps[tuple[str, str] | None]:
    """Run statements that all succeed or leave nothing; the state and the message of what went wrong, else None."""
    texts = [each.as_string(None) for each in statements]
    row = yield from fetch_row(SQL["attempt"](statements=texts, patience=patience))
    problem = row["problem"] if row is not None else None
    if problem is None:
        return None
    state, message, detail = problem
    if state == _NO_LOCK:
        return state, "somebody reads it just now, and did not finish in time"
    if state == _HAS_DEPENDENTS and detail:
        message = f"{message} ({'; '.join(detail.splitlines())})"
    return state, message


# One view


def _pairs(scene: Scene, wanted: Sequence[Relation], old: Sequence[Installed]) -> dict[str, Installed]:
    """Which view there is becomes that of which class: that of the same class, by the name it had then."""
    now = {class_now(scene.version, view.mark.class_name, view.mark.version): view for view in old}
    return {each.class_name: now[each.class_name] for each in wanted if each.class_name in now}


def _make(bench: _Bench, relation: Relation) -> Steps[Outcome]:
    if relation.name in bench.taken:
        problem = f"{bench.place} has a {relation.name} already that memreg did not make"
        return Outcome(bench.place, relation.name, relation.class_name, "left", problem)
    problem_found = yield from attempt(create(bench.place, relation), bench.patience)
    if problem_found is not None:
        return Outcome(bench.place, relation.name, relation.class_name, "left", problem_found[1])
    bench.taken.add(relation.name)
    return Outcome(bench.place, relation.name, relation.class_name, "made")


def _drop(bench: _Bench, view: Installed) -> Steps[Outcome]:
    problem = yield from attempt([TEXT("drop view {}").format(qualified(view.place, view.name))], bench.patience)
    if problem is not None:
        return Outcome(bench.place, view.name, view.mark.class_name, "left", problem[1])
    bench.taken.discard(view.name)
    return Outcome(bench.place, view.name, view.mark.class_name, "dropped")


def _replace(bench: _Bench, scene: Scene, relation: Relation, view: Installed) -> Steps[Outcome]:
    if relation.name != view.name and relation.name in bench.taken:
        relation = replace(relation, name=view.name)  # another view or table has its name: it keeps its own
    if relation.mark.digest == view.mark.digest and relation.name == view.name:
        comment = TEXT("comment on view {} is {}").format(
            qualified(bench.place, view.name), relation.mark.comment(relation.description)
        )
        problem = yield from attempt([comment], bench.patience)
        if problem is None:
            return Outcome(bench.place, relation.name, relation.class_name, "kept")
        return Outcome(bench.place, relation.name, relation.class_name, "left", problem[1])
    renames = _renames(scene, relation, view)
    first = [*_renaming(bench.place, relation, view, renames)]
    now = view.called(relation.name, renames)
    columns = {column.name: column.type for column in relation.columns}
    if all(columns.get(name) == kind for name, kind in now.columns):
        statements = [*first, *create(bench.place, relation.ordered(now.names), now.options, replacing=True)]
        action = "replaced"
    else:
        made = create(bench.place, relation, now.options)
        statements = [*first, TEXT("drop view {}").format(qualified(bench.place, now.name)), *made]
        if now.owner != scene.me:
            owner = Identifier(now.owner)
            statements.append(TEXT("alter view {} owner to {}").format(qualified(bench.place, now.name), owner))
        statements += now.grant_again(columns)
        action = "made anew"
    problem = yield from attempt(statements, bench.patience)
    if problem is not None and problem[0] == _HAS_DEPENDENTS:
        widened = _widened(relation, now)
        again = [*first, *create(bench.place, widened, now.options, replacing=True)]
        problem, action = (yield from attempt(again, bench.patience)), "widened"
    if problem is not None:
        return Outcome(bench.place, view.name, relation.class_name, "left", problem[1])
    bench.taken.discard(view.name)
    bench.taken.add(relation.name)
    return Outcome(bench.place, relation.name, relation.class_name, action)


def _renames(scene: Scene, relation: Relation, view: Installed) -> list[tuple[str, str]]:
    """The view's columns that have another name now, with that name."""
    then = specs(scene.version).get(view.mark.version)
    before = None if then is None else then.by_name.get(view.mark.class_name)
    if before is None:
        return []
    shown_then = column_names(before)
    shown_now = column_names(scene.version.spec.by_name[relation.class_name])
    same = columns_now(scene.version, view.mark.class_name, view.mark.version)
    found = [(shown_then[old], shown_now[new]) for old, new in same.items()]
    return [(old, new) for old, new in found if old != new and old in view.names and new not in view.names]


def _renaming(
    place: str, relation: Relation, view: Installed, columns: Iterable[tuple[str, str]]
) -> Iterable[Composable]:
    if relation.name != view.name:
        yield TEXT("alter view {} rename to {}").format(qualified(place, view.name), Identifier(relation.name))
    for old, new in columns:
        yield TEXT("alter view {} rename column {} to {}").format(
            qualified(place, relation.name), Identifier(old), Identifier(new)
        )


def _widened(relation: Relation, view: Installed) -> Relation:
    """With every column that other objects may depend on, of the type it had: null where the class has it no more."""
    by_name = {column.name: column for column in relation.columns}
    kept = []
    for name, kind in view.columns:
        column = by_name.get(name)
        if column is None:
            kept.append(ViewColumn(name, kind, TEXT("null::{}").format(TEXT(kind)), "Gone; something depends on it."))
        elif column.type == kind:
            kept.append(column)
        else:
            sql = TEXT("({})::text").format(column.sql) if kind == "text" else TEXT("null::{}").format(TEXT(kind))
            kept.append(
                ViewColumn(name, kind, sql, f"Is of type {column.type} now; something depends on it as it was.")
            )
    rest = [column for column in relation.columns if column.name not in view.names]
    return replace(relation, columns=(*kept, *rest))
