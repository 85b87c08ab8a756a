"""A crowd of people for large tenants: words as unevenly common as in life, slips as people make them, and the loading
of a million memories by COPY, their keys from the engine's own functions."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import accumulate
from typing import Any
from uuid import UUID

import psycopg

from memreg.engine.candidates import memory_keys
from memreg.engine.record import Record
from memreg.engine.text import scope_token, searchable_columns, tsvector
from memreg.registry.models import ClassAnnotation, ClassSpec
from memreg.registry.parse import parse_schema

SCHEMA = """
schema: crowd
classes:
  Person:
    description: Somebody
    columns:
      name: {dtype: string, desc: Full name}
      street: {dtype: string, desc: Street and number}
      city: {dtype: string, desc: Town}
      employer: {dtype: string, desc: Where the person works}
      born: {dtype: date, desc: Day of birth}
    annotation:
      searchable: {name: 3, employer: 2, city: 2, street: 1}
      compare: [born]
"""
CHUNK = 10_000
_SYLLABLES = [
    c + v for c in ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "br", "st", "ch") for v in "aeiou"
]
_ENDS = ("", "n", "r", "s", "l", "nd", "rt", "ck", "m", "tz")
_FORMS = ("Ltd", "Group", "Works", "Foods")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_FIRST_DAY = date(1940, 1, 1)
_COLUMNS = (
    "tenant, id, schema, class, version, payload, search, candidate_keys, revision, change, created_at, updated_at, "
    "last_seen_at"
)
Payload = dict[str, Any]


@dataclass(frozen=True)
class Words:
    """Made-up words of which the n-th is as common as 1/(n + 10): Zipf's law in Mandelbrot's form, so that of names the
    first is borne by one or two in a hundred."""

    words: tuple[str, ...]
    weights: tuple[float, ...]

    def pick(self, chance: random.Random) -> str:
        """One of them, by how common it is."""
        return chance.choices(self.words, cum_weights=self.weights)[0]


@cache
def vocabulary(kind: str, count: int) -> Words:
    """So many different words, the same at every run."""
    chance = random.Random(kind)
    found: dict[str, None] = {}
    while len(found) < count:
        syllables = chance.choices(_SYLLABLES, k=chance.choice((2, 2, 3, 3, 4)))
        found["".join(syllables).capitalize() + chance.choice(_ENDS)] = None
    return Words(tuple(found), tuple(accumulate(1 / (rank + 10) for rank in range(1, count + 1))))


@cache
def person_class() -> tuple[ClassSpec, ClassAnnotation]:
    """The class of the crowd with its annotation."""
    spec = parse_schema(SCHEMA, "crowd").by_name["Person"]
    assert spec.declared is not None
    return spec, spec.declared


def person(number: int) -> Payload:
    """The person of a number, the same at every run."""
    chance = random.Random(number)
    given, family = vocabulary("given", 5_000), vocabulary("family", 30_000)
    return {
        "name": f"{given.pick(chance)} {family.pick(chance)}",
        "street": f"{vocabulary('street', 20_000).pick(chance)} street {chance.randint(1, 200)}",
        "city": vocabulary("city", 3_000).pick(chance),
        "employer": f"{vocabulary('employer', 20_000).pick(chance)} {chance.choice(_FORMS)}",
        "born": (_FIRST_DAY + timedelta(days=chance.randrange(24_000))).isoformat(),
    }


def commonest() -> Payload:
    """A person whose every word is the most common of its kind."""
    return {
        "name": f"{vocabulary('given', 5_000).words[0]} {vocabulary('family', 30_000).words[0]}",
        "street": f"{vocabulary('street', 20_000).words[0]} street 1",
        "city": vocabulary("city", 3_000).words[0],
        "employer": f"{vocabulary('employer', 20_000).words[0]} Ltd",
        "born": _FIRST_DAY.isoformat(),
    }


def told_again(payload: Payload, chance: random.Random) -> Payload:
    """The same person with one to three changes: slips in the name or another word, names swapped, a wrong day of
    birth, a move, another employer, a column left out."""
    said = dict(payload)
    for change in chance.sample(_CHANGES, k=chance.choice((1, 2, 2, 3))):
        change(said, chance)
    return {column: value for column, value in said.items() if value is not None}


def slip(word: str, chance: random.Random) -> str:
    """A word with one letter more, less, another, or two neighbours swapped."""
    place = chance.randrange(len(word))
    letter = chance.choice(_LETTERS)
    kind = chance.randrange(4)
    if kind == 0:
        return word[:place] + letter + word[place:]
    if kind == 1 and len(word) > 2:
        return word[:place] + word[place + 1 :]
    if kind == 2 and place + 1 < len(word):
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    return word[:place] + letter + word[place + 1 :]


def _slip_in_name(said: Payload, chance: random.Random) -> None:
    names = said["name"].split()
    place = chance.randrange(len(names))
    names[place] = slip(names[place], chance)
    said["name"] = " ".join(names)


def _slips_in_both_names(said: Payload, chance: random.Random) -> None:
    said["name"] = " ".join(slip(name, chance) for name in said["name"].split())


def _swap_names(said: Payload, _: random.Random) -> None:
    said["name"] = " ".join(reversed(said["name"].split()))


def _slip_in_city(said: Payload, chance: random.Random) -> None:
    said["city"] = slip(said["city"] or "oslo", chance)


def _wrong_birth(said: Payload, chance: random.Random) -> None:
    year, month, day = said["born"].split("-")
    said["born"] = f"{year}-{day}-{month}" if int(day) < 13 else f"{year}-{month}-{chance.randint(1, 28):02}"


def _move(said: Payload, chance: random.Random) -> None:
    other = person(chance.randrange(1 << 40, 1 << 41))
    said["street"], said["city"] = other["street"], other["city"]


def _change_work(said: Payload, chance: random.Random) -> None:
    said["employer"] = person(chance.randrange(1 << 40, 1 << 41))["employer"]


def _leave_out(said: Payload, chance: random.Random) -> None:
    said[chance.choice(("street", "city", "employer"))] = None


_CHANGES = (
    _slip_in_name,
    _slips_in_both_names,
    _swap_names,
    _slip_in_city,
    _wrong_birth,
    _move,
    _change_work,
    _leave_out,
)


def record(payload: Payload) -> Record:
    """A person as keys and scores see one."""
    return Record.of(payload, *person_class())


def memory_id(number: int) -> UUID:
    """The id of a person's memory, growing with the number."""
    return UUID(
        int=(0x019 << 116) | (number << 80) | (7 << 76) | (2 << 62) | (number * 0x9E3779B97F4A7C15 & ((1 << 62) - 1))
    )


def load(dsn: str, tenant: str, count: int) -> None:
    """Fill a tenant with the first `count` of the crowd and build the indexes anew; meant for an idle database."""
    with psycopg.connect(dsn, autocommit=True) as conn, ProcessPoolExecutor(2) as workers:
        conn.execute("set maintenance_work_mem = '1GB'")
        conn.execute("drop index memreg.memories_search")
        conn.execute("alter table memreg.candidate_keys drop constraint candidate_keys_pkey")
        starts = range(0, count, CHUNK)
        sizes = (min(CHUNK, count - start) for start in starts)
        with conn.cursor().copy(f"copy memreg.memories ({_COLUMNS}) from stdin".encode()) as copy:
            for block in workers.map(_block, [tenant] * len(starts), starts, sizes):
                copy.write(block)
        conn.execute(
            b"insert into memreg.candidate_keys select tenant, unnest(candidate_keys), id from memreg.memories "
            b"where tenant = %s",
            (tenant,),
        )
        conn.execute("alter table memreg.candidate_keys add primary key (tenant, key, memory_id)")
        conn.execute(
            "create index memories_search on memreg.memories using gin (search) with (fastupdate = off) "
            "where not is_deleted and not unresolved"
        )
        conn.execute("select memreg.trim_all_candidate_keys()")
        conn.execute("vacuum (full) memreg.candidate_keys")
        conn.execute("vacuum (analyze) memreg.memories, memreg.candidate_keys")


def _block(tenant: str, start: int, count: int) -> bytes:
    """Rows of COPY; nothing in them needs an escape."""
    return "".join(_lines(tenant, start, count)).encode()


def _lines(tenant: str, start: int, count: int) -> Iterator[str]:
    scope, boosts = scope_token(tenant, "crowd", "Person"), person_class()[1].searchable
    for number in range(start, start + count):
        payload = person(number)
        keys = ",".join(map(str, memory_keys([record(payload)], "crowd", "Person")))
        search = tsvector(scope, searchable_columns(payload, boosts))
        row = (tenant, str(memory_id(number)), "crowd", "Person", "1", json.dumps(payload), search, f"{{{keys}}}")
        yield "\t".join((*row, "1", str(number + 1), "2026-01-01", "2026-01-01", "2026-01-01")) + "\n"
