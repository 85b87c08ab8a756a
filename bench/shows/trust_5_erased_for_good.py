"""After `memreg erase`, a dump of the whole database has nothing of what was erased, in no spelling and by no digest;
the audit's chain is whole, and the audit rebuilds what is stored.

A person is remembered among a few hundred others: told in several spellings, changed, corrected, merged, held back by a
kill switch, asked about, refused, quoted in messages about other things, in dead ones and in ones that wait.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.people import people
from bench.stage import Show, database, memreg, own_environment, perform, server_version
from memreg import Engine, Message, Proposal
from memreg.core.embedded.binaries import find
from memreg.core.errors import ExtractionFailed
from memreg.core.settings import Settings
from memreg.engine.identity import canonical, digest
from memreg.engine.ingest import message_digest
from memreg.operations.kill_switch import switch
from memreg.registry.parse import parse_schema
from memreg.testing import ScriptedExtractor

PEOPLE = 150
SCHEMA = """
schema: contacts
classes:
  Person:
    description: Somebody the user knows
    columns:
      name: {dtype: string, desc: Full name, required: true, normalize: [trim, collapse]}
      email: {dtype: string, desc: E-mail, pii: true, normalize: [email]}
      phone: {dtype: string, desc: Phone, pii: true, normalize: [{phone: NO}]}
      born: {dtype: date, desc: Day of birth, pii: true}
      city: {dtype: string, desc: Town, normalize: [trim, collapse]}
      employer: {dtype: string, desc: Company}
      tags: {dtype: "list[string]", desc: Labels}
      notes: {dtype: text, desc: Anything else, merge: append}
    annotation:
      searchable: {name: 3, city: 1, employer: 1, tags: 1, notes: 1}
      compare: [born]
      identity:
        - {columns: [email], strength: strong}
        - {columns: [phone], strength: shared}
  Task:
    description: Something to be done
    columns:
      title: {dtype: string, desc: What is to be done, required: true}
    annotation: {searchable: {title: 3}}
"""
# In no other value, schema or text of memreg, so that what is left of them is found by the words alone.
NAME, OTHER_NAME = "Zdzisława Brzęczyszczykiewicz", "Z. Brzęczyszczykiewicz-Ngata"
EMAIL, OLD_EMAIL = "zdzicha@chrzaszczyzewo.example", "ngata@lekolody.example"
PHONE, BORN, CITY = "+47 988 77 665", "1961-08-23", "Łękołody"
NOTE = "collects Qajaq paddles"
WORDS = "zdzisława brzęczyszczykiewicz ngata zdzicha chrzaszczyzewo lekolody łękołody 98877665 1961-08-23 qajaq".split()
SPELLINGS = (
    "I met ZDZISŁAWA  BRZĘCZYSZCZYKIEWICZ on the bus",
    "zdzislawa brzęczyszczykiewicz, she said".replace("zdzislawa", "zdzisława"),
    f"write to <{EMAIL.upper()}>",
    "call 98877665 or 0047 988-77-665",
    json.dumps({"who": NAME, "mail": OLD_EMAIL}),
)


def main(show: Show) -> None:
    """The story; its claims and figures are printed."""
    with database() as dsn:
        show.figures["server"] = server_version(dsn)
        register(dsn)
        show.say(f"{PEOPLE} people are remembered, and one more in every way that there is.")
        everybody(dsn)
        memory_id = one_more(dsn)
        before = folded(dump(dsn))
        hits = {word: before.count(folded(word)) for word in WORDS}
        show.figures |= {"dump_bytes": len(before), "found_before": hits}
        show.claim("before, a dump has each of the words", all(hits.values()), hits)
        digests = guesses()
        found = sum(guess in before for guess in digests)
        show.claim("and the digests by which a value could be guessed", found == len(digests), found)
        others = state_of(dsn, "other")

        anchor = run(dsn, "audit", "anchor", as_json=False)
        mine = state_of(dsn, "default")
        told = json.loads(run(dsn, "erase", str(memory_id), *also()))
        show.claim("without --yes nothing is changed", state_of(dsn, "default") == mine)
        done = json.loads(run(dsn, "erase", str(memory_id), "--yes", "--by", "the privacy desk", *also()))
        show.say(done["sentence"])
        show.figures["removed"] = done["removed"]
        show.claim("what is removed is what was told before", told["removed"] == done["removed"], told["removed"])

        after = folded(dump(dsn))
        left = {word: after.count(folded(word)) for word in WORDS if folded(word) in after}
        show.claim("afterwards, a dump has none of the words, in no spelling", not left, left)
        show.claim("nor one of the digests", not [guess for guess in digests if guess in after])
        show.claim("what another tenant has is as it was", state_of(dsn, "other") == others)
        [verified] = json.loads(run(dsn, "audit", "verify", "--anchor", anchor.strip()))
        show.claim("memreg audit verify passes, against an anchor taken before", not verified["findings"], verified)
        show.figures["erased_entries"] = verified["erased"]
        rebuilt = json.loads(run(dsn, "audit", "replay"))
        same = not rebuilt["misfits"] and not rebuilt["differences"]
        show.claim("memreg audit replay rebuilds every memory, and the tombstones", same, rebuilt)
        show.figures["tombstones"] = rebuilt["tombstones"]
        again = json.loads(run(dsn, "erase", str(memory_id), "--yes"))
        show.claim("erasing again does nothing", again["already"] and not any(again["removed"].values()), again)
        with connect(dsn) as engine:
            replayed = engine.ingest(Message("whatever else", "first-told"))
            show.claim("a message that was erased answers its recorded result", replayed.status == "replayed")
            anew = engine.ingest(proposals=[Proposal("Person", {"name": NAME, "email": EMAIL})]).decisions[0]
            show.claim("who comes again is somebody new", anew.action == "CREATE" and anew.memory_id != memory_id, anew)


def connect(dsn: str, extractor: Any = "patterns", tenant: str = "default") -> Engine:
    settings = Settings(database_url=dsn, workers=0)
    return Engine.connect(tenant=tenant, schema="contacts", extractor=extractor, settings=settings)


def register(dsn: str) -> None:
    with Engine.connect(dsn) as engine:
        engine.registry.register(parse_schema(SCHEMA, "contacts.yaml"), annotate="heuristic")
        engine.registry.approve("contacts", by="the show")


def everybody(dsn: str) -> None:
    with connect(dsn) as engine:
        for tenant in ("default", "other"):
            of_tenant = engine.for_tenant(tenant)
            for number, each in enumerate(people(PEOPLE)):
                text = f"{each['name']} was there"
                of_tenant.ingest(Message(text, f"told-{number}"), proposals=[Proposal("Person", each)])


def one_more(dsn: str) -> UUID:
    """The person who will be erased; her memory's id."""
    failed = ExtractionFailed(extractor="scripted", reason=f"the model spoke of {NAME}")
    failed.reply = json.dumps({"said": f"{NAME} is not a class"})
    extractor = ScriptedExtractor({"unreadable": failed, **{text: [] for text in SPELLINGS}})
    with connect(dsn, extractor) as engine:

        def say(text: str, message_id: str | None = None, operation: str = "upsert", **values: Any) -> Any:
            proposal = Proposal("Person", values, "delete" if operation == "delete" else "upsert", evidence=text)
            return engine.ingest(Message(text, message_id), proposals=[proposal]).decisions[0]

        first = say(f"{NAME} writes from {OLD_EMAIL.upper()}", "first-told", name=f" {NAME}  ", email=OLD_EMAIL.upper())
        memory_id: UUID = first.memory_id
        say("she moved", email=OLD_EMAIL, city=CITY, phone=PHONE, born=BORN, notes=NOTE)
        say(f"now she has {EMAIL}", name=NAME, phone="98877665", email=EMAIL)
        engine.correct(memory_id, {"city": CITY.upper()}, by="an operator", why=f"{NAME} said so herself")
        say("forget her", operation="delete", name=NAME)
        say("is it her?", name="Zdzisława Nowak", city=CITY)
        say("no proper e-mail", name=NAME, email="zdzicha at chrzaszczyzewo")
        twin = say("who is this", name=OTHER_NAME, employer="Northwind", tags=["ngata"])
        if twin.memory_id != memory_id:
            engine.merge(memory_id, twin.memory_id, by="an operator", why="they are one")
        switch(engine.database, "default", "contacts", "Person", on=True, by="an operator", reason=f"{NAME} complained")
        held = say("while the switch was on", name=NAME, email=EMAIL)
        switch(engine.database, "default", "contacts", "Person", on=False, by="an operator", reason="it is over")
        engine.merge(memory_id, held.memory_id, by="an operator") if held.memory_id else None
        engine.ingest(proposals=[Proposal("Task", {"title": f"Call {NAME} back"})])
        for number, text in enumerate(SPELLINGS):
            engine.ingest(Message(text, f"quoted-{number}"))
        engine.ingest(Message(f"unreadable, about {NAME}", "dead-1"))
        engine.submit(Message(f"{NAME} waits", "waiting-1", session=f"with {EMAIL}"))
        engine.calibrate("Person", recompute=True, by="an operator", why=f"after {NAME}")
        return memory_id


def also() -> list[str]:
    """What is erased from other memories too: their notes of her."""
    return [each for text in (NAME, CITY, "Zdzisława", OTHER_NAME, "ngata") for each in ("--also", text)]


def guesses() -> list[str]:
    """Digests of values, of keys and of messages, as somebody would make them who wants to know."""
    keys = [digest([canonical(value)]).hex() for value in (EMAIL, OLD_EMAIL, "+4798877665")]
    return [*keys, message_digest(Message(SPELLINGS[0])).hex()]


def dump(dsn: str) -> str:
    """The whole database as SQL, by the pg_dump of the embedded binaries."""
    command = [str(find().program("pg_dump")), "--format=plain", f"--dbname={dsn}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ)).stdout


def folded(text: str) -> str:
    """A text in lower case without accents, with what JSON escapes as it is meant."""
    said = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", said)).casefold()


def state_of(dsn: str, tenant: str) -> list[Any]:
    """A digest of each table's rows of a tenant."""
    names = "memories memory_revisions messages audit_log audit_values identity_keys candidate_keys".split()
    with psycopg.connect(dsn) as conn:
        return [
            conn.execute(
                psycopg.sql.SQL(
                    "select count(*), md5(string_agg(t::text, '' order by t::text)) from memreg.{} as t"
                    " where tenant = %s"
                ).format(psycopg.sql.Identifier(name)),
                [tenant],
            ).fetchone()
            for name in names
        ]


def run(dsn: str, *words: str, as_json: bool = True) -> str:
    """What a command prints. Raises RuntimeError where it fails."""
    command = [memreg(), *words, *(["--json"] if as_json else [])]
    environment = own_environment(MEMREG_DATABASE_URL=dsn, MEMREG_SCHEMA="contacts")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode not in (0, 1) or not done.stdout:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    perform("trust_5_erased_for_good", main)
