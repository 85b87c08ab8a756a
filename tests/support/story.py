"""Everything that an application can ask of an engine, asked once, of one tenant."""

from __future__ import annotations

import inspect
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from memreg.api.engine import Engine
from memreg.core.errors import MemregError
from memreg.engine.many import Turn
from memreg.engine.model import Message, Proposal

ANA = {"name": "Ana Lopez", "email": "ana@lopez.io", "city": "Oslo"}
NOT_ASKED = {
    "close": "which the story does at its end",
    "connect": "which makes an engine",
    "for_tenant": "which is another engine's",
    "registry": "which is of every tenant",
}
"""Public methods that no story tells, and why."""


class Teller:
    """An engine whose methods are noted when they are used."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self.used = engine, set[str]()

    def __getattr__(self, name: str) -> Any:
        self.used.add(name)
        return getattr(self._engine, name)


def methods() -> set[str]:
    """The public methods of an engine."""
    return {name for name, _ in inspect.getmembers(Engine) if not name.startswith("_")} - NOT_ASKED.keys()


def tell(engine: Engine) -> tuple[list[str], set[str]]:
    """Ask all that the others below do not; gives what was decided (`action basis`), and the methods used."""
    said, told = Teller(engine), list[str]()

    def say(number: int, *proposals: Proposal, session: str | None = None) -> Any:
        result = said.ingest(Message(f"message {number}", f"m{number}", session=session), proposals=proposals)
        told.extend(f"{each.action.value} {each.basis}" for each in result.decisions)
        return result

    def person(operation: Any = "upsert", **values: Any) -> Proposal:
        return Proposal("Person", values, operation)

    ana = say(1, person(**ANA), session="s").decisions[0].memory_id
    change = say(2, person(email="ana@lopez.io", city="Bergen"), session="s").decisions[0]
    say(3, person(email="ana@lopez.io", city="Bergen"))
    say(3, person(email="ana@lopez.io", city="Bergen"))  # replayed
    say(4, person(name="Ana Lopez", city="Bergen"))  # by score
    tor = say(5, person(name="Tor Moe", email="tor@moe.no")).decisions[0].memory_id
    other = say(6, person(name="Tor Moe", city="Tromso")).decisions[0]
    say(7, person(name="x" * 3), person(name="Eva Li", email="eva@li.cn"), person(name="Eva Li", email="eva@li.cn"))
    say(8, person("delete", email="eva@li.cn"))
    said.get(ana)
    said.get(ana, as_of=datetime.now(UTC) + timedelta(seconds=2))
    said.list("Person", limit=10)
    said.list(limit=10)
    said.search("ana bergen")
    said.history(ana)
    said.explain(change.audit_id)
    said.explain(other.audit_id, why_not=tor)
    said.audit(limit=10)
    said.audit(message_id="m1")
    said.audit(memory_id=ana)
    said.correct(ana, {"city": "Rome"}, by="eve")
    made = say(10, person(name="Kim Vo", email="kim@vo.vn")).decisions[0].memory_id
    said.forget(made, by="eve")
    said.restore(made, by="eve")
    lee = say(11, person(name="Lee Oh", email="lee@oh.kr")).decisions[0].memory_id
    said.merge(made, lee, by="eve", dry_run=True)
    said.merge(made, lee, by="eve")
    said.split(ana, columns=["city"], values={"name": "Ana Lo"}, by="eve")
    last = say(12, person(name="Ida Ro", email="ida@ro.it")).decisions[0]
    said.undo(last.audit_id, by="eve", dry_run=True)
    said.undo(last.audit_id, by="eve")
    said.undo_many(message_id="m5", by="eve")
    say(14, person(name="Zoe Quist", born="1990-05-01"))
    say(15, person(name="Zoe Quist", born="1990-05-01", email="ana@lopez.io"))  # of two memories
    question = next(item for item in said.review().items if item.kind == "identity_conflict")
    said.settle(question.id, "apart", by="eve")
    said.reopen(question.id, by="eve")
    many = [Turn([person(**ANA), person(name=f"Noa Vik{number % 3}")], f"t{number}") for number in range(6)]
    told.extend(f"{each.action.value} {each.basis}" for result in said.ingest_many(many) for each in result.decisions)
    said.reveal("a list", by="eve")
    said.kill_switch(True, "Person", by="eve", why="a test")
    say(13, person(email="ana@lopez.io", city="Paris"))
    said.kill_switch(False, "Person", by="eve", why="a test")
    said.kill_switches()
    said.calibration("Person")
    said.calibrate("Person", recompute=True, by="eve", why="a test")
    said.erase(made, by="eve", dry_run=True)
    said.erase(made, by="eve")
    said.seal_audit()
    said.anchor_audit()
    said.verify_audit()
    said.replay_audit()
    said.export_audit(lambda _: None)
    said.schema()
    said.version()
    said.close()
    return told, said.used


def queue_up(engine: Engine) -> set[str]:
    """Leave messages to a worker of this process and wait for them; the methods that were used."""
    said = Teller(engine)
    for number in range(3):
        said.submit(Message(f"Bo Berg {number} writes from bo{number}@berg.se.", f"q{number}", session="q"))
    said.background(slots=1)
    for number in range(3):
        said.wait(f"q{number}", timeout=20)
    said.close()
    return said.used


def look_over(engine: Engine) -> set[str]:
    """Look at what went on, for an operator; the methods that were used."""
    said = Teller(engine)
    said.monitor()
    said.usage()
    said.stats()
    said.jobs_left()
    said.close()
    return said.used


def bury(engine: Engine) -> set[str]:
    """Decide a message again that is dead; the methods that were used."""
    said = Teller(engine)
    with suppress(MemregError):
        said.retry("nobody said this")
    said.close()
    return said.used
