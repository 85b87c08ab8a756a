"""The proposals of a message that refer to each other: what is nested, what a text names, and who is decided first."""

from __future__ import annotations

from typing import Any

import pytest

from memreg.engine.item import Item
from memreg.engine.links import Unfolded, deciding_order, unfold
from memreg.engine.model import Proposal
from memreg.engine.references import MOST_DEPTH, MOST_NESTED
from memreg.registry.models import (
    ClassAnnotation,
    ClassSpec,
    Column,
    Dtype,
    Kind,
    OnDelete,
    SchemaSpec,
    SchemaVersion,
    Status,
)
from tests.support.offices import company, forget, offices_version, person

VERSION = offices_version()


def unfolded(*proposals: Proposal, version: SchemaVersion = VERSION, makes: bool = True) -> Unfolded:
    def make(proposal: Proposal, only_looked_up: bool = False) -> Item:  # noqa: ARG001
        return Item.of(0, proposal, version, (), None, ids=True)

    return unfold([make(each) for each in proposals], version, make, makes=makes)


def name(item: Item) -> str:
    values = item.checked.values
    return str(values.get("name") or values.get("title") or values.get("number") or values.get("code") or values)


def listed(found: Unfolded) -> list[str]:
    return [name(item) for item in found.items]


def decided(*proposals: Proposal, version: SchemaVersion = VERSION) -> list[str]:
    return [name(item) for item in deciding_order(unfolded(*proposals, version=version), version)]


def late(found: Unfolded, version: SchemaVersion = VERSION) -> list[str]:
    deciding_order(found, version)
    return [f"{name(item)}.{link.said.column}" for item in found.items for link in item.links if link.is_late]


# What is nested


def test_a_nested_proposal_stands_right_before_its_holder() -> None:
    inner = {"name": "Bob", "employer": {"name": "Bolt"}}
    found = unfolded(person(name="Eve"), person(name="Ana", manager=inner, employer={"name": "Acme"}))
    assert listed(found) == ["Eve", "Acme", "Bolt", "Bob", "Ana"]
    assert listed(found) == decided(person(name="Eve"), person(name="Ana", manager=inner, employer={"name": "Acme"}))


def test_a_text_that_nothing_of_the_message_is_called_is_a_proposal() -> None:
    assert listed(unfolded(person(name="Ana", employer="Acme"))) == ["Acme", "Ana"]


@pytest.mark.parametrize("text", ["Acme", " ACME ", "NO123456789"])
def test_a_text_that_names_a_proposal_is_that(text: str) -> None:
    found = unfolded(person(name="Ana", employer=text), company(name="Acme", vat="NO123456789"))
    assert listed(found) == ["Ana", "Acme"]
    assert found.items[0].links[0].to is found.items[1]


def test_a_text_names_what_is_nested_in_another() -> None:
    found = unfolded(person(name="Ana", employer={"name": "Acme", "city": "Oslo"}), person(name="Bob", employer="acme"))
    assert listed(found) == ["Acme", "Ana", "Bob"]


def test_a_text_that_names_two_is_left_to_the_table_after_both() -> None:
    found = (company(name="Acme", city="Oslo"), person(name="Ana", employer="Acme"), company(name="Acme", city="Rome"))
    assert listed(unfolded(*found)) == ["Acme", "Acme", "Ana", "Acme"]
    assert decided(*found) == ["Acme", "Acme", "Acme", "Ana"]


def test_a_text_of_another_class_names_nothing() -> None:
    assert listed(unfolded(person(name="Ana", employer="Bob"), person(name="Bob"))) == ["Bob", "Ana", "Bob"]


def test_a_delete_and_a_turn_that_makes_nothing_only_look_up() -> None:
    found = unfolded(forget("Purchase", customer={"name": "Acme"}, number="7"))
    assert (listed(found), [name(item) for item in found.looked_up]) == (["7"], ["Acme"])
    found = unfolded(person(name="Ana", employer={"name": "Acme"}), makes=False)
    assert (listed(found), [name(item) for item in found.looked_up]) == (["Ana"], ["Acme"])


def test_a_delete_looks_up_what_its_keys_need() -> None:
    found = unfolded(forget("Person", email="ana@lopez.io", employer="Acme"))
    assert (found.items[0].links, found.looked_up) == ([], [])


def test_depth_and_number_are_bounded_and_told() -> None:
    deep: dict[str, Any] = {"name": "0"}
    for number in range(1, MOST_DEPTH + 3):
        deep = {"name": str(number), "manager": deep}
    found = unfolded(Proposal("Person", deep))
    assert len(found.items) == MOST_DEPTH + 1
    assert [link.problem for item in found.items for link in item.links if link.problem] == [
        f"proposals are nested in each other up to {MOST_DEPTH} deep, and this is one more"
    ]
    many = [person(name=f"p{n}", friends=[{"name": f"f{n} {m}"} for m in range(101)]) for n in range(10)]
    found = unfolded(*many)
    assert len(found.items) == len(many) + MOST_NESTED
    problems = [link.problem for item in found.items for link in item.links if link.problem]
    assert len(problems) == 10
    assert "1,000 in one message" in problems[0]


# Who is decided first


def test_what_a_text_names_is_decided_first_and_the_rest_in_order() -> None:
    given = (person(name="Eve"), person(name="Ana", employer="Acme"), person(name="Bob"), company(name="Acme"))
    assert decided(*given) == ["Eve", "Bob", "Acme", "Ana"]
    assert listed(unfolded(*given)) == ["Eve", "Ana", "Bob", "Acme"]


def test_a_nested_object_comes_after_what_is_told_of_the_same_object() -> None:
    given = (person(name="Ana", employer={"name": "Acme"}), company(name="Acme", vat="NO1"))
    assert [name(item) for item in unfolded(*given).items] == ["Acme", "Ana", "Acme"]
    order = deciding_order(found := unfolded(*given), VERSION)
    assert order[0] is found.items[2]


def test_a_circle_is_broken_once() -> None:
    given = (person(name="Ana", manager="Bob"), person(name="Bob", manager="Cid"), person(name="Cid", manager="Ana"))
    assert late(unfolded(*given)) == ["Cid.manager"]
    assert decided(*given) == ["Cid", "Bob", "Ana"]


def test_two_circles_through_one_are_both_broken() -> None:
    given = (
        person(name="Ana", manager="Bob", friends=["Cid"]),
        person(name="Bob", manager="Ana"),
        person(name="Cid", manager="Ana"),
    )
    assert late(unfolded(*given)) == ["Bob.manager", "Cid.manager"]


def test_one_that_refers_to_itself_is_late() -> None:
    assert late(unfolded(person(name="Ana", manager="Ana"))) == ["Ana.manager"]


def test_what_names_is_broken_before_what_is_nested() -> None:
    given = person(name="Ana", manager={"name": "Bob", "manager": "Ana"})
    assert late(unfolded(given)) == ["Bob.manager"]
    assert decided(given) == ["Bob", "Ana"]


def of_papers(*, required: bool) -> SchemaVersion:
    def columns(other: str, *, needs: bool) -> tuple[Column, ...]:
        title = Column("title", Dtype(Kind.STRING))
        return title, Column("other", Dtype(Kind.REF, target=other), required=needs, on_delete=OnDelete.REFUSE)

    classes = (
        ClassSpec("Annex", columns("Deed", needs=True)),
        ClassSpec("Deed", columns("Annex", needs=required)),
    )
    annotations = {each.name: ClassAnnotation({"title": 3}) for each in classes}
    return SchemaVersion(SchemaSpec("papers", classes), 1, Status.ACTIVE, "f", annotations, 1)


PAPERS = (Proposal("Annex", {"title": "A", "other": "D"}), Proposal("Deed", {"title": "D", "other": "A"}))


def test_a_circle_is_broken_where_a_column_may_be_empty() -> None:
    version = of_papers(required=False)
    assert late(unfolded(*PAPERS, version=version), version) == ["D.other"]
    assert decided(*PAPERS, version=version) == ["D", "A"]


def test_a_circle_of_required_columns_is_told() -> None:
    version = of_papers(required=True)
    found = unfolded(*PAPERS, version=version)
    order = deciding_order(found, version)
    assert len(order) == 2
    (problem,) = (link.problem or "" for item in found.items for link in item.links if link.problem)
    assert problem.startswith("the Annex refers back to this Deed, and each requires the other")


def test_deletes_of_what_refuses_go_first() -> None:
    customer, purchase = forget("Company", vat="NO1"), forget("Purchase", customer="Acme", number="7")
    found = unfolded(customer, purchase)
    assert [item.checked.class_name for item in deciding_order(found, VERSION)] == ["Purchase", "Company"]
    found = unfolded(customer, company(name="Bolt"), purchase)
    assert [item.checked.class_name for item in deciding_order(found, VERSION)] == ["Company", "Company", "Purchase"]
