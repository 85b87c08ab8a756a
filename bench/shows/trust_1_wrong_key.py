"""A wrong identity key goes into force in a running system, and nobody says anything: the kill switch trips by itself,
one command undoes the damage, and the memories end as they would have without the fault.

Two databases with the same 10,000 people take the same messages. In one of them an annotation that identifies people by
their first name is approved on the way. `--people`, `--messages` and `--seed` say how many and which.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.stage import Show, database, folder, memreg, own_environment, perform, server_version
from memreg import Engine, Message, Proposal

MOST_WRONG = 100
SCHEMA = """
schema: contacts
classes:
  Person:
    description: Somebody the user knows
    columns:
      first_name: {dtype: string, desc: First name, required: true, normalize: [trim, collapse]}
      last_name: {dtype: string, desc: Family name, required: true, normalize: [trim, collapse]}
      email: {dtype: string, desc: E-mail, pii: true, normalize: [email]}
      city: {dtype: string, desc: Town, normalize: [trim, collapse]}
      employer: {dtype: string, desc: Where the person works, normalize: [trim, collapse]}
    annotation:
      searchable: {last_name: 3, first_name: 3, employer: 1, city: 1}
      identity: [{columns: [email], strength: strong}]
"""
FAULTY = SCHEMA.replace("columns: [email], strength: strong", "columns: [first_name], strength: strong")
FIRST = tuple(
    "Beatrice Cornelius Dagmar Ezekiel Francesca Gottfried Hildegard Ignatius "
    "Josephine Konstantin Leopoldine Maximilian Nikodemus Ophelia Percival Quentin Rosalind "
    "Sebastian Theodora Ulysses Valentina Wolfgang Xanthippe Yolanda Zacharias "
    "Abigail Bartholomew Clementine Dominic Evangeline Ferdinand Guinevere Humphrey "
    "Isidora Jeremiah Katharina Lysander Mathilde Nathaniel Octavia".split()
)
SYLLABLES = tuple(f"{start}{vowel}" for start in "bcdfghjklmnprstvwz" for vowel in "aeiou")
CITIES = ("Oslo", "Rome", "Lisbon", "Bergen", "Vienna", "Turin", "Porto", "Ghent", "Malmo", "Basel")
FIRMS = ("Acme", "Globex", "Initech", "Umbrella", "Hooli", "Vandelay", "Stark", "Wayne", "Tyrell", "Cyberdyne")
Values = dict[str, str]


@dataclass(frozen=True)
class Said:
    """A message of the stream: its id and what it says of one person; `known`: whether that person was spoken of."""

    id: str
    values: Values
    known: bool


def person(number: int, chance: random.Random) -> Values:
    """A new person; the e-mail tells each from all others."""
    first, last = chance.choice(FIRST), "".join(chance.choices(SYLLABLES, k=4)).capitalize()
    return {
        "first_name": first,
        "last_name": last,
        "email": f"{first}.{last}.{number}@mail.example".lower(),
        "city": chance.choice(CITIES),
        "employer": chance.choice(FIRMS),
    }


def stream(people: list[Values], count: int, chance: random.Random) -> list[Said]:
    """Two of three messages are about somebody known, who moved or works elsewhere; the others about somebody new."""
    known, found = list(people), []
    for number in range(count):
        if chance.random() < 2 / 3:
            about = chance.choice(known)
            column, values = chance.choice((("city", CITIES), ("employer", FIRMS)))
            said = {
                **{name: about[name] for name in ("first_name", "last_name", "email")},
                column: chance.choice(values),
            }
            found.append(Said(f"said {number}", said, known=True))
        else:
            new = person(len(known), chance)
            known.append(new)
            found.append(Said(f"said {number}", new, known=False))
    return found


def tell(engine: Engine, said: Said) -> Any:
    """The decision on a message."""
    proposals = [Proposal("Person", said.values)]
    return engine.ingest(Message(str(said.values), said.id), proposals=proposals).decisions[0]


def run(dsn: str, *arguments: str) -> str:
    """What the installed command prints. Raises CalledProcessError."""
    environment = own_environment(MEMREG_DATABASE_URL=dsn)
    done = subprocess.run([memreg(), *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"memreg {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def final(dsn: str) -> tuple[Counter[str], Counter[bytes]]:
    """The live memories by what they say, and the digests of the keys that they hold."""
    with psycopg.connect(dsn) as conn:
        memories = conn.execute(
            "select payload, unresolved from memreg.memories where not is_deleted and class = 'Person'"
        ).fetchall()
        keys = conn.execute("select digest from memreg.identity_keys where released_at is null").fetchall()
    return Counter(json.dumps(row, sort_keys=True) for row in memories), Counter(bytes(row[0]) for row in keys)


@contextmanager
def copy_of(dsn: str, name: str) -> Iterator[str]:
    """A copy of a database beside it, for a while; its DSN."""
    source = str(conninfo_to_dict(dsn)["dbname"])
    admin = make_conninfo(dsn, dbname="postgres")
    copying: LiteralString = "create database {} template {}"
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(sql.SQL(copying).format(sql.Identifier(name), sql.Identifier(source)))
    try:
        yield make_conninfo(dsn, dbname=name)
    finally:
        with psycopg.connect(admin, autocommit=True) as conn:
            conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def wrong_merges(decided: list[tuple[Said, Any]], owners: dict[UUID, str]) -> int:
    """Updates of a memory that another person's e-mail had made."""
    wrong = 0
    for said, decision in decided:
        if decision.action in ("UPDATE", "UPSERT"):
            wrong += owners.get(decision.memory_id) != said.values["email"]
        elif decision.memory_id is not None:
            owners[decision.memory_id] = said.values["email"]
    return wrong


def main(show: Show) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=1_500)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    people = [person(number, chance) for number in range(arguments.people)]
    messages = stream(people, arguments.messages, chance)
    healthy, rest = messages[: len(messages) // 3], messages[len(messages) // 3 :]

    with database() as dsn, folder() as files:
        show.figures["server"] = server_version(dsn)
        (files / "contacts.yaml").write_text(SCHEMA)
        (files / "faulty.yaml").write_text(FAULTY)
        run(dsn, "register", str(files / "contacts.yaml"))
        run(dsn, "approve", "contacts", "--by", "ana")
        show.say(f"{arguments.people:,} people are remembered …")
        owners: dict[UUID, str] = {}
        with Engine.connect(dsn, extractor="structured") as engine:
            for number, values in enumerate(people):
                owners[tell(engine, Said(f"first {number}", values, known=False)).memory_id] = values["email"]
        with copy_of(dsn, "without_the_fault") as control:
            with Engine.connect(control, extractor="structured") as engine:
                for said in messages:
                    tell(engine, said)
            wanted = final(control)
        damage(show, dsn, files, healthy, rest, owners)
        repair(show, dsn, wanted)


def told(missing: Counter[str], extra: Counter[str]) -> str:
    """The first of what is missing and of what is too much."""
    lacking, spare = next(iter(missing), None), next(iter(extra), None)
    return f"{missing.total()} missing, as {lacking}; {extra.total()} too many, as {spare}"


def damage(show: Show, dsn: str, files: Path, healthy: list[Said], rest: list[Said], owners: dict[UUID, str]) -> None:
    """The stream, with the fault after a third of it; nobody touches anything."""
    with Engine.connect(dsn, extractor="structured") as engine:
        decided = [(said, tell(engine, said)) for said in healthy]
        show.claim("without the fault no person is taken for another", wrong_merges(decided, owners) == 0)
        status = json.loads(run(dsn, "kill-switch", "status", "--json"))
        show.claim("without the fault no switch trips", not [s for s in status["switches"] if s["is_on"]])
        run(dsn, "register", str(files / "faulty.yaml"), "--force", "a mistake")
        run(dsn, "approve", "contacts", "--by", "bo")
        run(dsn, "backfill", "run", "contacts", "--to", "2")
        show.figures["since"] = datetime.now(UTC).isoformat()
        show.say("an annotation that identifies people by their first name alone is in force …")
        decided = [(said, tell(engine, said)) for said in rest]
    wrong = wrong_merges(decided, owners)
    tripped = next((n for n, (_, each) in enumerate(decided) if each.basis == "kill_switch"), None)
    show.figures |= {"wrong_merges": wrong, "messages_until_it_tripped": tripped, "messages_after": len(decided)}
    show.say(f"  {wrong} wrong merges; the switch was on from message {tripped} of {len(decided)}")
    show.claim("the fault does harm: somebody is taken for another", wrong > 0)
    show.claim("the switch trips by itself", tripped is not None)
    show.claim(f"before {MOST_WRONG} wrong merges", wrong < MOST_WRONG, wrong)
    show.claim("from then on nothing is merged", all(d.basis == "kill_switch" for _, d in decided[tripped or 0 :]))
    status = json.loads(run(dsn, "kill-switch", "status", "--json"))
    on = [each for each in status["switches"] if each["is_on"]]
    show.figures["evidence"] = on[0].get("evidence") if on else None
    show.claim("it says what it was tripped by", bool(on and on[0].get("evidence")))


def repair(show: Show, dsn: str, wanted: tuple[Counter[str], Counter[bytes]]) -> None:
    """What the operator does: the undo, the annotation back, and the switch off."""
    since = str(show.figures["since"])
    undone = json.loads(run(dsn, "undo", "--since", since, "--again", "--yes", "--json"))
    show.figures["undone"] = len(undone["undone"])
    show.say(f"  one command: memreg undo --since {since} --again --yes: {undone['sentence']}")
    run(dsn, "backfill", "rollback", "contacts", "--why", "first names are no keys")
    run(dsn, "kill-switch", "off", "--class", "Person", "--by", "ana", "--why", "the annotation is right again")
    run(dsn, "resolve")
    found = final(dsn)
    show.figures["memories"] = found[0].total()
    missing, extra = wanted[0] - found[0], found[0] - wanted[0]
    show.claim("the memories are those of the run without the fault", not missing and not extra, told(missing, extra))
    show.claim("and so are the keys that they hold", found[1] == wanted[1])
    with Engine.connect(dsn, extractor="structured") as engine:
        engine.seal_audit()
        show.claim("the audit's chain is whole", engine.verify_audit().is_intact)
        replayed = engine.replay_audit()
        show.claim("and it rebuilds every memory", not replayed.differences, replayed.differences[:3])


if __name__ == "__main__":
    perform("trust_1_wrong_key", main)
