"""Calls of the command that start in a moment: forked from a process that has imported it."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from tests.support import fork_server

MEMREG = Path(sys.executable).parent / "memreg"
# What the interpreter reads when it starts: a call that sets one of these is made with the installed script.
_EARLY = ("LANG", "LC_", "PYTHON", "TZ", "LD_")
_lock = threading.Lock()
_channel: socket.socket | None = None


def run(
    arguments: list[str], *, environment: Mapping[str, str], folder: Path, stdin: bytes = b"", timeout: float = 100
) -> subprocess.CompletedProcess[bytes]:
    """Run `memreg` with these arguments to its end, in a process of its own. Raises subprocess.TimeoutExpired."""
    if not can_fork(environment):
        return run_installed(arguments, environment=environment, folder=folder, stdin=stdin, timeout=timeout)
    command = [str(MEMREG), *arguments]
    request = {"arguments": command, "environment": dict(environment), "folder": str(folder)}
    (theirs_in, ours_in), (ours_out, theirs_out), (ours_err, theirs_err), (ours_end, theirs_end) = (
        os.pipe() for _ in range(4)
    )
    given = [theirs_in, theirs_out, theirs_err, theirs_end]
    with (
        open(ours_in, "wb") as writing,
        open(ours_out, "rb") as printed,
        open(ours_err, "rb") as told,
        open(ours_end, "rb") as ending,
        ThreadPoolExecutor(3) as threads,
    ):
        try:
            socket.send_fds(_server(), [json.dumps(request).encode()], given)
        finally:
            for each in given:
                os.close(each)
        child = int(ending.readline())
        threads.submit(_write, writing, stdin)
        out, err, code = threads.submit(printed.read), threads.submit(told.read), threads.submit(ending.readline)
        try:
            status = int(code.result(timeout))
        except TimeoutError:
            os.kill(child, signal.SIGKILL)
            raise subprocess.TimeoutExpired(command, timeout, out.result(), err.result()) from None
        return subprocess.CompletedProcess(command, status, out.result(), err.result())


def run_installed(
    arguments: list[str], *, environment: Mapping[str, str], folder: Path, stdin: bytes = b"", timeout: float = 100
) -> subprocess.CompletedProcess[bytes]:
    """The same with the installed script, as a shell starts it."""
    command = [str(MEMREG), *arguments]
    return subprocess.run(
        command, input=stdin, env=environment, cwd=folder, check=False, capture_output=True, timeout=timeout
    )


def can_fork(environment: Mapping[str, str]) -> bool:
    """Whether a process that has started already can take on this environment."""
    return not any(
        name.startswith(_EARLY) and name != "PYTHONPATH" and value != os.environ.get(name)
        for name, value in environment.items()
    )


def _write(stream: BinaryIO, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), stream:
        stream.write(data)


def _server() -> socket.socket:
    """The way to the server of this process, started by the first call."""
    global _channel
    with _lock:
        if _channel is None:
            _channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            environment = {name: value for name, value in os.environ.items() if not name.startswith("MEMREG_")}
            command = [sys.executable, fork_server.__file__, str(theirs.fileno())]
            # Its standard input is a pipe that closes with this process, however that ends.
            server = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, pass_fds=[theirs.fileno()])
            theirs.close()
            atexit.register(_channel.close)
            atexit.register(server.communicate)
        return _channel
