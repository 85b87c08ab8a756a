"""Files and pipes as numbered lines, bounded: one line is held at a time, whatever the length of the input."""

from __future__ import annotations

import os
import select
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

LONGEST_LINE = 16_000_000
_CHUNK = 1 << 20
_READ = 1 << 16
_SPOOLED = 8 << 20


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number from 1, its text without the line break, or why it cannot be read."""

    number: int
    text: str
    error: str | None = None


class Pipe:
    """The bytes of a pipe or a terminal as lines, of which it is known whether one is there already."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._fd = stream.fileno()
        self._held = bytearray()
        self._seen = 0

    def readline(self, limit: int) -> bytes:
        """The next line with its break, waited for; at most `limit` bytes of it; nothing at the end."""
        while (end := self._held.find(b"\n", self._seen)) < 0 and len(self._held) < limit:
            self._seen = len(self._held)
            more = os.read(self._fd, _READ)
            if not more:
                break
            self._held += more
        taken = min(limit, end + 1 if end >= 0 else len(self._held))
        line = bytes(self._held[:taken])
        del self._held[:taken]
        self._seen = 0
        return line

    def is_ready(self) -> bool:
        """Whether something more is there, or the end."""
        return b"\n" in self._held or bool(select.select([self._fd], [], [], 0)[0])


@dataclass
class Source:
    """Where lines come from. `taken`: bytes read so far; `size`: bytes in all, None for a pipe."""

    stream: IO[bytes]
    name: str
    size: int | None = None
    taken: int = 0
    _start: int = field(default=0, init=False)
    _kept: IO[bytes] | None = field(default=None, init=False)
    _pipe: Pipe | None = field(default=None, init=False)

    def rewindable(self) -> None:
        """Make `rewind` work from here on: what comes through a pipe is kept in a file, until `forget`."""
        if not self.stream.seekable():
            self._kept = tempfile.SpooledTemporaryFile(max_size=_SPOOLED)  # noqa: SIM115 - `forget` closes it
            while chunk := self.stream.read(_CHUNK):
                self._kept.write(chunk)
            self.size = self._kept.tell()
            self._kept.seek(0)
            self.stream = self._kept
        self._start = self.stream.tell()

    def wait_for_nothing(self) -> None:
        """Make `is_ready` tell, from here on and of a pipe or a terminal, whether there is a line without waiting."""
        try:
            if not self.stream.seekable():
                self._pipe = Pipe(self.stream)
        except OSError:  # it has no file, as in tests
            self._pipe = None

    @property
    def is_ready(self) -> bool:
        """Whether the next line is there, as of a file always."""
        return self._pipe is None or self._pipe.is_ready()

    def rewind(self) -> None:
        """Go back to where `rewindable` was called."""
        self.stream.seek(self._start)
        self.taken = 0

    def forget(self) -> None:
        """Remove the file that `rewindable` may have made."""
        if self._kept is not None:
            self._kept.close()

    def lines(self) -> Iterator[Line]:
        """The lines that are not blank, from here on."""
        number = 0
        while raw := self._read(LONGEST_LINE):
            number += 1
            self.taken += len(raw)
            if len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
                self._skip_line()
                yield Line(number, "", f"the line is longer than {LONGEST_LINE:,} bytes; split it")
                continue
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            try:
                text = raw.decode().rstrip("\r\n")
            except UnicodeDecodeError as error:
                yield Line(number, "", f"byte {error.start + 1} is not UTF-8; save the file as UTF-8")
                continue
            if text.strip():
                yield Line(number, text)

    def _read(self, limit: int) -> bytes:
        return self.stream.readline(limit) if self._pipe is None else self._pipe.readline(limit)

    def _skip_line(self) -> None:
        while raw := self._read(_CHUNK):
            self.taken += len(raw)
            if raw.endswith(b"\n"):
                return
