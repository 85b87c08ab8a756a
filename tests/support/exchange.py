"""Generated schemas for round trips: every dtype, references in circles, texts that need quoting, names that others
keep for themselves."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import strategies as st

from memreg.registry.models import SchemaSpec
from memreg.registry.parse import COMPATIBILITY, parse_schema

COLUMN_NAMES = st.sampled_from(
    ["name", "email", "notes", "title", "class", "from", "list", "date", "str", "model_dump", "copy", "json", "Order",
     "user_id", "memory_id", "Name_2", "description", "bool", "Field", "key", "index", "primary", "unique", "check",
     "comment", "like", "period", "constraint", "default", "model_config", "self", "UUID", "value", "a" * 63]
)  # fmt: skip
CLASS_NAMES = st.sampled_from(
    ["Person", "Company", "order_item", "Field", "BaseModel", "str", "Literal", "CLASSES", "datetime", "Visit",
     "tuple", "X1", "ClassVar", "notes"]
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(["", "it's", 'a "b"', "a\\b", "50 % of; it -- all", "line\nline", " spaces ", "{x}", "/* no */",
                     "ß → é", "''", "\\'", "x\\", '"', "$$", "'); drop table x; --", "tab\there", "`tick`", "[x]"]),
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn"), exclude_characters="\ufeff\u2028\u2029"), max_size=9),
)  # fmt: skip
VALUES = st.sampled_from(["new", "it's", "in progress", 'say "x"', "a,b", "a\\b", "0", "NO", "true", "null", "é"])
STEPS = st.sampled_from([["trim"], ["email"], ["url"], ["email", "trim"], ["casefold", "collapse"], [{"phone": "NO"}]])
DEFAULTS: dict[str, list[Any]] = {
    "string": ["it's", "NO", "0"],
    "text": ["x"],
    "integer": [0, -7, 2**53],
    "number": [0.5, -1.25, 3.0],
    "boolean": [True, False],
    "date": ["2026-11-21"],
    "datetime": ["2026-11-21T10:00:00+00:00"],
}


@st.composite
def specs(draw: Any) -> SchemaSpec:
    """A right schema with up to three classes."""
    names = draw(st.lists(CLASS_NAMES, min_size=1, max_size=3, unique_by=str.casefold))
    classes = {name: draw(_class(names, names[index + 1 :])) for index, name in enumerate(names)}
    for number, each in enumerate(classes.values()):
        if draw(st.booleans()):
            each["aliases"] = [f"Alias_{number}", f"Other_{number}"]
    data = {"schema": "shop", "compatibility": draw(st.sampled_from(COMPATIBILITY)), "classes": classes}
    return parse_schema(json.dumps(data), "generated")


@st.composite
def _class(draw: Any, names: list[str], later: list[str]) -> dict[str, Any]:
    columns = {name: draw(_column(names, later)) for name in draw(st.lists(COLUMN_NAMES, min_size=1, max_size=5,
                                                                    unique_by=str.casefold))}  # fmt: skip
    data: dict[str, Any] = {"columns": columns}
    if description := draw(TEXTS):
        data["description"] = description
    strings = [name for name, each in columns.items() if each["dtype"] == "string" and "default" not in each]
    if strings and draw(st.booleans()):
        data["annotation"] = {
            "searchable": {strings[-1]: 2},
            "identity": [{"columns": [strings[0]], **draw(st.sampled_from([{}, {"strength": "shared"},
                                                                             {"rationale": "it's one"}]))}],
        }  # fmt: skip
        if data["annotation"]["identity"][0].get("strength") and len(strings) == 1:
            del data["annotation"]
    if strings and draw(st.booleans()):
        data["patterns"] = [f"it is {{{strings[0]}}}", {"text": f"no {{{strings[-1]}}}", "operation": "delete"}]
    return data


@st.composite
def _column(draw: Any, names: list[str], later: list[str]) -> dict[str, Any]:
    kinds = ["string", "text", "integer", "number", "boolean", "date", "datetime", "enum"]
    kind = draw(st.sampled_from([*kinds, *(f"ref[{name}]" for name in names)]))
    is_list = draw(st.integers(0, 3)) == 0
    # Required references may not go in a circle.
    required = draw(st.booleans()) and (not kind.startswith("ref") or kind[4:-1] in later)
    data: dict[str, Any] = {"dtype": f"list[{kind}]" if is_list else kind, "required": required}
    if text := draw(TEXTS):
        data["desc"] = text
    if kind == "enum":
        data["values"] = draw(st.lists(VALUES, min_size=1, max_size=4, unique_by=str.casefold))
    if kind == "string" and draw(st.booleans()):
        data["normalize"] = draw(STEPS)
    elif kind in DEFAULTS and draw(st.booleans()):
        default = draw(st.sampled_from(DEFAULTS[kind]))
        data["default"] = [default] if is_list else default
    elif kind == "enum" and draw(st.booleans()):
        default = draw(st.sampled_from(data["values"]))
        data["default"] = [default] if is_list else default
    if kind == "text" and draw(st.booleans()):
        data["examples"] = [["a"]] if is_list else ["a", "it's"]
    if kind.startswith("ref") and not is_list:
        data["on_delete"] = draw(st.sampled_from(["keep", "refuse", "cascade"] + ["clear"] * (not data["required"])))
    if draw(st.booleans()):
        data["pii"] = True
    if draw(st.booleans()):
        data["merge"] = "keep"
    return data


@contextmanager
def module_of(source: str, name: str = "exported_by_memreg") -> Iterator[types.ModuleType]:
    """A module of Python source, while it is in use."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    try:
        exec(compile(source, f"{name}.py", "exec"), module.__dict__)
        yield module
    finally:
        del sys.modules[name]
