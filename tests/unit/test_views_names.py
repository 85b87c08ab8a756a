"""Names of views and of their columns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memreg.operations.views import View, commands_for
from memreg.registry.models import ClassSpec, Column, Dtype, Kind, SchemaSpec
from memreg.registry.views.names import LENGTH_LIMIT, OWN, column_names, in_sql, view_names
from memreg.registry.views.relation import MARKER, Mark, mark_in

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,62}", fullmatch=True)


def schema(*names: str) -> SchemaSpec:
    return SchemaSpec("s", tuple(ClassSpec(name, ()) for name in names))


def class_of(*names: str) -> ClassSpec:
    return ClassSpec("C", tuple(Column(name, Dtype(Kind.STRING)) for name in names))


def test_names_are_snake_case() -> None:
    assert view_names(schema("Person", "SupportTicket", "HTTPServer")) == {
        "Person": "person",
        "SupportTicket": "support_ticket",
        "HTTPServer": "http_server",
    }


def test_two_that_would_meet_are_told_apart() -> None:
    assert view_names(schema("SupportTicket", "Support_ticket")) == {
        "SupportTicket": "support_ticket",
        "Support_ticket": "support_ticket_",
    }
    assert column_names(class_of("fullName", "full_name")) == {"fullName": "fullname", "full_name": "full_name"}


def test_columns_that_every_view_has_keep_their_names() -> None:
    assert column_names(class_of("id", "Version", "name")) == {"id": "id_", "Version": "version_", "name": "name"}
    assert column_names(class_of("id", "id_")) == {"id": "id_", "id_": "id__"}


@given(st.lists(NAMES, min_size=1, max_size=8, unique_by=str.casefold))
def test_every_name_is_there_once_and_no_longer_than_postgres_keeps(names: list[str]) -> None:
    found = column_names(class_of(*names))
    assert list(found) == names
    assert len(set(found.values()) | set(OWN)) == len(names) + len(OWN)
    assert all(len(each) <= LENGTH_LIMIT and each == each.lower() for each in found.values())


@pytest.mark.parametrize("tenant", [None, "acme", 'a"b}', "日本"])
def test_a_mark_is_read_from_its_comment(tenant: str | None) -> None:
    mark = Mark("shop", 3, "Person", tenant, "ab12")
    assert mark_in(mark.comment("Somebody\nwho buys")) == mark
    assert mark_in(mark.comment("")) == mark


@pytest.mark.parametrize("comment", [None, "", "x", MARKER, MARKER + "{", MARKER + "{}", MARKER + '{"schema": "a"}'])
def test_other_comments_are_no_marks(comment: str | None) -> None:
    assert mark_in(comment) is None


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("person", "person"),
        ("user", '"user"'),
        ("Sales", '"Sales"'),
        ('a"b', '"a""b"'),
        ("2nd", '"2nd"'),
        ("_x1", "_x1"),
    ],
)
def test_a_query_writes_quotes_where_it_has_to(name: str, written: str) -> None:
    assert in_sql(name) == written


def test_what_brings_views_in_step_makes_no_others() -> None:
    def behind(place: str, tenant: str | None) -> View:
        return View(place, "customer", "Customer", "shop", 1, tenant, "me", in_step=False)

    views = [behind("shop", None), behind("shop", None), behind("bi", None), behind("shop_a", "a b")]
    assert commands_for(views) == (
        "memreg views create shop",
        "memreg views create shop --into bi",
        "memreg views create shop --into shop_a --tenant 'a b'",
    )
