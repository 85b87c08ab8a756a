"""When a class is to be looked at: after decisions that speak against it, and every so many decisions or seconds."""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from memreg.engine.decide import THRESHOLDS
from memreg.engine.model import Action, Basis, Decision

DECISIONS = 200
"""Decisions about a class after which it is looked at, whatever they were."""
CONTRADICTIONS = 5
"""Identity updates that the rest of what was said, or another key, contradicts, after which it is looked at."""
SECONDS = 10.0
"""How long after a decision a class is looked at at the latest, where decisions go on or a worker runs."""
MOST_CLASSES = 10_000

ClassKey = tuple[str, str, str]
_COUNTED = frozenset({Action.CREATE, Action.UPDATE, Action.UPSERT, Action.DELETE})


@dataclass(slots=True)
class _Waiting:
    since: float
    decisions: int = 0
    contradictions: int = 0

    def is_due(self, now: float) -> bool:
        """Whether it is time to look."""
        is_late = now - self.since >= SECONDS
        return is_late or self.decisions >= DECISIONS or self.contradictions >= CONTRADICTIONS


def contradicts(decision: Decision) -> bool:
    """Whether a decision is an identity update that the rest of what was said, or another key, contradicts."""
    if decision.action is not Action.UPDATE:
        return False
    is_low = decision.score is not None and decision.score < THRESHOLDS.possible
    return decision.basis is Basis.IDENTITY_CONFLICT or (decision.basis is Basis.IDENTITY and is_low)


def counts(decision: Decision) -> bool:
    """Whether a decision is one that speaks for or against a class."""
    return decision.action in _COUNTED and decision.basis is not Basis.KILL_SWITCH


class Ahead:
    """How far it is until classes are looked at: `decisions` and `contradictions` that wait, by class."""

    def __init__(self, waiting: Mapping[str, tuple[int, int]], *, looks: bool = True) -> None:
        """`looks` False: no class is looked at, whatever is decided."""
        self._before = waiting
        self._looks = looks
        self._decisions: Sequence[Decision] = ()
        self._seen = 0
        self._waiting: dict[str, tuple[int, int]] = {}

    def __call__(self, decisions: Sequence[Decision]) -> bool:
        """Whether a class is to be looked at after these decisions, of which more come with each call. Another list
        begins anew."""
        if not self._looks:
            return False
        if decisions is not self._decisions:
            self._decisions, self._seen, self._waiting = decisions, 0, {}
        new, self._seen = decisions[self._seen :], len(decisions)
        for decision in new:
            if counts(decision):
                before, against = self._of(decision.class_name)
                self._waiting[decision.class_name] = before + 1, against + contradicts(decision)
        return any(self._is_due(name) for name in {decision.class_name for decision in new})

    def room(self, class_name: str) -> int:
        """How many decisions about a class can be made before it is looked at, at least 1."""
        return max(1, DECISIONS - self._before.get(class_name, (0, 0))[0]) if self._looks else MOST_CLASSES

    def _of(self, class_name: str) -> tuple[int, int]:
        return self._waiting.get(class_name) or self._before.get(class_name, (0, 0))

    def _is_due(self, class_name: str) -> bool:
        decisions, contradictions = self._of(class_name)
        return decisions >= DECISIONS or contradictions >= CONTRADICTIONS


class Pending:
    """What a process decided since it last looked, by tenant, schema and class. Safe between threads; bounded: of more
    than 10,000 classes at once, those that waited longest are left to the next decision about them."""

    def __init__(self, tick: Callable[[], float] = time.monotonic) -> None:
        self._tick = tick
        self._lock = Lock()
        self._waiting: OrderedDict[ClassKey, _Waiting] = OrderedDict()

    def decided(self, tenant: str, schema: str, decisions: Sequence[Decision]) -> tuple[str, ...]:
        """Take note of decisions; gives the classes that are to be looked at now."""
        now = self._tick()
        due = []
        with self._lock:
            for decision in decisions:
                if not counts(decision):
                    continue
                waiting = self._waiting.setdefault((tenant, schema, decision.class_name), _Waiting(now))
                waiting.decisions += 1
                waiting.contradictions += contradicts(decision)
            for name in {decision.class_name for decision in decisions}:
                waiting_now = self._waiting.get((tenant, schema, name))
                if waiting_now is not None and waiting_now.is_due(now):
                    del self._waiting[tenant, schema, name]
                    due.append(name)
            while len(self._waiting) > MOST_CLASSES:
                self._waiting.popitem(last=False)
        return tuple(sorted(due))

    def ahead(self, tenant: str, schema: str) -> Ahead:
        """Tells, of decisions that are made but not taken note of, when a class would be looked at after them."""
        now = self._tick()
        with self._lock:
            waiting = {
                name: (DECISIONS if now - each.since >= SECONDS else each.decisions, each.contradictions)
                for (of_tenant, of_schema, name), each in self._waiting.items()
                if (of_tenant, of_schema) == (tenant, schema)
            }
        return Ahead(waiting)

    def overdue(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """The classes, by tenant and schema, about which something was decided 10 seconds ago and that nobody has
        looked at since: to be looked at now."""
        now = self._tick()
        return self._taken(lambda waiting: now - waiting.since >= SECONDS)

    def contradicted(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """The classes, by tenant and schema, with contradicted updates that nobody has looked at since: to be looked at
        by a process that ends."""
        return self._taken(lambda waiting: waiting.contradictions > 0)

    def _taken(self, which: Callable[[_Waiting], bool]) -> dict[tuple[str, str], tuple[str, ...]]:
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        with self._lock:
            for key in [key for key, waiting in self._waiting.items() if which(waiting)]:
                del self._waiting[key]
                found[key[:2]].append(key[2])
        return {place: tuple(names) for place, names in found.items()}
