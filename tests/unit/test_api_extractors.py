"""The extractor of an engine: chosen once, made at its first use, shared by the engines of every tenant."""

from __future__ import annotations

import pytest

from memreg.api import extractors
from memreg.api.engine import Engine
from memreg.api.extractors import Extractors
from memreg.core.database import Database
from memreg.core.errors import ExtractorUnavailable
from memreg.core.settings import Settings
from memreg.engine.extract import Extractor
from memreg.engine.model import Extraction, Message
from memreg.registry.models import SchemaVersion


class Counted:
    """An extractor that knows whether it was closed."""

    name = "counted"
    closed = 0

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:  # noqa: ARG002
        return Extraction((), self.name)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Counted]:
    """Every extractor that is made by name."""
    found: list[Counted] = []

    def make(name: str, settings: Settings) -> Extractor:  # noqa: ARG001
        found.append(Counted())
        return found[-1]

    monkeypatch.setattr(extractors, "make_extractor", make)
    return found


def test_the_engines_of_all_tenants_share_one(made: list[Counted], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEMREG_DATABASE_URL", raising=False)
    engine = Engine(Database(Settings()))
    tenants = [engine.for_tenant(f"tenant-{number}") for number in range(3)]
    assert len({id(each._intake.extractors.pick()) for each in [*tenants, engine, tenants[0].for_tenant("other")]}) == 1
    for each in tenants:
        each.close()
    assert [each.closed for each in made] == [0]
    engine.close()
    assert [each.closed for each in made] == [1]


def test_one_that_was_given_is_not_closed() -> None:
    given = Counted()
    shared = Extractors(given, Settings())
    assert shared.pick() is given
    shared.close()
    assert given.closed == 0


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ExtractorUnavailable, match="none of llm, patterns, structured"):
        Extractors("guess", Settings()).pick()  # type: ignore[arg-type]
