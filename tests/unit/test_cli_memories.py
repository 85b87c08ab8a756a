"""Memories as people see them: values in declared order, references with what they lead to."""

from __future__ import annotations

from uuid import UUID

from memreg.cli.memories import in_order
from memreg.cli.output import data_of
from memreg.core.clock import utc_now
from memreg.engine.model import Payload, Referred, Stored
from tests.support.offices import offices_version

ACME, ANA, BOB = (UUID(int=number) for number in (1, 2, 3))


def memory() -> Stored[Payload]:
    now = utc_now()
    values = {"friends": [str(ANA), str(BOB)], "employer": str(ACME), "name": "Eve Ek"}
    led = {
        "employer": (Referred(ACME, "Company", "Acme", values={"name": "Acme", "vat": "NO1"}),),
        "friends": (Referred(ANA, "Person", "Ana Lopez", is_gone=True), Referred(BOB, "Person", None)),
    }
    return Stored(UUID(int=9), "Person", 1, values, 1, False, now, now, now, led)


def test_a_reference_is_an_id_with_a_name() -> None:
    assert list(in_order(memory(), offices_version()).items()) == [
        ("name", "Eve Ek"),
        ("employer", f"{ACME} (Acme)"),
        ("friends", [f"{ANA} (Ana Lopez, deleted)", str(BOB)]),
    ]


def test_json_has_ids_and_names_and_not_the_other_memory() -> None:
    data = data_of(memory())
    assert data["values"]["employer"] == str(ACME)
    assert data["references"]["employer"] == [
        {"id": str(ACME), "class_name": "Company", "name": "Acme", "is_gone": False}
    ]
