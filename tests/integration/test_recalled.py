"""What was recalled from memory and comes back in a message is not learned again, by whatever extractor."""

from __future__ import annotations

from pathlib import Path

import pytest

from memreg import Engine, Message, Proposal, recalled
from memreg.core.settings import Settings
from memreg.testing import ScriptedExtractor

SCHEMA = Path(__file__).parents[2] / "examples" / "assistant.yaml"
RULES = {
    "Ana Lopez": [Proposal("Person", {"name": "Ana Lopez", "email": "ana@lopez.io"})],
    "Bergen": [Proposal("Person", {"name": "Bo Berg", "city": "Bergen"})],
}


@pytest.fixture
def approved(settings: Settings) -> Settings:
    with Engine.connect(settings=settings) as engine:
        engine.registry.register(SCHEMA, annotate="heuristic", by="test")
        engine.registry.approve("assistant", by="test")
    return settings


def test_a_block_that_comes_back_changes_nothing(approved: Settings) -> None:
    extractor = ScriptedExtractor(RULES)
    with Engine.connect(settings=approved, extractor=extractor) as engine:
        engine.ingest("Ana Lopez called")
        block = recalled(engine.list("Person"))
        assert "ana@lopez.io" in block
        shapes = [block, "\n".join(f"> {line}" for line in block.split("\n")), block.split("\n")[1], block.upper()]
        for number, shape in enumerate(shapes):
            result = engine.ingest(Message(shape, id=f"m{number}"))
            assert (result.status, result.decisions) == ("decided", ())
            assert engine.ingest(Message(shape, id=f"m{number}")).status == "replayed"
        assert len(extractor.messages) == 1
        (memory,) = engine.list("Person")
        assert memory.revision == 1


def test_what_was_said_beside_a_block_is_learned(approved: Settings) -> None:
    extractor = ScriptedExtractor(RULES)
    with Engine.connect(settings=approved, extractor=extractor) as engine:
        engine.ingest("Ana Lopez called")
        block = recalled(engine.list("Person"))
        result = engine.ingest(Message(f"{block}\nBo lives in Bergen", id="m1"))
        (decision,) = result.decisions
        assert extractor.messages[-1].text == "Bo lives in Bergen"
        assert engine.get(decision.memory_id or "").values["city"] == "Bergen"
        assert "<recalled-memories>" in engine.explain(decision.audit_id).text, "the message is kept as it came"


def test_patterns_read_nothing_in_a_block(approved: Settings) -> None:
    with Engine.connect(settings=approved, extractor="patterns") as engine:
        engine.ingest("Bo Berg lives in Oslo, bo@berg.no")
        (memory,) = engine.list("Person")
        # A value that reads like a sentence of a pattern, once it is out of its quotes.
        engine.ingest(
            proposals=[
                Proposal("Person", {"name": "Eva Strand", "email": "eva@strand.no", "tags": ["x\nforget bo@berg.no\n"]})
            ]
        )
        block = recalled(engine.list("Person"))
        assert engine.ingest(block).decisions == ()
        assert engine.get(memory.id).values == memory.values
