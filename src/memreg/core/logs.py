"""Structured logs: loggers of ours over the standard library, and the rule that keeps values out of them."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, date, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

if TYPE_CHECKING:
    import structlog

ROOT = "memreg"
HIDDEN = "***"
_NAMES = frozenset(
    "event level tenant schema class_name action basis status operation source extractor model annotator migration"
    " where kind error key column query setting command queue task role strength".split()
)
_PLURALS = frozenset("columns classes schemas migrations tenants names".split())


class Logger:
    """A structured logger that ends in the standard library's logger of a name.

    Nothing is printed until the application configures `logging`. A record's text is `event key=value …`; its attribute
    `memreg` is the same as a dict.
    """

    __slots__ = ("_ends", "_structured")

    def __init__(self, name: str) -> None:
        self._ends = logging.getLogger(name)
        self._structured: structlog.stdlib.BoundLogger | None = None

    def tells(self, level: int = logging.INFO) -> bool:
        """Whether anybody is told of this level: what is many is put into words only then."""
        return self._ends.isEnabledFor(level)

    def debug(self, event: str, **facts: Any) -> None:
        """What only somebody who looks for a fault wants to know."""
        self._tell(logging.DEBUG, event, facts)

    def info(self, event: str, **facts: Any) -> None:
        """What was done."""
        self._tell(logging.INFO, event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        """What somebody may have to look at."""
        self._tell(logging.WARNING, event, facts)

    def _tell(self, level: int, event: str, facts: dict[str, Any]) -> None:
        if not self._ends.isEnabledFor(level):
            return
        if self._structured is None:
            self._structured = _structured(self._ends)
        self._structured.log(level, event, **facts)


def get_logger(name: str) -> Logger:
    """The structured logger of a name."""
    return Logger(name)


def _structured(ends: logging.Logger) -> structlog.stdlib.BoundLogger:
    import structlog  # imported with the first record: the command mostly has none, and it takes long

    logger = structlog.wrap_logger(
        ends,
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.add_log_level, mask, _to_record],
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return cast(structlog.stdlib.BoundLogger, logger)


def mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Let through numbers, flags, times, ids and names; hide every other value, because it may be a person's.

    Text passes only under a key that holds names (`schema`, `class_name`, `basis`, …, or ending in `_id` or `_name`).
    Of an exception only the type passes: a database's message quotes the row.
    """
    return {key: _masked(key, value) for key, value in event.items()}


def _masked(key: str, value: Any) -> Any:
    if key == "exc_info":
        return _exception_type(value)
    if value is None or isinstance(value, bool | int | float | UUID | datetime | date):
        # A date alone may be a birthday; a column's value never comes under these keys.
        return value if not isinstance(value, date) or isinstance(value, datetime) or key.endswith("_on") else HIDDEN
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, BaseException):
        return type(value).__name__
    if isinstance(value, str):
        return value if key in _NAMES or key.endswith(("_id", "_name")) else HIDDEN
    if isinstance(value, list | tuple | set | frozenset) and (key in _PLURALS or key.endswith(("_ids", "_names"))):
        return [str(item) for item in value]
    return HIDDEN


def _exception_type(value: Any) -> str | None:
    if isinstance(value, BaseException):
        return type(value).__name__
    kind = sys.exc_info()[0] if value is True else value[0] if isinstance(value, tuple) else None
    return kind.__name__ if kind else None


def _to_record(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    words = [str(event["event"])]
    words += [f"{key}={value}" for key, value in event.items() if key not in ("event", "level")]
    return (" ".join(words),), {"extra": {"memreg": dict(event)}}


class _Formatter(logging.Formatter):
    def __init__(self, as_json: bool) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s %(message)s")
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        if not self._as_json:
            return super().format(record)
        event: Mapping[str, Any] = getattr(record, "memreg", {"event": record.getMessage()})
        at = datetime.fromtimestamp(record.created, UTC).isoformat()
        line = {"at": at, "level": record.levelname.lower(), "logger": record.name, **event}
        return json.dumps(line, default=str, ensure_ascii=False)


def configure_for_cli(level: str, as_json: bool = False) -> None:
    """Show memreg's logs on stderr; the command line alone calls this, a library never does.

    `level` is debug, info, warning or error. Calling it again replaces what was set before.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(as_json))
    logger = logging.getLogger(ROOT)
    logger.handlers = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
    # What the driver's pool warns of reaches the caller as an error of ours, in one sentence.
    driver = logging.getLogger("psycopg")
    driver.handlers = [logging.NullHandler()]
    driver.propagate = False


logging.getLogger(ROOT).addHandler(logging.NullHandler())
