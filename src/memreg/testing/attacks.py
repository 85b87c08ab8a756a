"""Attacks, carried out: a real engine, whose model obeys every message, and what came of it compared with what must.

    from memreg.testing.attacks import AttackRange, attack_files, load_attacks

    with AttackRange(settings) as range:
        for path in attack_files(Path("attacks")):
            for attack in load_attacks(path):
                assert range.run(attack).differences == []

The engine, its database and its client are those of an application; only the model is scripted. Every attack is made on
a tenant of its own. The form of the files: `memreg.testing.attack_file`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from memreg.api.engine import Engine
from memreg.api.registry import Registry
from memreg.core.database import Database
from memreg.core.errors import MemregError
from memreg.core.settings import Settings
from memreg.engine.model import Message, Proposal
from memreg.operations.kill_switch import switch
from memreg.registry.models import Status
from memreg.testing.attack_check import (
    AttackRun,
    compare_audit,
    compare_kept,
    compare_memories,
    compare_raised,
    compare_requests,
    compare_result,
    state_of,
)
from memreg.testing.attack_file import Attack, AttackInvalid, as_reply, attack_files, expanded, load_attacks
from memreg.testing.llm_server import ScriptedServer
from memreg.testing.reply import answer

__all__ = ["Attack", "AttackInvalid", "AttackRange", "AttackRun", "attack_files", "load_attacks"]

WHO = "attack"


class AttackRange:
    """Where attacks are carried out: a database, a scripted model, and the schemas of the attacks; a context manager.

    The database must be migrated, and is written to; `run` may be called for any number of attacks, one at a time.
    """

    def __init__(self, settings: Settings) -> None:
        """Make a range on the database of settings; its model is the scripted one, whatever they say."""
        self._settings = settings
        self._stack = ExitStack()
        self._server = ScriptedServer()
        self._engines: dict[tuple[str, str], Engine] = {}
        self._databases: dict[str, Database] = {}
        self._numbers = count(1)

    def __enter__(self) -> Self:
        self._stack.enter_context(self._server)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, attack: Attack) -> AttackRun:
        """Carry out one attack and compare. Raises MemregError where the setting up fails."""
        run = AttackRun(attack)
        shared = self._engine(attack)
        number = next(self._numbers)
        engine, other = shared.for_tenant(f"attacked-{number}"), shared.for_tenant(f"bystander-{number}")
        for memory in attack.before:
            run.memories[memory["label"]] = _made(engine, memory)
        for memory in attack.others:
            _made(other, memory)
        if attack.mode == "kill_switch":
            switch(engine.database, engine.tenant, engine.schema(), on=True, by=WHO)
        for number, turn in enumerate(attack.context, start=1):
            self._server.script(lambda _: answer({"items": []}))
            engine.ingest(_message(turn, f"context-{number}", run))
        at_first, others_at_first = state_of(engine), state_of(other)
        script = [as_reply(expanded(reply, run.memories)) for reply in attack.replies] or [answer({"items": []})]
        start = len(self._server.requests)
        self._server.script(lambda _: script.pop(0) if len(script) > 1 else script[0])
        message = _message(attack.message, "the-attack", run)
        try:
            result = engine.ingest(message)
        except MemregError as error:
            run.differences += compare_raised(attack, error)
        else:
            run.decisions = result.decisions
            run.differences += [*compare_result(run, result, engine), *compare_audit(result, engine)]
        run.requests = tuple(self._server.requests[start:])
        at_last = state_of(engine)
        run.differences += [
            *compare_memories(run, at_first, at_last),
            *compare_kept(run, message, at_last),
            *compare_requests(run, [state_of(engine), state_of(other)]),
        ]
        if state_of(other) != others_at_first:
            run.differences.append("another tenant: something was changed")
        return run

    def _engine(self, attack: Attack) -> Engine:
        """The engine of a schema and of settings, which the attacks share, each with a tenant of its own."""
        pending = attack.mode == "pending"
        name = f"{attack.schema.name}_{'pending' if pending else 'attacked'}"
        key = (name, repr(sorted(attack.settings.items())))
        if key not in self._engines:
            database = self._database(attack)
            registry = Registry(database)
            version = registry.register(replace(attack.schema, name=name), annotate="heuristic", by=WHO).version
            if not pending and version.status is Status.PENDING:
                registry.approve(name, by=WHO)
            self._engines[key] = self._stack.enter_context(Engine(database, schema=name, extractor="llm"))
        return self._engines[key]

    def _database(self, attack: Attack) -> Database:
        key = repr(sorted(attack.settings.items()))
        if key not in self._databases:
            changes = {
                "llm_base_url": self._server.base_url,
                "llm_model": "obedient",
                "llm_max_retries": 0,
                "workers": 0,
            }
            unknown = sorted(attack.settings.keys() - Settings.model_fields.keys())
            if unknown:
                raise AttackInvalid(source=attack.source, reason=f"there is no setting {unknown[0]}")
            settings = self._settings.model_copy(update={"llm_api_key": None, **changes, **attack.settings})
            self._databases[key] = self._stack.enter_context(Database.connect(settings))
        return self._databases[key]


def _made(engine: Engine, memory: Mapping[str, Any]) -> UUID:
    """The memory that a proposal makes. Raises AttackInvalid where it makes none."""
    decision = engine.ingest(proposals=[Proposal(memory["class"], memory["values"])]).decisions[0]
    if decision.memory_id is None or decision.action != "CREATE":
        raise AttackInvalid(
            source=str(memory.get("label")), reason=f"it is no new memory: {'; '.join(decision.reasons)}"
        )
    return decision.memory_id


def _message(data: Mapping[str, Any], message_id: str, run: AttackRun) -> Message:
    text = expanded(data["text"], run.memories)
    return Message(str(text), id=message_id, session="the-session", role=data.get("role", "user"))
