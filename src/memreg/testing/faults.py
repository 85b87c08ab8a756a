"""A fault schedule: a script that fails in a set share of the requests, the same ones in every run.

    from memreg.testing import FaultSchedule, ScriptedServer, answers_by, item

    script = FaultSchedule(answers_by({"Ana Lopez": [item("Person", {"name": "Ana Lopez"})]}), rate_limited=0.2)
    with ScriptedServer(script) as server:
        ...
        assert script.given["rate limited"] > 0

Whether a request fails is drawn from the seed, the message and the number of its attempt, never from a clock or from
the order in which requests arrive: with 50 workers at once the same requests fail as with one.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from memreg.testing.reply import Reply, content, delay, error
from memreg.testing.request import Request

OK = "ok"
RATE_LIMITED = "rate limited"
SERVER_ERROR = "server error"
SLOW = "slow"
MALFORMED = "malformed"

MALFORMED_TEXTS = (
    "I am sorry, I cannot help with that.",
    '{"items": [{"class": "Per',
    '{"type": "object", "properties": {"items": {"type": "array"}}, "required": ["items"]}',
    '{"answer": "done"}',
    "",
)
"""What a malformed answer is, one of these: prose, half a JSON, the schema, another object, nothing."""


def by_message(request: Request) -> str:
    """What tells one message's requests from another's: the message."""
    return request.message


@dataclass
class FaultSchedule:
    """Gives `answer(request)`, except in these shares of the requests, each from 0 to 1 and together at most 1:

    `rate_limited` HTTP 429 with `Retry-After: retry_after` (seconds; None: without the header), `server_error` HTTP 500
    or 503, `slow` the answer after `seconds` (more than the client's time-out), `malformed` one of MALFORMED_TEXTS.

    `per="attempt"` draws for every attempt anew. `per="message"` draws once a message: its first `times` attempts fail,
    and then it is answered. `key` says which requests are attempts of one message. `given` counts what was given, by
    kind. Raises ValueError for shares that are none.
    """

    answer: Callable[[Request], Reply]
    rate_limited: float = 0.20
    server_error: float = 0.10
    slow: float = 0.05
    malformed: float = 0.05
    seed: int = 0
    per: Literal["attempt", "message"] = "attempt"
    times: int = 1
    retry_after: float | None = 0.0
    seconds: float = 30.0
    key: Callable[[Request], str] = by_message
    given: Counter[str] = field(default_factory=Counter, init=False)
    _attempts: Counter[str] = field(default_factory=Counter, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        if min(self.shares.values()) < 0 or sum(self.shares.values()) > 1 + 1e-9:
            raise ValueError("the shares of faults must be at least 0 each and at most 1 together")

    @property
    def shares(self) -> Mapping[str, float]:
        """The share of each kind of fault."""
        return {
            RATE_LIMITED: self.rate_limited,
            SERVER_ERROR: self.server_error,
            SLOW: self.slow,
            MALFORMED: self.malformed,
        }

    def fault_of(self, key: str, attempt: int) -> str:
        """What becomes of an attempt (counted from 1) of a message: `ok`, or the kind of the fault."""
        if self.per == "message" and attempt > self.times:
            return OK
        place = self._draw(key, attempt if self.per == "attempt" else 0, "fault")
        for kind, share in self.shares.items():
            if place < share:
                return kind
            place -= share
        return OK

    def __call__(self, request: Request) -> Reply:
        """The reply to a request; the next attempt of its message."""
        key = self.key(request)
        with self._lock:
            self._attempts[key] += 1
            attempt = self._attempts[key]
            kind = self.fault_of(key, attempt)
            self.given[kind] += 1
        which = self._draw(key, attempt, "variant")
        if kind == RATE_LIMITED:
            return error(429, headers={} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"})
        if kind == SERVER_ERROR:
            return error(500 if which < 0.5 else 503)
        if kind == MALFORMED:
            return content(MALFORMED_TEXTS[int(which * len(MALFORMED_TEXTS))])
        reply = self.answer(request)
        return delay(self.seconds, reply) if kind == SLOW else reply

    def _draw(self, key: str, attempt: int, purpose: str) -> float:
        """A number in [0, 1) that depends on nothing but the seed and these."""
        text = f"{self.seed}\0{purpose}\0{attempt}\0{key}"
        drawn = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:7]
        return int.from_bytes(drawn) / 256**7
