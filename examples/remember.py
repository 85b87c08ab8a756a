"""Remembers two messages through the Python interface and prints what was decided; needs a registered schema."""

from memreg import Engine, Message, Proposal


def main() -> None:
    """Ingest a sentence, then the same object as values, and show that the second found the first."""
    with Engine.connect() as engine:
        said = engine.ingest(Message("Bo Chen lives in Bergen, bo@chen.io"))
        given = engine.ingest(
            proposals=[Proposal("Person", {"name": "Bo Chen", "email": "bo@chen.io", "tags": ["climber"]})]
        )
        for decision in (*said.decisions, *given.decisions):
            print(decision.action, decision.basis, decision.memory_id)
        for memory in engine.search("climber"):
            print(memory.values)


if __name__ == "__main__":
    main()
