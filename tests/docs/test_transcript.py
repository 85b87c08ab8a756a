"""The comparison itself can fail."""

from __future__ import annotations

import pytest

from tests.docs.transcript import missing, substitute

ONE = "01890000-0000-7000-8000-000000000001"
TWO = "01890000-0000-7000-8000-000000000002"


@pytest.mark.parametrize(
    ("expected", "printed", "lost"),
    [
        (["a"], ["a"], None),
        (["a"], ["b"], "a"),
        (["a", "b"], ["a", "x", "b"], None),
        (["b", "a"], ["a", "b"], "a"),
        (["a ... c"], ["a b c"], None),
        (["a (1)"], ["a 1"], "a (1)"),
        (["Ana  CREATE"], ["│ Ana │ CREATE │"], None),
        (["... b ..."], ["b"], None),
        (["...", ""], [], None),
    ],
)
def test_missing(expected: list[str], printed: list[str], lost: str | None) -> None:
    assert missing(expected, printed, {}) == lost


def test_an_id_stands_for_the_printed_one() -> None:
    ids = dict[str, str]()
    assert missing([f"kept {ONE}"], [f"kept {TWO}"], ids) is None
    assert substitute(f"memreg get {ONE}", ids) == f"memreg get {TWO}"
    assert missing([f"again {ONE}"], [f"again {ONE}"], ids) == f"again {ONE}"
