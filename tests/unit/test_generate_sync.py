"""The twin generator: what it rewrites, what it refuses, and that every checked-in twin is its source's."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.generate_sync import HEADER, generate, main, to_sync

SOURCE = '''"""An asynchronous thing, for `async with` and `AsyncThing`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from memreg.core.database_async import AsyncDatabase


class AsyncThing:
    def __init__(self, make: Callable[[int], Awaitable[list[int]]], database: AsyncDatabase) -> None:
        self._lock = asyncio.Lock()
        self._make = make

    async def __aenter__(self) -> "AsyncThing":
        await asyncio.sleep(1)
        await asyncio.to_thread(print, "a", "b")
        await asyncio.to_thread(self.release)
        return self

    async def aclose(self) -> None:
        """Await nobody: close the AsyncThing."""
        async with self._lock:
            found = [one async for one in self.all()]
            assert await self._make(len(found))

    @asynccontextmanager
    async def all(self) -> AsyncIterator[int]:
        yield 1
'''

TWIN = '''"""A blocking thing, for `with` and `Thing`."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from memreg.core.database import Database


class Thing:
    def __init__(self, make: Callable[[int], list[int]], database: Database) -> None:
        self._lock = threading.Lock()
        self._make = make

    def __enter__(self) -> "Thing":
        time.sleep(1)
        print("a", "b")
        self.release()
        return self

    def close(self) -> None:
        """Await nobody: close the Thing."""
        with self._lock:
            found = [one for one in self.all()]
            assert self._make(len(found))

    @contextmanager
    def all(self) -> Iterator[int]:
        yield 1
'''


def test_rewrites_and_formats(tmp_path: Path) -> None:
    source = tmp_path / "thing_async.py"
    source.write_text(SOURCE)
    assert generate(source) == HEADER.format(source="thing_async.py") + TWIN


def test_check_fails_on_a_changed_twin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, twin = tmp_path / "thing_async.py", tmp_path / "thing.py"
    source.write_text(SOURCE)
    assert main(["--check", str(source)]) == 1
    assert main([str(source)]) == 0
    assert main(["--check", str(source)]) == 0
    twin.write_text(twin.read_text() + "# by hand\n")
    assert main(["--check", str(source)]) == 1
    assert "run python scripts/generate_sync.py" in capsys.readouterr().err


def test_refuses_what_it_has_no_counterpart_for() -> None:
    with pytest.raises(ValueError, match="asyncio.gather"):
        to_sync("import asyncio\nawait asyncio.gather(a(), b())\n")


def test_every_twin_is_its_sources() -> None:
    assert main(["--check"]) == 0
