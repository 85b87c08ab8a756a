"""What the benchmark remembers: people, companies and products of Zipfian words, what is said of them again with slips,
and tenants as unevenly large as in life; all the same at every run."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import Any

from bench import crowd
from memreg import Proposal
from memreg.engine.candidates import memory_keys
from memreg.engine.identity import key_values
from memreg.engine.record import Record
from memreg.engine.text import scope_token, searchable_columns, tsvector
from memreg.registry.models import ClassAnnotation, ClassSpec
from memreg.registry.parse import parse_schema

SCHEMA_NAME = "speed"
SCHEMA = """
schema: speed
classes:
  Person:
    description: Somebody
    columns:
      name: {dtype: string, desc: Full name, required: true}
      email: {dtype: string, desc: E-mail, pii: true, normalize: [email]}
      phone: {dtype: string, desc: Telephone}
      street: {dtype: string, desc: Street and number}
      city: {dtype: string, desc: Town}
      employer: {dtype: string, desc: Where the person works}
      born: {dtype: date, desc: Day of birth}
      note: {dtype: text, desc: What else is known}
    annotation:
      searchable: {name: 3, employer: 2, city: 2, street: 1}
      compare: [born]
      identity: [{columns: [email], strength: strong}]
  Company:
    description: A company
    columns:
      name: {dtype: string, desc: Name, required: true}
      registration: {dtype: string, desc: Number in the register}
      city: {dtype: string, desc: Where it is}
    annotation:
      searchable: {name: 3, city: 1}
      identity: [{columns: [registration], strength: strong}]
  Product:
    description: Something that is sold
    columns:
      name: {dtype: string, desc: Name, required: true}
      maker: {dtype: string, desc: Who makes it}
      price: {dtype: number, desc: Price}
    annotation:
      searchable: {name: 3, maker: 2}
      compare: [price]
"""
CLASSES = ("Person", "Company", "Product")
PAYLOAD_BYTES = 300
"""The JSON text of a person's payload, as Postgres prints it."""
NEVER = 1_000_000_000
"""Numbers from here on are nobody's that was loaded."""
_NOTES = 200_000
Payload = dict[str, Any]


@cache
def version_of(class_name: str) -> tuple[ClassSpec, ClassAnnotation]:
    """A class with its annotation."""
    spec = parse_schema(SCHEMA, SCHEMA_NAME).by_name[class_name]
    assert spec.declared is not None
    return spec, spec.declared


def kind_of(number: int) -> str:
    """The class of the memory of a number: of ten, eight are people."""
    return {8: "Company", 9: "Product"}.get(number % 10, "Person")


def person(number: int) -> Payload:
    """The person of a number; the note fills the payload up to 300 bytes."""
    found = crowd.person(number)
    found["email"] = f"p{number}@{found['employer'].split()[0].lower()}.example"
    found["phone"] = f"+47 {number % 100_000_000:08d}"
    found["note"] = ""
    room = PAYLOAD_BYTES - len(json.dumps(found)) - 1
    start = number * 7_919 % (_NOTES - PAYLOAD_BYTES)
    found["note"] = (_notes()[start : start + max(0, room)].strip() + "." * PAYLOAD_BYTES)[: max(1, room + 1)]
    return found


@cache
def _notes() -> str:
    """A long text of Zipfian words, of which each note is a piece."""
    chance, words = random.Random("notes"), crowd.vocabulary("note", 8_000)
    return " ".join(words.pick(chance).lower() for _ in range(_NOTES // 5))[:_NOTES]


def company(number: int) -> Payload:
    """The company of a number."""
    chance = random.Random(number)
    words = crowd.vocabulary("employer", 20_000)
    return {
        "name": f"{words.pick(chance)} {words.pick(chance)} {chance.choice(('Ltd', 'Group', 'Works', 'Foods'))}",
        "registration": f"NO{number:09d}",
        "city": crowd.vocabulary("city", 3_000).pick(chance),
    }


def product(number: int) -> Payload:
    """The product of a number."""
    chance = random.Random(number)
    return {
        "name": f"{crowd.vocabulary('goods', 20_000).pick(chance)} {chance.randint(10, 9999)}",
        "maker": crowd.vocabulary("employer", 20_000).pick(chance),
        "price": chance.randint(100, 99_999) / 100,
    }


_MAKE = {"Person": person, "Company": company, "Product": product}


def payload(number: int) -> tuple[str, Payload]:
    """The memory of a number: its class and its values."""
    name = kind_of(number)
    return name, _MAKE[name](number)


def people(start: int, count: int) -> Iterator[int]:
    """The numbers of the first `count` people from a number on."""
    number = start
    while count:
        if kind_of(number) == "Person":
            yield number
            count -= 1
        number += 1


def record(class_name: str, values: Payload) -> Record:
    """A memory as keys and scores see one."""
    return Record.of(values, *version_of(class_name))


def keys(class_name: str, *states: Payload) -> tuple[int, ...]:
    """The keys that a memory is found by, of its states, the current first."""
    return memory_keys([record(class_name, each) for each in states], SCHEMA_NAME, class_name)


def search(tenant: str, class_name: str, values: Payload) -> str:
    """The text form of its tsvector."""
    boosts = version_of(class_name)[1].searchable
    return tsvector(scope_token(tenant, SCHEMA_NAME, class_name), searchable_columns(values, boosts))


def digests(class_name: str, values: Payload) -> dict[str, bytes]:
    """The digests of its identity keys, by the keys' names."""
    return {held.key.held_as: held.digest for held in key_values(values, version_of(class_name)[1])}


def moved(number: int, values: Payload, times: int = 0) -> tuple[Proposal, Payload]:
    """A known person moved, after so many times, said with the e-mail; what is said, and what is known then."""
    change = {"city": crowd.person(NEVER + number + 1_000_003 * times)["city"], "phone": f"+46 {times} {number:08d}"}
    if change["city"] == values["city"]:
        change["city"] += "berg"
    said = {"name": values["name"], "email": values["email"], **change}
    return Proposal("Person", said), values | change


def described(number: int, values: Payload) -> tuple[Proposal, Payload]:
    """A known person with another telephone, said without the e-mail and, of every second one, with a slip."""
    said = {name: values[name] for name in ("name", "street", "city", "employer", "born")}
    said["phone"] = f"+45 {number:08d}"
    if number % 2:
        words = said["street"].split()
        words[0] = crowd.slip(words[0], random.Random(number))
        said["street"] = " ".join(words)
    return Proposal("Person", said), values | said


def again(_: int, values: Payload) -> tuple[Proposal, Payload]:
    """A known person, nothing new."""
    return Proposal("Person", values), values


def forget(_: int, values: Payload) -> tuple[Proposal, Payload]:
    """A known person to be forgotten."""
    return Proposal("Person", {"email": values["email"]}, "delete"), values


@cache
def _tenant_weights(count: int) -> tuple[float, ...]:
    return tuple(accumulate(1 / rank for rank in range(1, count + 1)))


def tenant(chance: random.Random, count: int) -> int:
    """One of so many tenants, the n-th as often as 1/n."""
    return chance.choices(range(count), cum_weights=_tenant_weights(count))[0]
