"""Pydantic classes as schemas."""

from __future__ import annotations

import enum
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Optional
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, EmailStr, Field, HttpUrl

from memreg.core.errors import SchemaInvalid
from memreg.registry.from_pydantic import load_reference, schema_of
from memreg.registry.models import Kind, Merge, Normalizer, Pattern


class Mood(enum.StrEnum):
    """Values of an enum."""

    GOOD = "good"
    BAD = "bad"


class Contact(BaseModel):
    """Somebody the user knows."""

    model_config = ConfigDict(
        json_schema_extra={
            "memreg": {
                "patterns": ["{name} has {email}"],
                "annotation": {"searchable": {"name": 3}, "identity": [{"columns": ["email"]}]},
            }
        }
    )
    memreg_schema: ClassVar[str] = "contacts"

    name: str = Field(description="Full name", json_schema_extra={"memreg": {"normalize": ["trim", "collapse"]}})
    email: EmailStr | None = Field(None, json_schema_extra={"memreg": {"pii": True}})
    site: Optional[HttpUrl] = None  # noqa: UP045
    age: Annotated[int, Field(ge=0)]
    height: float = 1.5
    price: Decimal | None = None
    member: bool
    born: date | None = None
    seen: datetime | None = None
    mood: Mood | None = None
    side: Literal["left", "right"] | None = None
    tags: list[str] = Field(default_factory=list, examples=[["friend"]])
    moods: set[Mood] = set()
    days: tuple[date, ...] = ()
    key: UUID | None = None
    story: str = Field("", json_schema_extra={"memreg": {"dtype": "text", "merge": "append", "desc": "All of it"}})


class Pair(BaseModel):
    """A second class."""

    left: str


MODELS = [Contact, Pair]


def test_fields_become_columns() -> None:
    spec = schema_of(Contact)
    assert spec.name == "contacts"
    contact = spec.by_name["Contact"]
    assert contact.description == "Somebody the user knows."
    assert {column.name: str(column.dtype) for column in contact.columns} == {
        "name": "string",
        "email": "string",
        "site": "string",
        "age": "integer",
        "height": "number",
        "price": "number",
        "member": "boolean",
        "born": "date",
        "seen": "datetime",
        "mood": "enum",
        "side": "enum",
        "tags": "list[string]",
        "moods": "list[enum]",
        "days": "list[date]",
        "key": "string",
        "story": "text",
    }
    by_name = contact.by_name
    assert [column.name for column in contact.columns if column.required] == ["name", "age", "member"]
    assert by_name["name"].desc == "Full name"
    assert by_name["name"].normalize == (Normalizer("trim"), Normalizer("collapse"))
    assert by_name["email"].normalize == (Normalizer("email"),)
    assert by_name["email"].pii
    assert by_name["site"].normalize == (Normalizer("url"),)
    assert by_name["mood"].values == ("good", "bad")
    assert by_name["side"].values == ("left", "right")
    assert by_name["tags"].merge is Merge.UNION
    assert by_name["tags"].examples == (("friend",),)
    assert (by_name["story"].merge, by_name["story"].desc) == (Merge.APPEND, "All of it")
    assert by_name["moods"].dtype.kind is Kind.ENUM
    assert contact.patterns == (Pattern("{name} has {email}"),)
    assert contact.declared is not None
    assert contact.declared.identity[0].columns == ("email",)


def test_the_class_is_recorded() -> None:
    spec = schema_of(Contact, Pair)
    assert spec.models["Contact"].endswith("test_registry_pydantic:Contact")


def test_names_of_schemas() -> None:
    assert schema_of(Pair).name == "pair"
    assert schema_of(Pair, name="other").name == "other"
    assert schema_of(Pair, Contact).name == "contacts"


def test_a_class_made_inside_a_function_is_not_recorded() -> None:
    class Local(BaseModel):
        name: str

    assert schema_of(Local).models == {}


def test_every_unsuitable_field_is_named_with_what_to_write() -> None:
    class Bad(BaseModel):
        model_config = ConfigDict(json_schema_extra={"memreg": {"pattern": []}})

        any: Any
        other: dict[str, str]
        either: int | str
        number: Literal[1, 2]
        nested: list[list[str]]
        blob: bytes
        typo: str = Field(json_schema_extra={"memreg": {"normalise": ["trim"]}})
        wrong: str = Field(json_schema_extra={"memreg": {"normalize": ["trimm"]}})

    with pytest.raises(SchemaInvalid) as caught:
        schema_of(Bad)
    texts = [mistake.text for mistake in caught.value.mistakes]
    assert len(texts) == 9
    for field, advice in {
        "any": "write str, int, float, bool",
        "other": "write",
        "either": "can be of several types: write one of them",
        "number": "has values that are no strings: write strings",
        "nested": "is a list of lists",
        "blob": "bytes has no dtype: write str",
        "typo": "unknown key 'normalise' under 'memreg'; did you mean normalize?",
        "wrong.normalize": "unknown normalizer 'trimm'; did you mean trim?",
    }.items():
        assert any(text.startswith(f"Bad.{field}: ") and advice in text for text in texts), field
    assert any(text.startswith("Bad: unknown key 'pattern'") for text in texts)


def test_a_nested_class_is_a_reference_and_is_taken_along() -> None:
    class Team(BaseModel):
        name: str
        lead: Pair
        deputy: Pair | None = None
        members: list[Pair] = []
        pair_or_id: Pair | UUID
        parent: Team | None = None

    spec = schema_of(Team)
    assert list(spec.by_name) == ["Team", "Pair"]
    columns = {column.name: (str(column.dtype), column.required) for column in spec.by_name["Team"].columns}
    assert columns == {
        "name": ("string", True),
        "lead": ("ref[Pair]", True),
        "deputy": ("ref[Pair]", False),
        "members": ("list[ref[Pair]]", False),
        "pair_or_id": ("ref[Pair]", True),
        "parent": ("ref[Team]", False),
    }
    assert spec.by_name["Pair"].description == "A second class."
    assert spec.models == {"Pair": f"{Pair.__module__}:Pair"}


def test_two_classes_of_one_name_are_refused_wherever_they_are() -> None:
    def other() -> type[BaseModel]:
        class Pair(BaseModel):
            right: str

        return Pair

    class Team(BaseModel):
        lead: Pair
        second: other()  # type: ignore[valid-type]

    with pytest.raises(SchemaInvalid, match="two classes have this name"):
        schema_of(Team)


def test_a_class_that_names_what_is_not_there_is_refused() -> None:
    class Lost(BaseModel):
        friend: Nowhere  # type: ignore[name-defined] # noqa: F821

    with pytest.raises(SchemaInvalid, match="its annotations cannot be read"):
        schema_of(Lost)


def test_several_classes_need_one_name() -> None:
    class Other(BaseModel):
        memreg_schema: ClassVar[str] = "others"
        name: str

    with pytest.raises(SchemaInvalid, match="the classes name different schemas"):
        schema_of(Contact, Other)

    class Third(BaseModel):
        name: str

    with pytest.raises(SchemaInvalid, match="the schema has no name"):
        schema_of(Pair, Third)


def test_references(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    text = (
        "from pydantic import BaseModel\n"
        "class Person(BaseModel):\n    name: str\n"
        "class Place(BaseModel):\n    name: str\n    memreg_schema = 'x'\n"
    )
    (folder / "memreg_test_models.py").write_text(
        text.replace("    memreg_schema = 'x'\n", "") + "BOTH = [Person, Place]\n"
    )
    (folder / "memreg_test_broken.py").write_text("1 / 0\n")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    try:
        assert load_reference("memreg_test_models:Person").models == {"Person": "memreg_test_models:Person"}
        for reference, says in {
            "memreg_test_models:Persn": "has no Persn; did you mean Person?",
            "memreg_test_models:BaseModel.__doc__": "is no Pydantic class",
            "memreg_test_models:BOTH": "the schema has no name",
            "memreg_test_broken:Person": "cannot be imported: ZeroDivisionError",
            "memreg_test_nowhere:Person": "cannot be imported: ModuleNotFoundError",
            "memreg_test_models": "write it as module:Class",
        }.items():
            with pytest.raises(SchemaInvalid) as caught:
                load_reference(reference)
            assert says in str(caught.value)
    finally:
        sys.modules.pop("memreg_test_models", None)


def test_a_list_of_classes_can_be_named() -> None:
    spec = load_reference(f"{__name__}:MODELS")
    assert (spec.name, [each.name for each in spec.classes]) == ("contacts", ["Contact", "Pair"])
