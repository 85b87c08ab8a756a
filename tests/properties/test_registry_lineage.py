"""Properties of upcasting over generated lines of versions: steps compose, results have the form of the newest version,
nothing is promised in vain, and what is said to come back does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from memreg.engine.validate import missing_columns, with_defaults
from memreg.registry.compatibility import can_read
from memreg.registry.fingerprint import canonical, spec_from
from memreg.registry.inverse import inverse
from memreg.registry.lineage import Ancestor, Lineage
from memreg.registry.models import ClassSpec, Column, Dtype, Kind, Normalizer, SchemaSpec, Source
from memreg.registry.normalize import ValueRefused, normalize
from memreg.registry.sources import check_sources

KINDS = (Kind.STRING, Kind.TEXT, Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN, Kind.DATE, Kind.ENUM)
WORDS = ("red", "green", "blue", "7", "2026-01-31")
NORMALIZERS = (Normalizer("trim"), Normalizer("casefold"), Normalizer("collapse"))
VALUES = st.one_of(
    st.sampled_from([*WORDS, "Ana Lopez", "a, b, c", " x ", "yes", "12.5 kg"]),
    st.integers(-5, 10**6),
    st.floats(-1e6, 1e6).map(lambda value: round(value, 2)),
    st.booleans(),
)


@st.composite
def plain_columns(draw: st.DrawFn, name: str) -> Column:
    """A column without a source."""
    kind = draw(st.sampled_from(KINDS))
    values = tuple(draw(st.lists(st.sampled_from(WORDS), min_size=1, unique=True))) if kind is Kind.ENUM else ()
    steps = draw(st.lists(st.sampled_from(NORMALIZERS), unique=True)) if kind in (Kind.STRING, Kind.TEXT) else ()
    column = Column(
        name, Dtype(kind, draw(st.booleans())), values=values, normalize=tuple(steps), pii=draw(st.booleans())
    )
    default = fitted(column, draw(VALUES)) if draw(st.integers(0, 4)) == 0 else None
    return replace(column, default=tuple(default) if isinstance(default, list) else default)


@st.composite
def sources(draw: st.DrawFn, before: ClassSpec, *, rough: bool) -> Source:
    """A source that speaks of columns of the class, whatever they are."""
    names = list(before.by_name)
    one = (draw(st.sampled_from(names)),)
    match draw(
        st.sampled_from(["name", "new", "split", "join", "map", "cast"] if rough else ["name", "name", "split"])
    ):
        case "new":
            return Source(())
        case "split":
            return Source(
                one,
                split=draw(st.sampled_from([" ", ","])),
                part=draw(st.sampled_from([1, 2, -1])),
                rest=draw(st.booleans()),
            )
        case "join":
            return Source(tuple(draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))), join=" ")
        case "map":
            table = draw(st.dictionaries(st.sampled_from([*WORDS, "true"]), st.sampled_from(WORDS) | st.none()))
            otherwise = draw(st.just(Source.__dataclass_fields__["otherwise"].default) | st.none())
            return Source(one, map=tuple(table.items()), otherwise=otherwise)
        case "cast":
            return Source(
                one, cast=draw(st.sampled_from(["round", "date", "year", "first", "count", "text", "yes_no", "digits"]))
            )
    return Source(one)


@st.composite
def evolved(draw: st.DrawFn, base: SchemaSpec, number: int) -> SchemaSpec:
    """A version based on another one: each column stays, changes, is made of something, or goes; some are new."""
    classes: list[ClassSpec] = []
    for spec in base.classes:
        columns: list[Column] = []
        for column in spec.columns:
            match draw(st.sampled_from(["stay", "stay", "retype", "rename", "make", "drop"])):
                case "stay":
                    columns.append(column)
                case "retype":
                    columns.append(draw(plain_columns(column.name)))
                case "rename":
                    columns.append(replace(column, name=f"{column.name}_{number}", source=Source((column.name,))))
                case "make":
                    made = draw(plain_columns(f"made{number}_{column.name}"))
                    columns.append(replace(made, source=draw(sources(spec, rough=True))))
        if not columns or draw(st.booleans()):
            columns.append(draw(plain_columns(f"new{number}")))
        name, source = spec.name, None
        if draw(st.integers(0, 3)) == 0:
            name, source = f"{spec.name}_{number}", spec.name
        classes.append(ClassSpec(name, tuple(columns), source=source))
    return SchemaSpec("s", tuple(classes))


@st.composite
def lines(draw: st.DrawFn) -> list[Ancestor]:
    """Two to five versions; most are based on the one before."""
    columns = [draw(plain_columns(name)) for name in draw(st.sampled_from(["ab", "abc", "abcd"]))]
    first = ClassSpec("Thing", tuple(columns))
    found = [Ancestor(SchemaSpec("s", (first, ClassSpec("Other", tuple(columns[:1])))), 1)]
    for number in range(2, draw(st.integers(2, 5)) + 1):
        base = found[-1] if draw(st.integers(0, 3)) else draw(st.sampled_from(found))
        found.append(Ancestor(draw(evolved(base.spec, number)), number, base.version))
    return found


def fitted(column: Column, value: object) -> Any:
    """The value as the column stores it; None where it does not fit."""
    try:
        return normalize(column, value).value
    except ValueRefused:
        return None


@st.composite
def payloads(draw: st.DrawFn, spec: ClassSpec) -> dict[str, Any]:
    """A payload that the class stores."""
    found = {column.name: fitted(column, draw(VALUES)) for column in spec.columns}
    return {name: value for name, value in found.items() if value is not None}


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_memory_has_the_form_of_the_newest_version_at_once_or_step_by_step(data: st.DataObject) -> None:
    line = data.draw(lines())
    newest = line[-1]
    versions = Lineage(newest, line[:-1])
    start = data.draw(st.sampled_from(line))
    spec = data.draw(st.sampled_from(start.spec.classes))
    payload = data.draw(payloads(spec))
    done = versions.upcast(spec.name, start.version, payload, payload)

    assert (done.class_name is None) == (versions.class_now(spec.name, start.version) is None)
    if done.class_name is None:
        assert done.payload == payload
        return
    if start is newest or not versions.changes_payload(spec.name, start.version):
        assert (done.class_name, done.payload, done.originals) == (spec.name, payload, payload)
    if not versions.can_fail(spec.name, start.version):
        assert done.problems == ()
    final = newest.spec.by_name[done.class_name]
    assert done.originals.keys() <= done.payload.keys() <= final.by_name.keys()
    assert all(fitted(final.by_name[name], value) == value for name, value in done.payload.items())
    assert versions.upcast(done.class_name, newest.version, done.payload, {}).payload == done.payload
    assert sum(
        place.class_name == spec.name and place.first <= start.version <= place.last
        for place in versions.places(done.class_name)
    ) == 1  # fmt: skip

    # Over every version on the way, one at a time.
    name: str | None = spec.name
    at, problems = start, 0
    while at is not newest:
        following = next((each for each in line if each.base == at.version and _leads(each, newest, line)), None)
        if following is None:
            return  # a version beside the way turns back first
        one = Lineage(following, [each for each in line if each.version < following.version])
        assert name is not None
        step = one.upcast(name, at.version, payload, {})
        name, payload, at, problems = step.class_name, step.payload, following, problems + len(step.problems)
    assert (name, payload, problems) == (done.class_name, done.payload, len(done.problems))


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_proposal_of_before_says_what_a_memory_of_before_says(data: st.DataObject) -> None:
    line = data.draw(lines())[:2]
    versions = Lineage(line[1], line[:1])
    spec = line[0].spec.by_name["Thing"]
    payload = data.draw(payloads(spec))
    done = versions.upcast("Thing", 1, payload, {})
    class_name, values = versions.translate("Thing", 1, payload)
    assert class_name == done.class_name
    failed = {problem.column for problem in done.problems}
    for column in line[1].spec.by_name[class_name].columns:
        replaced = column.source is not None and column.source.otherwise is None
        if column.default is None and column.name not in failed and not replaced:
            said = values.get(column.name)
            assert (None if said is None else fitted(column, said)) == done.payload.get(column.name)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_what_does_not_fit_was_told_as_not_compatible(data: st.DataObject) -> None:
    old, new = (replace(each, spec=_required(each.spec, data)) for each in data.draw(lines())[:2])
    assume(not check_sources(new.spec, old.spec))
    spec = old.spec.by_name["Thing"]
    payload = with_defaults(data.draw(payloads(spec)), spec)
    assume(not missing_columns(payload, spec))
    done = Lineage(new, [old]).upcast("Thing", 1, payload, {})
    assert done.class_name is not None
    missing = missing_columns(done.payload, new.spec.by_name[done.class_name])
    told = {reason.where.split(".")[-1] for reason in can_read(new.spec, old.spec) if reason.breaks}
    assert {*missing, *(problem.column for problem in done.problems)} <= told


def _required(spec: SchemaSpec, data: st.DataObject) -> SchemaSpec:
    """The schema with some columns required."""
    return replace(
        spec,
        classes=tuple(
            replace(each, columns=tuple(replace(c, required=data.draw(st.booleans())) for c in each.columns))
            for each in spec.classes
        ),
    )


def _leads(each: Ancestor, newest: Ancestor, line: list[Ancestor]) -> bool:
    at: Ancestor | None = newest
    while at is not None:
        if at is each:
            return True
        at = next((other for other in line if other.version == at.base), None)
    return False


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_what_a_reason_shows_is_no_personal_value(data: st.DataObject) -> None:
    line = [replace(each, spec=_personal(each.spec)) for each in data.draw(lines())]
    spec = line[0].spec.by_name["Thing"]
    marked = {column.name: "hush" for column in spec.columns if column.dtype.kind in (Kind.STRING, Kind.TEXT)}
    payload = {name: ["hush"] if spec.by_name[name].dtype.is_list else value for name, value in marked.items()}
    done = Lineage(line[-1], line[:-1]).upcast("Thing", 1, payload, {})
    assert not any("hush" in problem.reason for problem in done.problems)


def _personal(spec: SchemaSpec) -> SchemaSpec:
    """The schema with every column of the first version personal, and no other one."""
    return replace(
        spec,
        classes=tuple(
            replace(each, columns=tuple(replace(c, pii=len(c.name) == 1) for c in each.columns))
            for each in spec.classes
        ),
    )


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_what_is_said_to_come_back_does(data: st.DataObject) -> None:
    line = data.draw(lines())[:1]
    old = line[0]
    columns: list[Column] = []
    for column in old.spec.by_name["Thing"].columns:
        move = data.draw(st.sampled_from(["stay", "rename", "widen", "map", "split", "list"]))
        renamed = replace(column, name=f"{column.name}2", source=Source((column.name,)), default=None)
        values = [*column.values, *(f"{value} 2" for value in column.values)]
        if move == "widen" and column.dtype.kind is Kind.ENUM:
            columns.append(replace(column, values=tuple(values)))
        elif move == "map" and column.dtype.kind is Kind.ENUM:
            table = tuple((value, f"{value} 2") for value in column.values)
            source = Source((column.name,), map=table)
            columns.append(replace(renamed, values=tuple(new for _, new in table), source=source))
        elif move == "split" and column.dtype.kind in (Kind.STRING, Kind.TEXT) and not column.dtype.is_list:
            first = Source((column.name,), split=" ", part=1)
            rest = Source((column.name,), split=" ", part=2, rest=True)
            columns.append(replace(renamed, source=first))
            columns.append(replace(renamed, name=f"{column.name}3", source=rest))
        elif move == "list" and not column.dtype.is_list:
            columns.append(replace(renamed, dtype=Dtype(column.dtype.kind, is_list=True)))
        else:
            columns.append(replace(column, default=None) if move == "stay" else renamed)
    thing = ClassSpec("Renamed", tuple(columns), source="Thing")
    new = Ancestor(SchemaSpec("s", (thing, *old.spec.classes[1:])), 2, 1)
    back, lost = inverse(old.spec, new.spec)

    assert check_sources(new.spec, old.spec) == ()
    assert check_sources(back, new.spec) == ()
    assert spec_from(canonical(back)) == back
    payload = data.draw(payloads(old.spec.by_name["Thing"]))
    there = Lineage(new, [old]).upcast("Thing", 1, payload, {})
    again = Lineage(Ancestor(back, 3, 2, restores=1), [old, new]).upcast("Renamed", 2, there.payload, {})
    assert (there.problems, again.problems, again.class_name) == ((), (), "Thing")
    without = {
        name: column.default for name, column in old.spec.by_name["Thing"].by_name.items() if name not in payload
    }
    expected = payload | {name: _listed(value) for name, value in without.items() if value is not None}
    told = {sentence.split(" ")[0].removesuffix(":") for sentence in lost}
    for name in old.spec.by_name["Thing"].by_name:
        if f"Thing.{name}" not in told:
            assert again.payload.get(name) == expected.get(name)
        elif isinstance(payload.get(name), str):
            assert " ".join(str(again.payload[name]).split()) == " ".join(payload[name].split())


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
