"""The write path of an AI agent's long-term memory: typed, decided by rules, audited, undoable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memreg.api.engine import Engine
    from memreg.api.engine_async import AsyncEngine
    from memreg.core.errors import MemregError
    from memreg.engine.inbox import Stats
    from memreg.engine.many import Turn
    from memreg.engine.model import AuditEntry, Decision, Explanation, IngestResult, Message, Proposal, Referred, Stored
    from memreg.engine.recalled import recalled
    from memreg.operations.acts.outcome import ActResult
    from memreg.operations.acts.undo_run import UndoResult
    from memreg.operations.audit.finding import Finding, Verification
    from memreg.operations.audit.rebuild import Replayed
    from memreg.operations.erase.outcome import Erased
    from memreg.operations.kill_switch import Switch, Switched, Switches
    from memreg.operations.monitor.figures import ClassFigures, Monitored
    from memreg.operations.monitor.rates import Rate
    from memreg.operations.review.answering import Settled
    from memreg.operations.review.item import Review, ReviewItem

__version__ = "0.1.0"

__all__ = [
    "ActResult",
    "AsyncEngine",
    "AuditEntry",
    "ClassFigures",
    "Decision",
    "Engine",
    "Erased",
    "Explanation",
    "Finding",
    "IngestResult",
    "MemregError",
    "Message",
    "Monitored",
    "Proposal",
    "Rate",
    "Referred",
    "Replayed",
    "Review",
    "ReviewItem",
    "Settled",
    "Stats",
    "Stored",
    "Switch",
    "Switched",
    "Switches",
    "Turn",
    "UndoResult",
    "Verification",
    "__version__",
    "recalled",
]

_HOMES = {
    "ActResult": "memreg.operations.acts.outcome",
    "AsyncEngine": "memreg.api.engine_async",
    "AuditEntry": "memreg.engine.model",
    "ClassFigures": "memreg.operations.monitor.figures",
    "Decision": "memreg.engine.model",
    "Engine": "memreg.api.engine",
    "Erased": "memreg.operations.erase.outcome",
    "Explanation": "memreg.engine.model",
    "Finding": "memreg.operations.audit.finding",
    "IngestResult": "memreg.engine.model",
    "MemregError": "memreg.core.errors",
    "Message": "memreg.engine.model",
    "Monitored": "memreg.operations.monitor.figures",
    "Proposal": "memreg.engine.model",
    "Rate": "memreg.operations.monitor.rates",
    "Referred": "memreg.engine.model",
    "Replayed": "memreg.operations.audit.rebuild",
    "Review": "memreg.operations.review.item",
    "ReviewItem": "memreg.operations.review.item",
    "Settled": "memreg.operations.review.answering",
    "Stats": "memreg.engine.inbox",
    "Stored": "memreg.engine.model",
    "Switch": "memreg.operations.kill_switch",
    "Switched": "memreg.operations.kill_switch",
    "Switches": "memreg.operations.kill_switch",
    "Turn": "memreg.engine.many",
    "UndoResult": "memreg.operations.acts.undo_run",
    "Verification": "memreg.operations.audit.finding",
    "recalled": "memreg.engine.recalled",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import memreg` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'memreg' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
