"""What the database lets through to be looked at closely: at least every text that quotes."""

from __future__ import annotations

import json
import random
import unicodedata

import psycopg

from memreg.operations.erase.sweep import anchors_of
from memreg.operations.quotes import Quotes
from tests.support.dump import contents

LETTERS = "abcdeåéßøłñçşθдяẞſﬁＡ雷İı"
ASKED = """
select number
from unnest(%s::text[], %s::text[], %s::text[], %s::boolean[]) with ordinality
    as asked (said, word, digits, unsure, number)
where not memreg.may_quote(
    said, array_remove(array[word], null), array_remove(array[digits], null), unsure
)
"""


def spelled(text: str, chance: random.Random) -> str:
    """The same in other letters."""
    found = chance.choice([text, text.lower(), text.upper(), text.title()])
    found = unicodedata.normalize(chance.choice(["NFC", "NFD", "NFKC", "NFKD"]), found)
    found = found.replace(" ", chance.choice([" ", "  ", "\u00a0", "\n", "_"]))
    return json.dumps(found)[1:-1] if chance.random() < 0.3 else found


def test_no_text_that_quotes_is_passed_over(database_url: str) -> None:
    chance = random.Random(7)
    asked = []
    for _ in range(2_000):
        name = " ".join("".join(chance.choices(LETTERS, k=chance.randint(2, 7))) for _ in range(chance.randint(1, 3)))
        if chance.random() < 0.2:
            name = "".join(chance.choices("0123456789", k=9))
            name = chance.choice([name, f"+{name[:2]} {name[2:5]}-{name[5:]}"])
        quotes = Quotes.of([name])
        text = f"so {spelled(name, chance)} said"
        if quotes.are_in(text):
            anchors = anchors_of(quotes)
            first = [next(iter(anchors[each]), None) for each in ("words", "digits")]
            asked.append((text, *first, anchors["unsure"]))
    assert len(asked) > 1_500
    assert sum(not unsure for *_, unsure in asked) > 500
    with psycopg.connect(database_url) as conn:
        missed = conn.execute(ASKED, [list(each) for each in zip(*asked, strict=True)]).fetchall()
        assert [asked[number - 1] for (number,) in missed] == []


def test_what_does_not_quote_is_passed_over(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        for words, digits, text in (
            (["%lopez%"], [], "It rained all day"),
            ([], anchors_of(Quotes.of(["+47 900 00 000"]))["digits"], "call 4791111111"),
            (["%lopez%"], [], None),
        ):
            row = conn.execute("select memreg.may_quote(%s, %s, %s, false)", [text, words, digits]).fetchone()
            assert row == (False,)


def test_functions_that_erase_refuse_who_names_no_tenant(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        before = contents(database_url)
        for call in (
            'select memreg.erase_revisions(\'[{"memory_id": "00000000-0000-0000-0000-000000000001"}]\')',
            "select memreg.erase_keys(array['00000000-0000-0000-0000-000000000001']::uuid[])",
            "select memreg.erase_tokens('s', array['c'], array['t'])",
        ):
            with conn.transaction(force_rollback=True):
                try:
                    conn.execute(call.encode())
                except psycopg.errors.InsufficientPrivilege:
                    continue
                raise AssertionError(f"{call} was not refused")
        assert contents(database_url) == before
