"""Audit entries as they are handed out: masked, as JSON lines and as CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from memreg.core.errors import ArgumentInvalid
from memreg.operations.audit.anchor import Anchor, parse_anchors
from memreg.operations.audit.entries import EntryFilter
from memreg.operations.audit.export import Export
from memreg.operations.audit.record import COLUMNS, as_csv, as_json, csv_header, record_of
from tests.support.engines import people_version

EMAIL, PHONE = "ana@lopez.io", "+4790000000"
STATE = {
    "payload": {"name": "Ana", "email": EMAIL},
    "originals": {"email": EMAIL.upper()},
    "keys": [{"key": "email", "digest": "aa", "strong": True}],
    "revision": 1,
}


def row(**more: Any) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(COLUMNS)
    found |= {
        "id": UUID(int=7),
        "class": "Person",
        "created_at": datetime(2026, 11, 21, tzinfo=UTC),
        "score": Decimal("0.8125"),
        "digest": b"\x01\x02",
        "proposal": {"class": "Person", "values": {"name": "Ana", "email": EMAIL}, "evidence": f"mail {EMAIL}"},
        "evidence": f"her address is {EMAIL}",
        "before": None,
        "after": STATE,
        "reasons": [f"the key {EMAIL} matches"],
        "details": {"mode": "normal", "compared_with": {"x": {"email": EMAIL}}, "why": f"said {EMAIL}"},
    }
    return found | more


def test_personal_values_are_masked_wherever_they_are_quoted() -> None:
    text = as_json(record_of(row(), people_version()))
    assert EMAIL not in text.lower()
    assert "aa" not in json.loads(text)["after"]["keys"][0].values()
    record = json.loads(text)
    assert record["after"]["payload"] == {"name": "Ana", "email": "•••"}
    assert record["evidence"] == "her address is •••"
    assert set(record["details"]) == {"mode", "why"}


def test_a_reason_may_quote_another_memory_that_an_act_changed() -> None:
    other = {"memory_id": "x", "class": "Person", "before": {"payload": {"email": "+office+"}}, "after": STATE}
    said = row(reasons=["he is +office+ now"], details={"others": [other], "why": "he is +office+"})
    record = record_of(said, people_version())
    assert (record["reasons"], record["details"]) == (["he is +•••+ now"], {"why": "he is +•••+"})


def test_what_an_extractor_put_into_the_wrong_form_is_masked_as_well() -> None:
    values = {"name": "Ana", "email": EMAIL}
    said = {"class": {"is": EMAIL}, "values": values, "evidence": [f"mail {EMAIL}"], "confidence": {"of": [EMAIL]}}
    record = record_of(row(proposal=said), people_version())
    assert EMAIL not in as_json(record).lower()
    assert record["proposal"]["evidence"] == ["mail •••"]
    assert record["proposal"]["values"] == {"name": "Ana", "email": "•••"}


def test_what_the_version_does_not_know_is_masked_altogether() -> None:
    for version in (None, people_version()):
        record = record_of(row(**{"class": "Ghost"}), version)
        assert record["proposal"]["values"] == {"name": "•••", "email": "•••"}
        assert record["after"]["payload"] == {"name": "•••", "email": "•••"}


@pytest.mark.parametrize("proposal", ["not a proposal at all", ["x"], {"values": "ana"}, {}])
def test_whatever_was_given_as_a_proposal_is_handed_out_without_what_may_be_personal(proposal: Any) -> None:
    record = record_of(row(proposal=proposal), people_version())
    assert "ana" not in json.dumps(record["proposal"])


@pytest.mark.parametrize("reveal", [False, True])
def test_a_proposal_without_evidence_and_confidence_says_so(reveal: bool) -> None:
    said: dict[str, Any] = {"class": "Person", "operation": "upsert", "values": {"name": "Ana"}}
    record = record_of(row(proposal=said), people_version(), reveal=reveal)
    assert record["proposal"] == {**said, "evidence": None, "confidence": None}
    said |= {"confidence": 0.5, "evidence": "Ana it is"}
    assert record_of(row(proposal=said), people_version(), reveal=reveal)["proposal"]["confidence"] == 0.5
    assert record_of(row(proposal={}), people_version(), reveal=reveal)["proposal"] == {}  # erased


def test_revealed_it_has_everything() -> None:
    record = record_of(row(), people_version(), reveal=True)
    assert record["details"]["compared_with"] == {"x": {"email": EMAIL}}
    assert (record["audit_id"], record["score"], record["digest"]) == (str(UUID(int=7)), 0.8125, "0102")
    assert record["created_at"] == "2026-11-21T00:00:00+00:00"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    lines = csv_header() + "\r\n" + as_csv(record_of(row(evidence=text, actor=text), None, reveal=True))
    (read,) = csv.DictReader(io.StringIO(lines, newline=""))
    assert read["evidence"] == read["actor"] == "'" + text
    assert json.loads(read["after"])["payload"]["email"] == EMAIL


def test_a_form_that_there_is_not_is_refused() -> None:
    with pytest.raises(ArgumentInvalid, match="format cannot be 'xml': it must be one of jsonl, csv"):
        Export("default", "people", EntryFilter(), "xml", print)


def test_filters_are_checked() -> None:
    assert EntryFilter().is_empty
    assert not EntryFilter(min_score=0).is_empty
    for wrong in ({"min_score": 1.1}, {"max_score": True}, {"min_score": float("nan")}):
        with pytest.raises(ArgumentInvalid, match="it must be a number from 0 to 1"):
            EntryFilter(**wrong)
    with pytest.raises(ArgumentInvalid, match="it must be a datetime with a zone"):
        EntryFilter(since=datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("tenant", ["default", "a b", "*", "ünï/çödé %20", "\n"])
def test_anchors_read_as_they_are_written(tenant: str) -> None:
    anchors = (Anchor(tenant, 3, "ab" * 32), Anchor(tenant, 0, "00" * 32))
    assert parse_anchors("\n".join(map(str, anchors))) == anchors
    assert parse_anchors("  ".join(map(str, anchors))) == anchors
