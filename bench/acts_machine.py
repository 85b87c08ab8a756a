"""Random lives of memories: messages and acts of persons in any order, on a real Postgres, each step checked."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.errors import ActRefused, ArgumentInvalid
from memreg.core.queries import Query
from memreg.core.steps import Rows, fetch_rows
from memreg.engine.model import Proposal
from memreg.operations.kill_switch import switch
from memreg.operations.resolve import resolve

SCHEMA = """
schema: lives
classes:
  Person:
    description: Somebody
    columns:
      name: {dtype: string, required: true, normalize: [trim, collapse]}
      email: {dtype: string, normalize: [email], pii: true}
      phone: {dtype: string, normalize: [digits]}
      born: {dtype: date}
      city: {dtype: string}
      tags: {dtype: "list[string]"}
      notes: {dtype: text, merge: append}
      first_seen: {dtype: date, merge: min}
      employer: {dtype: "ref[Company]", on_delete: clear}
      friends: {dtype: "list[ref[Person]]", merge: union, on_delete: clear}
      manager: {dtype: "ref[Person]"}
    annotation:
      searchable: {name: 3, tags: 2, city: 1}
      compare: [born]
      identity:
        - {columns: [email], strength: strong}
        - {columns: [phone], strength: shared}
        - {columns: [name, born], strength: strong}
  Company:
    description: A company
    columns:
      name: {dtype: string, required: true}
      vat: {dtype: string}
    annotation:
      searchable: {name: 3}
      identity: [{columns: [vat], strength: strong}]
  Badge:
    description: A key card of a person
    columns:
      code: {dtype: string, required: true}
      owner: {dtype: "ref[Person]", on_delete: cascade}
    annotation:
      searchable: {code: 3}
      identity: [{columns: [code], strength: strong}]
"""
COLUMNS = ("name", "email", "phone", "born", "city", "tags", "notes", "first_seen")

_MEMORIES = Query(
    "memories",
    "Every memory with its keys.",
    """
    select
        id, class, payload, originals, pinned, is_deleted, unresolved, merged_into, revision, last_seen_at, updated_at,
        array(
            select key || ':' || encode(digest, 'hex')
            from memreg.identity_keys
            where identity_keys.tenant = %(tenant)s and memory_id = memories.id and released_at is null
            order by 1
        ) as keys
    from memreg.memories
    where tenant = %(tenant)s
    order by id
    """,
)
_ENTRIES = Query(
    "entries",
    "The entries that changed a memory, oldest first.",
    """
    select id, action, basis, undoes, memory_id
    from memreg.audit_log
    where tenant = %(tenant)s
        and id in (select audit_id from memreg.memory_revisions where memory_revisions.tenant = %(tenant)s)
    order by id
    """,
)
_HELD = Query(
    "held",
    "What live memories and keys and references are left.",
    """
    select
        (select count(*) from memreg.memories where tenant = %(tenant)s and not is_deleted) as live,
        (select count(*) from memreg.identity_keys where tenant = %(tenant)s and released_at is null) as keys,
        (select count(*) from memreg.memory_references where tenant = %(tenant)s) as refs,
        (select count(*) from memreg.candidate_keys where tenant = %(tenant)s) as candidates
    """,
)

names = st.sampled_from(["Ana Lopez", "Ana", "Ana Bright", "Tor Moe", "Wolfgang Schmidt"])
parts = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["a@x.io", "b@x.io", "c@x.io"]),
        "phone": st.sampled_from(["111", "222"]),
        "born": st.sampled_from(["1990-05-01", "1991-05-01"]),
        "city": st.sampled_from(["Oslo", "Bergen"]),
        "tags": st.sampled_from([["pilot"], ["doctor", "pilot"]]),
        "notes": st.sampled_from(["tea", "chess"]),
        "first_seen": st.sampled_from(["2026-01-01", "2026-02-01"]),
    },
)
person = st.builds(lambda name, rest: {"name": name, **rest}, names, parts) | parts
company = st.sampled_from([{"name": "Acme", "vat": "NO1"}, {"name": "Globex", "vat": "NO2"}, {"name": "Acme Ltd"}])
working = st.builds(lambda who, where: {**who, "employer": where}, person, company)
friendly = st.builds(lambda who, friend, boss: {**who, "friends": [friend], "manager": boss}, person, person, person)
badge = st.builds(
    lambda code, owner: {"code": code, "owner": owner}, st.sampled_from(["b1", "b2"]), person | st.just({"name": "Ana"})
)
proposals = st.lists(
    st.builds(Proposal, st.just("Person"), person | working | friendly)
    | st.builds(Proposal, st.just("Company"), company)
    | st.builds(Proposal, st.just("Badge"), badge)
    | st.builds(Proposal, st.just("Person"), person, st.just("delete")),
    min_size=1,
    max_size=3,
)
corrections = st.dictionaries(st.sampled_from(COLUMNS[1:]), st.none(), max_size=1).flatmap(
    lambda emptied: person.map(lambda values: {**values, **emptied})
)
numbers = st.integers(0, 999)


def rows(engine: Engine, query: Query) -> Rows:
    """The rows of a query in the engine's tenant."""
    return engine.database.run(engine.tenant, lambda: fetch_rows(query(tenant=engine.tenant)))


def lives(engine: Engine) -> dict[UUID, dict[str, Any]]:
    """What the live memories say, their keys and pins; without numbers and times, which only grow."""
    names = ("class", "payload", "originals", "pinned", "unresolved", "keys")
    return {row["id"]: {name: row[name] for name in names} for row in rows(engine, _MEMORIES) if not row["is_deleted"]}


@dataclass
class Tally:
    """What the machines of a run did: steps by what came of them, and undos on the way back."""

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    machines: int = 0
    steps: int = 0
    undone: int = 0
    looked_back: int = 0


class Lives(RuleBasedStateMachine):
    """Messages and acts in a tenant of its own. `database` and `tally` are set by who runs it.

    After each step: the audit alone rebuilds the memories, and what was refused changed nothing. At the end, entry by
    entry is undone, the newest first: each time the live memories are what they were before it was written, and in the
    end there is none, nor a key. Reads as of the times between steps give what was there then.
    """

    database: ClassVar[Database]
    tally: ClassVar[Tally] = Tally()
    _tenants: ClassVar[itertools.count[int]] = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine(self.database, tenant=f"life{next(self._tenants)}", schema="lives")
        self.before: list[tuple[UUID | None, dict[UUID, dict[str, Any]]]] = []
        self.then: list[tuple[datetime, dict[UUID, Mapping[str, Any]]]] = []
        self.memories: Rows = []
        self.entries: Rows = []
        self.is_switched = False
        self.tally.machines += 1

    def step(self, name: str, do: Callable[[], object]) -> None:
        """One step: remember what was before it, do it; what is refused must change nothing."""
        before = lives(self.engine)
        newest = self.entries[-1]["id"] if self.entries else None
        self.tally.steps += 1
        refused: Exception | None = None
        try:
            do()
        except (ActRefused, ArgumentInvalid) as error:
            refused = error
        if refused is not None:
            assert lives(self.engine) == before, f"{name} was refused and changed something: {refused}"
            self.tally.refused[name] += 1
            return
        self.before.append((newest, before))
        self.tally.done[name] += 1
        self.then.append((datetime.now(UTC), {each.id: each.values for each in self.engine.list(limit=10_000)}))
        self.memories, self.entries = rows(self.engine, _MEMORIES), rows(self.engine, _ENTRIES)

    def live(self, class_name: str | None = None) -> Rows:
        """The live memories, of a class."""
        return [m for m in self.memories if not m["is_deleted"] and class_name in (None, m["class"])]

    # What may happen

    @initialize(said=st.lists(st.builds(Proposal, st.just("Person"), person | working), min_size=2, max_size=3))
    def begin(self, said: list[Proposal]) -> None:
        self.step("ingest", lambda: self.engine.ingest(proposals=said))

    @rule(said=proposals)
    def ingest(self, said: list[Proposal]) -> None:
        self.step("ingest", lambda: self.engine.ingest(proposals=said))

    @precondition(lambda self: self.entries)
    @rule(which=numbers, cascade=st.booleans())
    def undo(self, which: int, cascade: bool) -> None:
        chosen = self.entries[which % len(self.entries)]["id"]
        self.step("undo", lambda: self.engine.undo(chosen, by="eva", cascade=cascade))

    @precondition(lambda self: len(self.live()) > 1)
    @rule(
        one=numbers, two=numbers, prefer=st.dictionaries(st.sampled_from(COLUMNS), st.sampled_from(["keep", "other"]))
    )
    def merge(self, one: int, two: int, prefer: dict[str, Any]) -> None:
        keep = _one(self.live(), one)
        others = [memory for memory in self.live() if memory["id"] != keep["id"]]
        alike = [memory for memory in others if memory["class"] == keep["class"]] or others
        wanted = prefer if keep["class"] == "Person" else {}
        other = _one(alike, two)["id"]
        self.step("merge", lambda: self.engine.merge(keep["id"], other, prefer=wanted, by="eva"))

    @precondition(lambda self: any(entry["action"] == "MERGE" for entry in self.entries))
    @rule(which=numbers)
    def unmerge(self, which: int) -> None:
        merges = [entry for entry in self.entries if entry["action"] == "MERGE"]
        self.step("unmerge", lambda: self.engine.undo(_one(merges, which)["id"], by="eva"))

    @precondition(lambda self: self.live())
    @rule(which=numbers, revisions=st.sets(st.integers(1, 4), min_size=1, max_size=2), named=st.booleans())
    def split_by_revisions(self, which: int, revisions: set[int], named: bool) -> None:
        several = [memory for memory in self.live() if memory["revision"] > 1]
        memory = _one(several or self.live(), which)
        chosen = sorted({1 + (each - 1) % memory["revision"] for each in revisions})
        name = "code" if memory["class"] == "Badge" else "name"
        values = {name: f"Split {memory['revision']}"} if named else {}
        self.step(
            "split by revisions",
            lambda: self.engine.split(memory["id"], revisions=chosen, values=values, by="eva"),
        )

    @precondition(lambda self: self.live("Person"))
    @rule(which=numbers, columns=st.sets(st.sampled_from(COLUMNS), min_size=1, max_size=2))
    def split_by_columns(self, which: int, columns: set[str]) -> None:
        memory = _one(self.live("Person"), which)
        there = sorted(columns & memory["payload"].keys()) or ["city"]
        values = {} if "name" in there else {"name": "Somebody Else"}
        self.step("split by columns", lambda: self.engine.split(memory["id"], columns=there, values=values, by="eva"))

    @precondition(lambda self: self.live("Person"))
    @rule(which=numbers, values=corrections, pin=st.booleans(), keep_keys=st.booleans())
    def correct(self, which: int, values: dict[str, Any], pin: bool, keep_keys: bool) -> None:
        memory = _one(self.live("Person"), which)["id"]
        self.step("correct", lambda: self.engine.correct(memory, values, pin=pin, keep_keys=keep_keys, by="eva"))

    @precondition(lambda self: any(memory["pinned"] for memory in self.live()))
    @rule(which=numbers)
    def unpin(self, which: int) -> None:
        memory = _one([each for each in self.live() if each["pinned"]], which)
        self.step("unpin", lambda: self.engine.correct(memory["id"], unpin=list(memory["pinned"])[:1], by="eva"))

    @precondition(lambda self: self.live())
    @rule(which=numbers)
    def forget(self, which: int) -> None:
        memory = _one(self.live(), which)["id"]
        self.step("forget", lambda: self.engine.forget(memory, by="eva"))

    @precondition(lambda self: len(self.live()) < len(self.memories))
    @rule(which=numbers)
    def restore(self, which: int) -> None:
        memory = _one([each for each in self.memories if each["is_deleted"]], which)["id"]
        self.step("restore", lambda: self.engine.restore(memory, by="eva"))

    @rule()
    def turn_the_switch(self) -> None:
        """Create-only for a while, and back: what was held back is decided then."""
        self.is_switched = not self.is_switched
        switch(self.database, self.engine.tenant, "lives", on=self.is_switched, by="eva")
        if not self.is_switched:
            self.step("resolve", lambda: resolve(self.database, self.engine.tenant, "lives", by="eva"))

    # What must hold

    @invariant()
    def the_audit_rebuilds_the_memories(self) -> None:
        found = self.engine.replay_audit()
        assert found.is_same, found

    @invariant()
    def a_strong_key_is_of_one_live_memory(self) -> None:
        held = Counter(
            key for life in lives(self.engine).values() for key in life["keys"] if not key.startswith("phone")
        )
        assert all(count == 1 for count in held.values()), held
        gone = [row["id"] for row in rows(self.engine, _MEMORIES) if row["is_deleted"] and row["keys"]]
        assert not gone, f"deleted memories hold keys: {gone}"

    def teardown(self) -> None:
        self.look_back()
        self.go_back()

    def look_back(self) -> None:
        """What was listed between steps is listed again as of these times."""
        for at, values in self.then:
            listed = {each.id: each.values for each in self.engine.list(as_of=at, limit=10_000)}
            assert listed == values, f"as of {at}: {listed} and not {values}"
            self.tally.looked_back += 1

    def go_back(self) -> None:
        """Undo everything, the newest first; at each boundary between steps the live memories are those of then."""
        entries = rows(self.engine, _ENTRIES)
        for newest, before in reversed(self.before):
            while entries and entries[-1]["id"] != newest:
                self.engine.undo(entries.pop()["id"], by="eva")
                self.tally.undone += 1
            found = lives(self.engine)
            differ = {m: (found.get(m), before.get(m)) for m in {*found, *before} if found.get(m) != before.get(m)}
            assert not differ, f"after undoing what came after {newest}, now and then: {differ}"
        left = rows(self.engine, _HELD)[0]
        assert left == {"live": 0, "keys": 0, "refs": 0, "candidates": 0}, left
        assert self.engine.replay_audit().is_same


def _one(found: Rows, number: int) -> dict[str, Any]:
    return found[number % len(found)]
