"""Files and pipes as numbered lines, bounded: one line is held at a time, whatever the length of the input."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

LONGEST_LINE = 16_000_000
_CHUNK = 1 << 20
_SPOOLED = 8 << 20


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number from 1, its text without the line break, or why it cannot be read."""

    number: int
    text: str
    error: str | None = None


@dataclass
class Source:
    """Where lines come from. `taken`: bytes read so far; `size`: bytes in all, None for a pipe."""

    stream: IO[bytes]
    name: str
    size: int | None = None
    taken: int = 0
    _start: int = field(default=0, init=False)
    _kept: IO[bytes] | None = field(default=None, init=False)

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
        while raw := self.stream.readline(LONGEST_LINE):
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

    def _skip_line(self) -> None:
        while raw := self.stream.readline(_CHUNK):
            self.taken += len(raw)
            if raw.endswith(b"\n"):
                return
