"""Keeps what people said out of the logs of the library that carries it: openai logs whole requests at debug level."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ASKING: ContextVar[bool] = ContextVar("memreg_asking", default=False)
# Where openai logs: the options of a request, the texts of errors and of replies that are no JSON.
_LOGGERS = ("openai._base_client", "openai._response", "openai._legacy_response")


def _is_not_ours(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO or not _ASKING.get()


@contextmanager
def quietly() -> Iterator[None]:
    """While this is open, openai's debug records of this task or thread are dropped, whatever levels are set.

    Those of an application's own requests are left to it.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_not_ours)  # the same filter is kept once
    token = _ASKING.set(True)
    try:
        yield
    finally:
        _ASKING.reset(token)
