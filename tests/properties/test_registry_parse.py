"""Properties of schema files: nothing crashes them, what is dumped reads as itself, and layout is no content."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from memreg.core.errors import SchemaInvalid
from memreg.registry.casts import CASTS
from memreg.registry.dump import dump_schema, schema_data
from memreg.registry.fingerprint import canonical, fingerprint, spec_from
from memreg.registry.models import SchemaSpec
from memreg.registry.parse import COMPATIBILITY, parse_schema
from memreg.registry.parse_column import DTYPES

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
TEXTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn"), exclude_characters="\u2028\u2029\ufeff"), max_size=20
)
STEPS = [["trim"], ["casefold", "collapse"], ["email"], ["url"], ["digits"], [{"phone": "NO"}], ["nfkc", "trim"]]
EXAMPLES: dict[str, list[Any]] = {
    "text": ["a: b", "- x", "no", "2026-01-01", "{x}", "#"],
    "integer": [1, -5],
    "number": [1.5, 2, 1e300],
    "boolean": [True],
    "date": ["2026-01-01"],
    "datetime": ["2026-01-01T10:00"],
}
DEFAULTS: dict[str, Any] = {"text": "a: b", "integer": 0, "boolean": False, "date": "2026-01-01"}


@st.composite
def column_data(draw: st.DrawFn) -> dict[str, Any]:
    """A right column as it stands in a file."""
    kind = draw(st.sampled_from(DTYPES))
    is_list = draw(st.booleans())
    data: dict[str, Any] = {"dtype": f"list[{kind}]" if is_list else kind, "desc": draw(TEXTS)}
    if kind == "enum":
        words = st.text("abcdefgh", min_size=1, max_size=5)
        data["values"] = draw(st.lists(words, min_size=1, max_size=4, unique=True))
    if kind == "string" and draw(st.booleans()):
        data["normalize"] = draw(st.sampled_from(STEPS))
    if examples := EXAMPLES.get(kind):
        data["examples"] = [
            [each] if is_list else each for each in draw(st.lists(st.sampled_from(examples), max_size=2))
        ]
    for flag in ("required", "pii"):
        if draw(st.booleans()):
            data[flag] = draw(st.booleans())
    merges = ["replace", "keep"] + (["union", "append"] if is_list else [])
    if kind in ("integer", "date") and not is_list:
        merges += ["min", "max"]
    data["merge"] = draw(st.sampled_from(merges))
    if draw(st.booleans()):
        data["from"] = draw(source_data(is_list, kind))
    if kind in DEFAULTS and draw(st.booleans()):
        data["default"] = [DEFAULTS[kind]] if is_list else DEFAULTS[kind]
    return data


@st.composite
def source_data(draw: st.DrawFn, is_list: bool, kind: str) -> Any:
    """A right `from:` of a column, as it stands in a file."""
    other = "Other" + draw(NAMES)
    forms = ["name", "new", "cast"] + (["split", "join", "map"] if kind in ("string", "text") else [])
    separator = draw(st.sampled_from([" ", ", ", "-", ":", "1"]))
    match draw(st.sampled_from(forms)):
        case "name":
            return other
        case "new":
            return []
        case "cast":
            return {"column": other, "cast": draw(st.sampled_from(sorted(CASTS)))}
        case "split":
            part = {} if is_list else {"part": draw(st.sampled_from([-2, -1, 1, 2])), "rest": draw(st.booleans())}
            return {"column": other, "split": separator, **part}
        case "join":
            return {"columns": [other, "Second"], "join": separator}
    table = draw(st.dictionaries(st.sampled_from(["a", "1", "true", "x: y", "#"]), st.just("a"), min_size=1))
    return {"column": other, "cast": "text", "map": table, "otherwise": None}


@st.composite
def schemas(draw: st.DrawFn) -> dict[str, Any]:
    """A right schema as it stands in a file."""
    classes = {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)):
        columns = draw(st.dictionaries(NAMES, column_data(), min_size=1, max_size=5))
        each: dict[str, Any] = {"columns": columns, "description": draw(TEXTS)}
        text = [column for column, data in columns.items() if data["dtype"] == "string"]
        if text:
            each["patterns"] = [f"it is {{{text[0]}}}", {"text": f"no {{{text[-1]}}}", "operation": "delete"}]
            each["annotation"] = {
                "searchable": {column: draw(st.floats(0.1, 10)) for column in text},
                "identity": [{"columns": [text[0]], "confidence": draw(st.floats(0, 1)), "rationale": draw(TEXTS)}],
            }
        if draw(st.booleans()):
            each |= {"from": f"Former_{name}", "aliases": [f"Alias_{name}", f"Other_{name}"]}
        if draw(st.booleans()):
            dtype = draw(st.sampled_from([f"ref[Class_{name}]", f"list[ref[Class_{name}]]"]))
            on_delete = draw(st.sampled_from(["keep", "clear", "refuse", "cascade"]))
            each["columns"]["Link"] = {"dtype": dtype, "on_delete": on_delete}
        classes[f"Class_{name}"] = each
    return {"schema": draw(NAMES), "compatibility": draw(st.sampled_from(COMPATIBILITY)), "classes": classes}


def parsed(data: dict[str, Any]) -> SchemaSpec:
    """JSON is YAML."""
    return parse_schema(json.dumps(data), "generated")


def shuffled(data: Any, chance: random.Random) -> Any:
    """The same data with the keys of every mapping in another order."""
    if isinstance(data, dict):
        entries = list(data.items())
        chance.shuffle(entries)
        return {key: shuffled(value, chance) for key, value in entries}
    return [shuffled(item, chance) for item in data] if isinstance(data, list) else data


@given(schemas())
@settings(max_examples=40, deadline=None)
def test_a_dumped_schema_reads_as_itself(data: dict[str, Any]) -> None:
    spec = parsed(data)
    assert parse_schema(dump_schema(spec), "dumped") == spec
    assert parsed(schema_data(spec)) == spec


@given(schemas())
@settings(max_examples=40, deadline=None)
def test_the_canonical_form_reverses(data: dict[str, Any]) -> None:
    spec = parsed(data)
    assert spec_from(json.loads(json.dumps(canonical(spec), sort_keys=True))) == spec


@given(schemas(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_layout_is_no_content(data: dict[str, Any], chance: random.Random) -> None:
    spec = parsed(data)
    other = parsed(shuffled(data, chance))
    assert fingerprint(other) == fingerprint(spec)
    with_comments = "# first\n" + dump_schema(other).replace("\n", "  # a comment\n", 1)
    assert fingerprint(parse_schema(with_comments, "dumped")) == fingerprint(spec)


@given(schemas(), schemas())
@settings(max_examples=50, deadline=None)
def test_equal_fingerprints_mean_equal_content(one: dict[str, Any], two: dict[str, Any]) -> None:
    first, second = parsed(one), parsed(two)
    same = sorted(first.classes, key=repr) == sorted(second.classes, key=repr)
    assert (fingerprint(first) == fingerprint(second)) >= same


@given(st.text() | st.binary())
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_schema_or_refused(text: str | bytes) -> None:
    try:
        parse_schema(text, "any")
    except SchemaInvalid as error:
        assert error.mistakes  # noqa: PT017


YAML_PIECES = st.sampled_from(
    [
        "schema",
        "classes",
        "columns",
        "dtype",
        "string",
        "A",
        ": ",
        ":",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ",",
    ]
    + [
        "&a ",
        "*a",
        "!!int ",
        "!x ",
        "<<",
        "? ",
        "| ",
        "> ",
        "'",
        '"',
        "%",
        "@",
        "\t",
        "#",
        "---",
        "...",
        "0x",
        "1_0",
        ".inf",
    ]
    + [
        "\\u0000",
        '"\\ud800"',
        "patterns",
        "annotation",
        "identity",
        "searchable",
        "examples",
        "{a}",
        "null",
        "~",
        "true",
    ]
)


@given(st.lists(YAML_PIECES, max_size=40).map("".join))
@settings(max_examples=300, deadline=None)
def test_near_yaml_is_a_schema_or_refused(text: str) -> None:
    for each in (text, f"schema: s\nclasses:\n  A:\n    columns:\n      a: {{dtype: string}}\n    {text}"):
        try:
            parse_schema(each, "near")
        except SchemaInvalid as error:
            assert all(mistake.text for mistake in error.mistakes)  # noqa: PT017


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["dtype", "values", "normalize", "merge", "examples", "columns", "identity", "text", "x", "from", "map"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


PLACES = ["classes", "A", "columns", "a", "patterns", "annotation", "examples"]
PLACES += ["from", "default", "on_delete", "aliases", "class"]


@given(TREES, st.sampled_from(PLACES))
@settings(max_examples=700, deadline=None)
def test_any_data_at_any_place_is_a_schema_or_refused(tree: Any, place: str) -> None:
    column: Any = tree if place == "a" else {"dtype": "text"}
    if place in ("examples", "from", "default", "on_delete"):
        column = {"dtype": "string", place: tree}
    body: dict[str, Any] = {"columns": tree if place == "columns" else {"a": column}}
    if place in ("patterns", "annotation", "aliases", "class"):
        body["from" if place == "class" else place] = tree
    classes = tree if place == "classes" else {"A": tree if place == "A" else body}
    try:
        parse_schema(json.dumps({"schema": "s", "classes": classes}), "any")
    except SchemaInvalid as error:
        assert len(set(error.mistakes)) == len(error.mistakes)  # noqa: PT017
