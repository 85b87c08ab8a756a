"""Lint: what each rule finds, where, and that fixes touch nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from memreg.core.errors import SchemaInvalid
from memreg.operations.lint.edit import apply
from memreg.operations.lint.finding import Edit, Finding, Rule, rule
from memreg.operations.lint.rules import INVALID, RULES
from memreg.operations.lint.run import Linted, fixed_text, lint_file, lint_text
from memreg.registry.parse import parse_schema

ROOT = Path(__file__).parents[2]
GOOD = """\
schema: shop
classes:
  Customer:
    description: Somebody who buys
    columns:
      name: {dtype: string, desc: "First and last name, as written on bills", required: true, normalize: [trim]}
      email: {dtype: string, desc: Where bills are sent, pii: true, normalize: [email]}
    patterns: ["{name} buys here, {email}", {text: "forget {email}", operation: delete}]
    annotation:
      searchable: {name: 3}
      identity: [{columns: [email]}, {columns: [name], strength: strong}]
"""


def found(text: str, **more: object) -> dict[str, list[Finding]]:
    base = more.get("base")
    linted = lint_text(text, "test", base=parse_schema(base, "base") if isinstance(base, str) else None)
    by_code: dict[str, list[Finding]] = {}
    for each in linted.findings:
        by_code.setdefault(each.code, []).append(each)
    return by_code


def with_columns(*columns: str, rest: str = "", head: str = "description: Somebody who buys") -> str:
    lines = "".join(f"      {column}\n" for column in columns)
    return f"schema: shop\nclasses:\n  Customer:\n    {head}\n    columns:\n{lines}{rest}"


NAME = 'name: {dtype: string, desc: "First and last name", required: true, normalize: [trim]}'
ANNOTATED = "    annotation: {searchable: {name: 3}, identity: [{columns: [%s]}]}\n"

KEYED = "    annotation: {identity: [{columns: [code]}]}\n"
SEARCHED = "    annotation:\n      searchable: {note: 2}\n"
CASES: list[tuple[str, str, tuple[int, int]]] = [
    ("class-without-description", with_columns(NAME, head="patterns: []"), (3, 3)),
    (
        "classes-overlap",
        GOOD + "  Client:\n    description: Who buys\n    columns:\n      name: {dtype: string, desc: Who}\n"
        "      email: {dtype: string, desc: E-mail address, pii: true, normalize: [email]}\n",
        (12, 3),
    ),
    ("class-without-key", with_columns(NAME, rest="    annotation: {searchable: {name: 3}}\n"), (7, 5)),
    (
        "key-of-optional-columns",
        with_columns(
            NAME, "email: {dtype: string, desc: For bills, pii: true, normalize: [email]}", rest=ANNOTATED % "email"
        ),
        (8, 41),
    ),
    (
        "key-holds-another",
        GOOD.replace("{columns: [name], strength: strong}", "{columns: [email, name], strength: strong}"),
        (11, 38),
    ),
    (
        "many-required-columns",
        with_columns(NAME, *(f"{each}: {{dtype: string, desc: What {each} holds, required: true}}" for each in "abc")),
        (5, 5),
    ),
    (
        "renamed-class-is-there",
        GOOD + "  Client:\n    description: May buy\n    from: Customer\n    columns: {x: {dtype: date, desc: When}}\n",
        (14, 5),
    ),
    ("column-without-description", with_columns(NAME, "town: {dtype: string}"), (7, 7)),
    ("description-is-the-name", with_columns(NAME, "town: {dtype: string, desc: The town}"), (7, 29)),
    ("enum-of-one-value", with_columns(NAME, "state: {dtype: enum, desc: How it is, values: [open]}"), (7, 45)),
    ("personal-without-pii", with_columns(NAME, "phone: {dtype: string, desc: To be called}"), (7, 7)),
    ("personal-without-pii", with_columns(NAME, "reach: {dtype: string, desc: For bills, normalize: [email]}"), (7, 7)),
    (
        "key-not-normalized",
        with_columns("code: {dtype: string, desc: On the card, required: true}", rest=KEYED),
        (6, 7),
    ),
    (
        "long-text-searched",
        with_columns(NAME, "note: {dtype: text, desc: What else}", rest=SEARCHED),
        (9, 20),
    ),
    (
        "required-seldom-said",
        with_columns(
            NAME, "born: {dtype: date, desc: Day of birth, required: true}", rest='    patterns: ["{name} buys here"]\n'
        ),
        (7, 47),
    ),
    ("required-seldom-said", with_columns(NAME, "iban: {dtype: string, desc: Us, pii: true, required: true}"), (7, 50)),
    ("default-on-optional", with_columns(NAME, "town: {dtype: string, desc: Where, default: Oslo}"), (7, 42)),
    ("column-copied", with_columns(NAME, "call: {dtype: string, desc: To be called, from: name}"), (7, 49)),
    ("name-is-an-sql-word", with_columns(NAME, "order: {dtype: integer, desc: Which comes first}"), (7, 7)),
    ("name-taken-in-views", with_columns(NAME, "version: {dtype: string, desc: Which release}"), (7, 7)),
    ("pattern-never-matches", GOOD.replace("{name} buys here, {email}", "{name} buys. Bills go to {email}"), (8, 16)),
    ("pattern-hidden", GOOD.replace("patterns: [", 'patterns: ["{email} came", "{name} came", '), (8, 32)),
    ("delete-without-key", GOOD.replace("[email]}, {columns: [name]", "[email, name]"), (8, 45)),
    ("pattern-only-updates", GOOD.replace("{name} buys here, {email}", "bills go to {email}"), (8, 16)),
]  # fmt: skip


@pytest.mark.parametrize(("code", "text", "place"), CASES, ids=[f"{n}-{code}" for n, (code, _, _) in enumerate(CASES)])
def test_a_rule_finds_its_case_at_its_place(code: str, text: str, place: tuple[int, int]) -> None:
    parse_schema(text, "test")
    assert code in found(text), list(found(text))
    assert (found(text)[code][0].line, found(text)[code][0].column) == place


@pytest.mark.parametrize("each", RULES, ids=lambda each: each.code)
def test_a_rule_that_fixes_says_so(each: Rule) -> None:
    cases = [found(text)[code] for code, text, _ in CASES if code == each.code]
    assert any(finding.edit is not None for findings in cases for finding in findings) == each.fixes


def test_a_key_that_is_in_use_is_not_made_another_one() -> None:
    text = with_columns("code: {dtype: string, desc: On the card, required: true}", rest=KEYED)
    (kept,) = found(text, base=text)["key-not-normalized"]
    (new,) = found(text, base=with_columns(NAME))["key-not-normalized"]
    assert (kept.edit, new.edit is None) == (None, False)


def test_every_rule_has_a_case() -> None:
    assert {code for code, _, _ in CASES} | {"from-is-done"} == {each.code for each in RULES}


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert found(GOOD) == {}


def test_a_from_that_the_base_has_is_done() -> None:
    text = with_columns(NAME, "call: {dtype: string, desc: To be called, from: nick}")
    assert [each.column for each in found(text, base=text)["from-is-done"]] == [49]
    assert "from-is-done" not in found(text)
    assert "from-is-done" not in found(text, base=with_columns(NAME, "nick: {dtype: string, desc: To be called}"))


def test_mistakes_are_findings_too() -> None:
    (only,) = found("schema: shop\nclasses: {A: {columns: {a: {dtype: strin}}}}")[INVALID]
    assert (only.severity, only.line, only.column) == ("error", 2, 36)
    assert "did you mean string?" in only.text


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        ("searchable: {born: 1}", "only text is searched"),
        ("compare: [name]", "put it under searchable"),
        ("identity: [{columns: [tags]}]", "a key needs one short value"),
    ],
)
def test_an_annotation_that_cannot_be_is_a_mistake(annotation: str, says: str) -> None:
    text = with_columns(
        NAME,
        "born: {dtype: date, desc: Day of birth}",
        'tags: {dtype: "list[string]", desc: What they like}',
        rest=f"    annotation: {{{annotation}}}\n",
    )
    assert says in found(text)[INVALID][0].text


def test_rules_can_be_left_out() -> None:
    text = with_columns(NAME, "town: {dtype: string}")
    assert [each.code for each in lint_text(text, "test").findings] == ["column-without-description"]
    assert lint_text(text, "test", ignored=["column-without-description"]).findings == ()


def test_findings_are_in_the_order_of_the_file() -> None:
    linted = lint_file(ROOT / "fixtures" / "schemas" / "assistant.yaml")
    places = [(each.line, each.column) for each in linted.findings]
    assert places == sorted(places)
    assert linted.count("error") == 0
    assert linted.count("warning") + linted.count("note") == len(places)


def test_a_rule_without_a_docstring_is_refused() -> None:
    with pytest.raises(TypeError, match="no docstring"):
        rule("note")(lambda _: ())


@pytest.mark.parametrize("each", RULES, ids=lambda each: each.code)
def test_a_rule_says_what_it_is_for(each: Rule) -> None:
    assert each.help.endswith(".")
    assert len(each.help) > 40


# Fixes

UNTIDY = """\
# kept
schema:   shop      # as it is
classes:
  Customer:
    description: >
      Somebody
      who buys
    columns:
      name:    {dtype: string, desc: "First and last", required: true, normalize: [ trim ] }
      email:   {dtype: string, desc: For bills}   # comment
      phone:
        dtype: string   # another
        desc: |
          To be
          called
        pii: false

      mail: {  # a comment inside
        dtype: string,
        desc: Another address,  # of many
      }
    annotation:
      identity:
      - columns: [email]
"""
TIDY = """\
# kept
schema:   shop      # as it is
classes:
  Customer:
    description: >
      Somebody
      who buys
    columns:
      name:    {dtype: string, desc: "First and last", required: true, normalize: [ trim ] }
      email:   {dtype: string, desc: For bills, pii: true, normalize: [email]}   # comment
      phone:
        dtype: string   # another
        desc: |
          To be
          called
        pii: true

      mail: {  # a comment inside
        dtype: string,
        desc: Another address, pii: true,  # of many
      }
    annotation:
      identity:
      - columns: [email]
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_fix_leaves_all_else_as_it_is(tmp_path: Path, newline: str, mark: str) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes((mark + UNTIDY.replace("\n", newline)).encode())
    before = lint_file(path)
    assert path.read_bytes() == (mark + UNTIDY.replace("\n", newline)).encode()
    after = lint_file(path, fix=True)
    assert path.read_bytes().decode() == mark + TIDY.replace("\n", newline)
    assert after.fixed == len(before.findings) - len(after.findings) == 4
    assert not any(each.edit for each in after.findings)
    assert lint_file(path, fix=True).fixed == 0


def test_a_key_is_added_to_a_block_below_a_line_of_its_own() -> None:
    text = "a:\n  b:\n    desc: |\n      x\n    dtype: string"
    assert apply(text, [Edit(("a", "b"), "pii", "true")]) == text + "\n    pii: true\n"
    assert apply("a: {}", [Edit(("a",), "pii", "true")]) == "a: {pii: true}"
    assert apply("a: [1]", [Edit(("a",), "pii", "true")]) == "a: [1]"
    assert apply("a: 1", [Edit(("a", "b"), "pii", "true")]) == "a: 1"


def test_what_would_not_be_a_schema_then_is_not_written() -> None:
    wrong = Finding("x", "note", "", "", 1, 1, Edit(("classes", "Customer"), "columns", "5"))
    text, after = fixed_text(GOOD, Linted("test", (wrong,)))
    assert text == GOOD
    assert after.findings == (wrong,)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SchemaInvalid, match="cannot be read"):
        lint_file(tmp_path / "none.yaml")
