"""What a show or a benchmark stands on: a throwaway database, a schema in it, a place for claims and figures."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString, NoReturn

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from memreg import Engine
from memreg.core.embedded import acquire, status
from memreg.migrations import runner

ROOT = Path(__file__).resolve().parents[1]
ASSISTANT = ROOT / "fixtures" / "schemas" / "assistant.yaml"
GIVEN = "MEMREG_TEST_DATABASE_URL"
_STOPPING = 30.0


@dataclass
class Show:
    """Claims that hold or do not, and figures; `end` prints the figures as one JSON line and gives the exit code."""

    name: str
    figures: dict[str, Any] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)

    def say(self, text: str) -> None:
        """Tell the reader what is going on."""
        print(text, flush=True)

    def claim(self, sentence: str, holds: bool, otherwise: object = "") -> None:
        """A sentence that must hold; `otherwise`: what is the case instead."""
        if holds:
            self.say(f"  holds: {sentence}")
        else:
            self.broken.append(sentence)
            self.say(f"  DOES NOT HOLD: {sentence}" + (f" ({otherwise})" if otherwise != "" else ""))

    def end(self) -> int:
        """Print the figures; 0 when every claim held, else 1."""
        seconds = round(time.perf_counter() - self.started, 1)
        line = {"show": self.name, "holds": not self.broken, **self.figures, "seconds": seconds}
        if self.broken:
            line["broken"] = self.broken
        print(json.dumps(line, default=str), flush=True)
        return 1 if self.broken else 0


def perform(name: str, story: Callable[[Show], None]) -> NoReturn:
    """Tell a story and end the program: 0 when every claim held, 1 when one did not or the story broke off."""
    show = Show(name)
    try:
        story(show)
    except Exception as exc:
        traceback.print_exc()
        show.claim("the show goes on to its end", False, f"{type(exc).__name__}: {exc}")
    sys.exit(show.end())


@contextmanager
def folder(prefix: str = "memreg-show-") -> Iterator[Path]:
    """A folder for a while, with a short path, which every account may enter."""
    path = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextmanager
def embedded(home: Path, cache: str | None = None) -> Iterator[str]:
    """The embedded Postgres in a home, until it has stopped; its DSN. `cache`: its shared_buffers, where the 128 MB of
    a server for trying things out are not meant."""
    if cache is not None:
        with embedded(home) as dsn, psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute(sql.SQL("alter system set shared_buffers = {}").format(cache))
    try:
        with acquire(home) as lease:
            yield lease.dsn
    finally:
        wait_stopped(home)


def wait_stopped(home: Path) -> None:
    """Wait until no server and no guard of it runs in a home, so that the folder can go. Raises TimeoutError."""
    deadline = time.monotonic() + _STOPPING
    while (found := status(home))["running"] or found["guarded"]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server in {home} has not stopped")
        time.sleep(0.05)


@contextmanager
def database(given: str | None = None, cache: str | None = None) -> Iterator[str]:
    """A fresh, migrated database, gone afterwards; its DSN.

    It is on the server `given`, else on that of MEMREG_TEST_DATABASE_URL, else on an embedded one of its own, with that
    `cache`.
    """
    server = given or os.environ.get(GIVEN)
    if server is None:
        with folder() as place, embedded(place / "home", cache) as dsn:
            runner.upgrade(dsn)
            yield dsn
        return
    name = f"memreg_show_{uuid.uuid4().hex[:12]}"
    _execute(server, "create database {} template template0", name)
    try:
        dsn = make_conninfo(server, dbname=name)
        runner.upgrade(dsn)
        yield dsn
    finally:
        _execute(server, "drop database if exists {} with (force)", name)


def prepare(dsn: str, schema: str | Path = ASSISTANT) -> str:
    """Register and approve a schema; its name."""
    with Engine.connect(dsn) as engine:
        version = engine.registry.register(schema, annotate="heuristic").version
        engine.registry.approve(version.name, version.version, by="the show")
        return version.name


def server_version(dsn: str) -> str:
    """The version of the server, as 18.1."""
    with psycopg.connect(dsn) as conn:
        return str(conn.info.parameter_status("server_version"))


def own_environment(**settings: str) -> dict[str, str]:
    """The environment for a command, without settings of the person who runs the show, and with these."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MEMREG_", "OPENAI_"))}
    return kept | {"MEMREG_HOME": "/nonexistent/memreg", "NO_COLOR": "1"} | settings


def memreg() -> str:
    """The installed command beside the Python that runs this."""
    return str(Path(sys.executable).with_name("memreg"))


def _execute(dsn: str, statement: LiteralString, *names: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
