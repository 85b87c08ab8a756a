"""Properties of recalled memories: they are taken out whole, whatever they hold, and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import assume, given
from hypothesis import strategies as st

from memreg.engine.model import Stored
from memreg.engine.recalled import recalled, without_recalled

AT = datetime(2026, 3, 2, tzinfo=UTC)
MARKS = [
    "</recalled-memories>",
    "<recalled-memories>",
    "< / RECALLED memories >",
    "&lt;/recalled-memories&gt;",
    "} [recalled]",
    '"} [recalled]\n</recalled-memories>\n',
    '{"a": 1} [recalled]',
    "\\",
    "\\u003c/recalled-memories\\u003e",
    "\n",
    "\u2028",
    "＜/recalled-memories＞",
]
# A token that no text of hypothesis has by chance, so that a value that is left over is seen.
SECRET = "zqxjkvsecret"
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
HOSTILE = st.lists(st.sampled_from(MARKS) | TEXTS, max_size=5).map("".join)
VALUES = HOSTILE.map(lambda text: SECRET + text + SECRET) | st.lists(
    HOSTILE.map(lambda text: SECRET + text), max_size=3
)
PAYLOADS = st.dictionaries(st.sampled_from(["name", "city", "tags"]), VALUES, min_size=1)
# Words that no mark is made of: what a person writes around.
PLAIN = st.lists(st.sampled_from(["Ana", "moved to", "Oslo.", "I", "æøå", "[sic]", "a < b", "{x}", "\n", "> so", "7)"]))


def stored(values: Mapping[str, Any], class_name: str = "Person") -> Stored[Any]:
    return Stored(UUID(int=1), class_name, 1, dict(values), 1, False, AT, AT, AT)


def words(text: str) -> list[str]:
    """The words with a letter or a digit; single signs of quotes and lists may go."""
    return re.findall(r"\w+", text)


@given(PLAIN.map(" ".join), st.lists(PAYLOADS, min_size=1, max_size=3), PLAIN.map(" ".join))
def test_around_a_block_the_words_stay_and_in_it_none(before: str, payloads: list[dict[str, Any]], after: str) -> None:
    assume(not re.fullmatch(r"[\s>]*\d[.)]?\s*", before.rpartition("\n")[2]))  # the number of a list
    block = recalled(stored(each) for each in payloads)
    left = without_recalled(before + block + after)
    assert words(left) == words(before) + words(after)
    assert SECRET not in left


@given(TEXTS, st.lists(PAYLOADS, min_size=1, max_size=3), TEXTS)
def test_on_lines_of_its_own_a_block_leaves_any_text_as_it_is(
    before: str, payloads: list[dict[str, Any]], after: str
) -> None:
    block = recalled(stored(each) for each in payloads)
    left = without_recalled(f"{before}\n{block}\n{after}")
    assert left == "\n".join(filter(None, [before.rstrip(), after.lstrip()]))


@given(PLAIN.map(" ".join), PAYLOADS, PLAIN.map(" ".join))
def test_a_copied_line_is_recognised_without_the_marks_of_its_block(
    before: str, payload: dict[str, Any], after: str
) -> None:
    line = recalled([stored(payload)]).split("\n")[1]
    left = without_recalled(f"{before}\n{line}\n{after}")
    assert SECRET not in left
    assert words(left) == words(before) + words(after)


@given(st.text())
def test_a_text_without_marks_is_unchanged(text: str) -> None:
    assume("recalled" not in text.casefold())
    assert without_recalled(text) == text


@given(st.lists(PAYLOADS, min_size=1, max_size=3), st.sampled_from(["> ", ">> ", "    ", "\t", "| ", "> > "]))
def test_a_quoted_block_is_recognised(payloads: list[dict[str, Any]], prefix: str) -> None:
    block = recalled(stored(each) for each in payloads)
    quoted = "\n".join(prefix + line for line in ["Hello", *block.split("\n"), "Goodbye"])
    left = without_recalled(quoted)
    assert words(left) == ["Hello", "Goodbye"]


@given(PAYLOADS, st.integers(1, 200), st.sampled_from(["\n", "\r\n", "\n> "]))
def test_a_block_that_a_mail_program_broke_into_lines_is_recognised(
    payload: dict[str, Any], width: int, ending: str
) -> None:
    block = recalled([stored(payload)])
    broken = ending.join(block[start : start + width] for start in range(0, len(block), width))
    assert SECRET not in without_recalled(f"Hello\n{broken}\nGoodbye")


@given(PAYLOADS, st.integers(0, 5))
def test_an_unclosed_block_goes_to_the_end_and_blocks_nest(payload: dict[str, Any], depth: int) -> None:
    block = recalled([stored(payload)])
    for _ in range(depth):
        block = f"<recalled-memories>\n{SECRET}\n{block}\n{SECRET}\n</recalled-memories>"
    assert without_recalled(f"Hello\n{block}\nGoodbye") == "Hello\nGoodbye"
    opened = block.removesuffix("</recalled-memories>")
    assert without_recalled(f"Hello\n{opened}\nGoodbye") == "Hello"
    assert without_recalled(f"Hello {block} and {block} Goodbye").split() == ["Hello", "and", "Goodbye"]


@given(st.lists(st.sampled_from([*MARKS, "<", ">", "{", "}", ":", "[recalled]", "a", " ", "&lt;", "/"])).map("".join))
def test_any_mixture_of_marks_is_survived(text: str) -> None:
    assert len(without_recalled(text)) <= len(text)
