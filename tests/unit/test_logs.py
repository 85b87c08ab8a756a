"""Logs: silent until configured, structured, and never with a value that may be a person's."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from memreg.core.logs import HIDDEN, configure_for_cli, get_logger, mask

ID = UUID(int=7)


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("memreg", "psycopg")]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_the_mask_lets_ids_counts_and_names_through() -> None:
    event = {
        "event": "decided",
        "memory_id": ID,
        "message_id": "m-1",
        "count": 3,
        "score": 0.81,
        "unresolved": False,
        "class_name": "Person",
        "columns": ["email", "name"],
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "reason": None,
    }
    assert mask(None, "info", dict(event)) == event


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("value", "ana@lopez.io"),
        ("values", {"email": "ana@lopez.io"}),
        ("payload", {"email": "ana@lopez.io"}),
        ("text", "ana@lopez.io"),
        ("evidence", ["ana@lopez.io"]),
        ("original", b"ana@lopez.io"),
        ("born", date(1990, 5, 17)),
        ("reason", "ana@lopez.io is no date"),
        ("anything", object()),
    ],
)
def test_the_mask_hides_every_other_value(key: str, value: object) -> None:
    assert mask(None, "info", {"event": "x", key: value}) == {"event": "x", key: HIDDEN}


def test_of_an_exception_only_its_type_is_shown() -> None:
    masked = mask(None, "info", {"event": "x", "error": ValueError("Key (email)=(ana@lopez.io) already exists")})
    assert masked["error"] == "ValueError"
    try:
        raise ValueError("ana@lopez.io")
    except ValueError:
        assert mask(None, "info", {"event": "x", "exc_info": True})["exc_info"] == "ValueError"


def test_is_silent_until_configured(capfd: pytest.CaptureFixture[str]) -> None:
    get_logger("memreg.test_silent").warning("something", count=1)
    assert capfd.readouterr() == ("", "")


def test_a_plain_application_gets_readable_lines(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "memreg"):
        get_logger("memreg.test_plain").info("decided", count=1, tenant="100%s", payload="secret")
    assert caplog.messages == [f"decided count=1 tenant=100%s payload={HIDDEN}"]


def test_for_the_command_as_text_and_as_json(capfd: pytest.CaptureFixture[str]) -> None:
    configure_for_cli("info")
    logging.getLogger("psycopg.pool").warning("discarding closed connection")
    get_logger("memreg.test_cli").info("decided", memory_id=ID)
    get_logger("memreg.test_cli").debug("unseen")
    out, err = capfd.readouterr()
    assert out == ""
    assert err.rstrip().endswith(f"INFO    memreg.test_cli decided memory_id={ID}")
    configure_for_cli("warning", as_json=True)
    get_logger("memreg.test_cli").warning("decided", memory_id=ID, payload="ana@lopez.io")
    logging.getLogger("memreg.test_cli").warning("plain")
    first, second = (json.loads(line) for line in capfd.readouterr().err.splitlines())
    assert first | {"at": ""} == {
        "at": "",
        "level": "warning",
        "logger": "memreg.test_cli",
        "event": "decided",
        "memory_id": str(ID),
        "payload": HIDDEN,
    }
    assert second["event"] == "plain"
