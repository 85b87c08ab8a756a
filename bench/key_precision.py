"""How near the observed precision of identity keys is to the true one: streams with gold entities, replayed.

    python bench/key_precision.py STREAM.jsonl [--key COLUMN+COLUMN[:shared]]... [--limit N]

Beside STREAM.jsonl lies STREAM.schema.json. `--key` takes the place of the schema's own keys, so that a poor one can be
tried: a good one should not be reported, a poor one should. Prints one JSON object a key.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from memreg.core.database import Database
from memreg.core.settings import Settings
from memreg.evaluation.given_schema import read_subject
from memreg.evaluation.place import throwaway
from memreg.evaluation.run import TENANT, prepare, replay
from memreg.evaluation.streams import read_stream
from memreg.evaluation.study import study
from memreg.evaluation.subject import Subject
from memreg.registry.models import IdentityKey


def with_keys(subject: Subject, keys: list[str]) -> Subject:
    """The subject with other identity keys."""
    found = []
    for each in keys:
        columns, _, strength = each.partition(":")
        word: Literal["strong", "shared"] = "shared" if strength == "shared" else "strong"
        found.append(IdentityKey(tuple(columns.split("+")), word))
    declared = replace(subject.annotation, identity=tuple(found))
    classes = tuple(
        replace(each, declared=declared) if each.name == subject.class_name else each for each in subject.spec.classes
    )
    return replace(subject, spec=replace(subject.spec, classes=classes))


def compare(stream: Path, keys: list[str], limit: int | None) -> list[dict[str, Any]]:
    """Observed and true precision of each key after a pass of the stream."""
    subject = read_subject(stream.with_name(stream.name.removesuffix(".jsonl") + ".schema.json"))
    if keys:
        subject = with_keys(subject, keys)
    settings = Settings()
    with throwaway(settings) as dsn, Database.connect(settings, dsn=dsn) as database:
        engine = prepare(database, subject)
        done = replay(engine, subject, read_stream(stream), limit=limit, advance=lambda _: None)
        true = {each.key: each for each in study(database, subject, done, ()).keys}
        observed = engine.registry.key_precision(subject.spec.name, tenant=TENANT)
    return [
        {
            "stream": stream.stem,
            "key": each.key.name,
            "strength": each.key.strength,
            "answers": each.answers,
            "by_text": each.by_text,
            "by_keys": each.by_keys,
            "conflicts": each.conflicts,
            "observed": None if each.precision is None else round(each.precision, 4),
            "interval": [round(each.interval.low, 4), round(each.interval.high, 4)] if each.interval else None,
            "true": None if each.key.name not in true else true[each.key.name].precision,
            "reported": each.contradicts_too_often,
        }
        for each in observed
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stream", type=Path, help="a stream with gold entities")
    parser.add_argument("--key", action="append", default=[], help="a key instead of the schema's: a+b or a+b:shared")
    parser.add_argument("--limit", type=int, help="at most so many records")
    given = parser.parse_args()
    for row in compare(given.stream, given.key, given.limit):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
