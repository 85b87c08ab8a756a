"""`memreg review` on a terminal, as over SSH: the bare command walks through the questions in plain lines."""

from __future__ import annotations

import os
import pty
import subprocess

from tests.support.command import MEMREG, Command


def test_on_a_terminal_the_bare_command_walks(people: Command) -> None:
    people("ingest", stdin="Ana Lopez lives in Lisbon, ana@lopez.io\nZoe Quist lives in Ystad, ana@lopez.io\n")
    keyboard, terminal = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "COLUMNS": "80", **people.settings}
    command = [str(MEMREG), "review", "--by", "eva"]
    with subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, cwd=people.folder
    ) as process:
        os.close(terminal)
        told = read_until(keyboard, b"answer>")
        os.write(keyboard, b"w\n")
        told += read_until(keyboard, b"still open.", b"any more.")
        assert process.wait(timeout=60) == 0
    os.close(keyboard)
    shown = told.decode().replace("\r\n", "\n")
    assert "identity_contradiction Person" in shown
    assert "\x1b" not in shown, "no control sequences: it is lines"
    assert "Lisbon" in shown
    assert "1 answered, 0 skipped, none is open any more." in shown
    assert people.json("memories")[0]["values"]["city"] == "Lisbon"


def read_until(keyboard: int, *ends: bytes) -> bytes:
    """What the terminal shows, up to one of the ends."""
    told = b""
    while not any(end in told for end in ends):
        told += os.read(keyboard, 4096)
    return told
