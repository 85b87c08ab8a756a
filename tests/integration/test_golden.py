"""The golden-set harness: what it calls together, apart and review, cold and warm; and that it leaves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.queries import Query
from memreg.core.steps import fetch_rows
from memreg.engine.model import Proposal
from memreg.evaluation.golden import Outcome, run_golden
from memreg.evaluation.golden_file import load_golden
from memreg.evaluation.golden_report import failure_lines, golden_data
from memreg.evaluation.rehearsal import rehearse
from tests.support.engines import people

PAYLOADS = Query("payloads", "Every memory of every tenant.", "select payload from memreg.memories")
SCHEMA = """\
schema:
  schema: contacts
  classes:
    Contact:
      columns:
        name: {dtype: string, required: true}
        email: {dtype: string}
        phone: {dtype: string}
        city: {dtype: string}
      annotation:
        searchable: {name: 3, city: 1}
        identity: [{columns: [email], strength: strong}, {columns: [phone], strength: shared}]
class: Contact
"""
SAME = "[{name: Ana Lopez, city: Oslo}, {name: ana lopez, city: OSLO}]"
OTHER = "[{name: Ana Lopez}, {name: Tom Becker}]"
ONE_KEY = "[{name: Ana Lopez, email: a@b.io}, {name: Tom Becker, email: a@b.io}]"
TWO_KEYS = "[{name: Ana Lopez, email: a@b.io}, {name: Ana Lopez, email: x@y.io}]"
CONFLICT = "[{name: Eva Berg, email: e@b.io}, {name: Eva Ek, phone: '1'}, {name: Eva, email: e@b.io, phone: '1'}]"
MERGED_FIRST = "[{name: Ana Lopez}, {name: Ana Lopez}, {name: Tom Becker}]"
LATE = "[{name: Ana Lopez}, {city: Oslo}]"


def run(database: Database, folder: Path, records: str, expect: str, background: str = "") -> list[Outcome]:
    path = folder / "small.yaml"
    case = f"- {{expect: {expect}, records: {records}, why: so}}"
    path.write_text(f"{SCHEMA}{background}cases:\n  small:\n    {case}\n", "utf-8")
    return list(run_golden(load_golden(path), database).outcomes)


@pytest.mark.parametrize(
    ("records", "got", "passes"),
    [
        (SAME, "together", {"together"}),
        (OTHER, "apart", {"apart"}),
        (ONE_KEY, "together", {"together"}),
        (TWO_KEYS, "review", {"apart", "review"}),
        (CONFLICT, "review", {"review"}),
        (MERGED_FIRST, "2 memories of 3 records", set()),
        (LATE, "record 2 made no memory (incomplete)", set()),
    ],
)
def test_what_became_of_the_records(
    database: Database, tmp_path: Path, records: str, got: str, passes: set[str]
) -> None:
    found = {expect: run(database, tmp_path, records, expect)[0] for expect in ("apart", "together", "review")}
    assert {outcome.got for outcome in found.values()} == {got}
    assert {expect for expect, outcome in found.items() if outcome.passed} == passes


def test_the_warm_tenant_has_the_background_and_the_cold_one_has_not(database: Database, tmp_path: Path) -> None:
    background = "background: {Contact: [{name: Zoe Quist, email: z@q.io}, {name: Per Hagen}]}\n"
    cold, warm = run(database, tmp_path, "[{name: Z Q, email: z@q.io}, {name: Tom Becker}]", "apart", background)
    assert (cold.setting, cold.got, cold.passed) == ("cold", "apart", True)
    assert (warm.setting, warm.got, warm.passed) == ("warm", "record 1 was taken for one of the background", False)


def test_a_case_sees_nothing_of_the_ones_before(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    cases = "".join(f"    - {{expect: together, records: {SAME}}}\n" for _ in range(3))
    path.write_text(f"{SCHEMA}background: {{Contact: [{{name: Zoe Quist}}]}}\ncases:\n  k:\n{cases}", "utf-8")
    golden = load_golden(path)
    told: list[Outcome] = []
    report = run_golden(golden, database, tell=told.append)
    assert [outcome.passed for outcome in report.outcomes] == [True] * golden.outcomes == [True] * len(told)
    assert report.background == {"Contact": 1}
    found = database.run_admin(lambda: fetch_rows(PAYLOADS()))
    assert found == [{"payload": {"name": "Zoe Quist"}}]


def test_a_failure_says_what_decided(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(f"{SCHEMA}cases:\n  small:\n    - {{expect: apart, records: {ONE_KEY}, why: a family}}\n", "utf-8")
    report = run_golden(load_golden(path), database)
    text = "\n".join(failure_lines("small.yaml", report.failures[0]))
    assert text.startswith("small.yaml:16: small, cold: expected apart, got together\n")
    for words in (
        "Contact {name: 'Ana Lopez', email: 'a@b.io'}",
        "because a family",
        "the strong key email matches record 1",
    ):
        assert words in text
    data = golden_data([report])
    assert (data["cases"], data["passed"], data["failed"], data["wrong"]["joined"]) == (1, 0, 1, 1)
    assert data["kinds"] == {"small": {"passed": 0, "failed": 1}}
    failure = data["failures"][0]
    assert (failure["expected"], failure["got"], failure["basis"]) == ("apart", "together", "identity")
    assert failure["parts"]


def test_a_rehearsal_is_taken_back(database: Database) -> None:
    engine = people(database)
    kept = engine.ingest(proposals=[Proposal("Person", {"name": "Ana Lopez"})]).decisions[0].memory_id
    with rehearse(database, engine.tenant) as rehearsal:
        inner = Engine(rehearsal, tenant=engine.tenant, schema="people")
        inner.ingest(proposals=[Proposal("Person", {"name": "Tom Becker"})])
        assert len(inner.list("Person")) == 2
        with rehearsal.transaction(engine.tenant) as conn:
            assert conn.execute("select count(*) as n from memreg.memories").fetchone() == {"n": 2}
    assert [memory.id for memory in engine.list("Person")] == [kept]
