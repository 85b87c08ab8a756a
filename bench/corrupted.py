"""A stream of persons who are met again and again, each time a little wrong: generated, the same at every run.

As a program it writes the stream and its schema: `python bench/corrupted.py FOLDER`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench.people import EMPLOYERS, FIRST, LAST, TOWNS

NAME = "corrupted"
PERSONS = 500
RECORDS = 10
SEED = 3

Fields = dict[str, str]
Change = Callable[[random.Random, str], str]

STREETS = """
Acacia Alder Ash Beech Birch Bridge Canal Castle Cedar Chapel Cherry Church Clover Cypress Dock Elm Fern Field Forest
Garden Green Hazel Heath Hill Holly Juniper Lake Laurel Lime Linden Magnolia Maple Market Meadow Mill Oak Olive Orchard
Park Pine Poplar Quarry Queen River Rose Rowan Sage Spring Station Sycamore Temple Thistle Vine Walnut Willow Yew
""".split()
WAYS = {"street": "st", "road": "rd", "avenue": "ave", "lane": "ln", "square": "sq", "terrace": "tce"}
KEYS = "qwertyuiop asdfghjkl zxcvbnm"
OCR = {"o": "0", "0": "o", "l": "1", "1": "l", "i": "1", "s": "5", "5": "s", "m": "rn", "b": "6", "8": "b", "g": "9"}
SOUNDS = [
    ("ph", "f"), ("f", "ph"), ("ck", "k"), ("c", "k"), ("k", "c"), ("ie", "y"), ("y", "i"), ("i", "y"), ("z", "s"),
    ("s", "z"), ("ee", "ea"), ("ou", "u"), ("w", "v"), ("th", "t"), ("mm", "m"), ("nn", "n"), ("ll", "l"), ("rr", "r"),
]  # fmt: skip

SCHEMA: dict[str, Any] = {
    "dataset": NAME,
    "class": "Person",
    "domain": "person",
    "dirty_sources": [],
    "identity": ["email", "phone"],
    "fields": {
        "given_name": {"kind": "name", "boost": 3, "searchable": True},
        "surname": {"kind": "name", "boost": 3, "searchable": True},
        "street_number": {"kind": "text", "boost": 1, "searchable": True},
        "street": {"kind": "text", "boost": 1, "searchable": True},
        "town": {"kind": "text", "boost": 1, "searchable": True},
        "postcode": {"kind": "enum", "boost": 2, "searchable": True},
        "date_of_birth": {"kind": "date", "boost": 2, "searchable": True},
        "email": {"kind": "identity", "boost": 0, "searchable": False},
        "phone": {"kind": "identity", "boost": 0, "searchable": False},
    },
}


def stream(persons: int = PERSONS, records: int = RECORDS, seed: int = SEED) -> list[dict[str, Any]]:
    """The records of that many persons, each met that often, in random order: objects as a stream has them."""
    chance = random.Random(seed)
    found = []
    everybody = people(chance, persons)
    phones = Counter(person["phone"] for person in everybody)
    for number, person in enumerate(everybody):
        home, shares = person, phones[person["phone"]] > 1
        moves = chance.randrange(2, records) if chance.random() < 0.2 and records > 2 else None
        for meeting in range(records):
            if meeting == moves:
                home = person | address(chance)
            found.append({"entity_id": f"p{number}", "source": "s", "fields": corrupted(chance, home, shares)})
    chance.shuffle(found)
    return [{"record_id": f"r{number}", **record} for number, record in enumerate(found)]


def people(chance: random.Random, count: int) -> list[Fields]:
    """That many different persons; one in eight lives with the one before and has the same surname and telephone."""
    names = chance.sample([(first, last) for first in FIRST for last in LAST], count)
    found: list[Fields] = []
    for first, last in names:
        before = found[-1] if found and chance.random() < 0.125 and found[-1]["given_name"] != first.lower() else None
        surname = before["surname"] if before else last.lower()
        home = {name: before[name] for name in ("street_number", "street", "town", "postcode")} if before else None
        born = f"{chance.randint(1935, 2006)}{chance.randint(1, 12):02}{chance.randint(1, 28):02}"
        found.append(
            {
                "given_name": first.lower(),
                "surname": surname,
                **(home or address(chance)),
                "date_of_birth": born,
                "email": f"{first}.{surname}{born[2:4]}@{chance.choice(EMPLOYERS)}.example".lower(),
                "phone": before["phone"] if before else f"0{chance.randint(2, 8)} {chance.randint(10**7, 10**8 - 1)}",
            }
        )
    return found


def address(chance: random.Random) -> Fields:
    """Somewhere to live."""
    town = chance.randrange(len(TOWNS))
    return {
        "street_number": str(chance.randint(1, 240)),
        "street": f"{chance.choice(STREETS).lower()} {chance.choice(list(WAYS))}",
        "town": TOWNS[town].lower(),
        "postcode": f"{2000 + 37 * town + chance.randrange(12)}",
    }


def corrupted(chance: random.Random, person: Fields, shares: bool) -> Fields:
    """A person as somebody wrote them down: fields left out, up to three mistakes, at times the names swapped.

    Who `shares` a home and a surname with somebody always has a first name, and more than its initial: without it
    nobody could tell the two apart.
    """
    fields = {name: value for name, value in person.items() if chance.random() >= MISSING[name]}
    if not fields.keys() & {"given_name", "surname"}:  # nobody writes down somebody without any name
        fields["surname"] = person["surname"]
    if shares:
        fields["given_name"] = person["given_name"]
    for _ in range(chance.choice((0, 1, 1, 2, 2, 3))):
        name = chance.choice(sorted(fields))
        changes = NAMES if shares and name == "given_name" else CHANGES[name]
        fields[name] = chance.choice(changes)(chance, fields[name])
    if chance.random() < 0.04 and {"given_name", "surname"} <= fields.keys():
        fields["given_name"], fields["surname"] = fields["surname"], fields["given_name"]
    return {name: fields[name] for name in person if fields.get(name)}


def typo(chance: random.Random, text: str) -> str:
    """A key beside the right one, one too many, one too few, or two in the wrong order."""
    at = chance.randrange(len(text))
    kind = chance.randrange(4)
    if kind == 0:
        return text[:at] + _beside(chance, text[at]) + text[at + 1 :]
    if kind == 1:
        return text[:at] + _beside(chance, text[at]) + text[at:]
    if kind == 2 and len(text) > 2:
        return text[:at] + text[at + 1 :]
    return neighbours_swapped(chance, text)


def misread(chance: random.Random, text: str) -> str:
    """A character that a scanner took for another."""
    places = [at for at, character in enumerate(text) if character in OCR]
    if not places:
        return typo(chance, text)
    at = chance.choice(places)
    return text[:at] + OCR[text[at]] + text[at + 1 :]


def misheard(chance: random.Random, text: str) -> str:
    """A sound written in another way."""
    found = [(old, new) for old, new in SOUNDS if old in text]
    if not found:
        return typo(chance, text)
    old, new = chance.choice(found)
    return text.replace(old, new, 1)


def initial(_: random.Random, text: str) -> str:
    """Only the first letter."""
    return text[:1]


def abbreviated(chance: random.Random, text: str) -> str:
    """The kind of street in short."""
    first, _, way = text.rpartition(" ")
    return f"{first} {WAYS[way]}" if way in WAYS else typo(chance, text)


def neighbours_swapped(chance: random.Random, text: str) -> str:
    """Two neighbouring characters in the wrong order."""
    at = chance.randrange(max(1, len(text) - 1))
    return text[:at] + text[at : at + 2][::-1] + text[at + 2 :]


def day_for_month(_: random.Random, text: str) -> str:
    """Day and month of a date (YYYYMMDD) in the other order."""
    return text[:4] + text[6:8] + text[4:6]


NAMES: tuple[Change, ...] = (typo, typo, misread, misheard, misheard)
CHANGES: dict[str, tuple[Change, ...]] = {
    "given_name": (*NAMES, initial),
    "surname": NAMES,
    "street_number": (neighbours_swapped, typo),
    "street": (typo, misread, misheard, abbreviated, abbreviated),
    "town": (typo, misread, misheard),
    "postcode": (neighbours_swapped, typo, misread),
    "date_of_birth": (neighbours_swapped, day_for_month, misread),
    "email": (typo, misread),
    "phone": (neighbours_swapped, typo),
}
MISSING = {
    "given_name": 0.04,
    "surname": 0.02,
    "street_number": 0.08,
    "street": 0.06,
    "town": 0.05,
    "postcode": 0.05,
    "date_of_birth": 0.10,
    "email": 0.30,
    "phone": 0.30,
}


def write(folder: Path) -> tuple[Path, Path]:
    """Write the stream and its schema into a folder; their paths."""
    records, schema = folder / f"{NAME}.jsonl", folder / f"{NAME}.schema.json"
    records.write_text("".join(json.dumps(record) + "\n" for record in stream()), "utf-8")
    schema.write_text(json.dumps(SCHEMA, indent=1) + "\n", "utf-8")
    return records, schema


def _beside(chance: random.Random, character: str) -> str:
    if character.isdigit():
        return str((int(character) + chance.choice((-1, 1))) % 10)
    at = KEYS.find(character)
    if at < 0 or character == " ":
        return chance.choice("aeiourstn")
    return KEYS[max(0, at - 1)] if chance.random() < 0.5 else KEYS[min(len(KEYS) - 1, at + 1)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write it")
    for path in write(parser.parse_args().folder):
        print(path)
