"""A process that has imported the command once and forks for each call of it: `python fork_server.py SOCKET`.

Starting the command is mostly importing. A call is still a process of its own, with its arguments, environment, folder,
standard streams and exit status; nothing that one call does is seen by the next, as this process runs none of them.
It ends when its standard input closes, which is when the process that started it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback
from typing import NoReturn

STREAMS = 3
_LONGEST = 1 << 20
# What the command imports when it runs, as it is light until then.
_IMPORTED = (
    "memreg.cli.main",
    "memreg.annotator.extractor",
    "memreg.api.engine",
    "memreg.api.registry",
    "memreg.core.database",
    "memreg.core.settings",
    "memreg.migrations.runner",
    "memreg.operations.doctor",
    "memreg.operations.inbox",
    "memreg.operations.review",
    "memreg.registry.parse",
    "anyio.abc",
    "certifi",
    "h11",
    "httpcore2",
    "instructor.v2",
    "instructor.v2.providers.openai.handlers",
    "jinja2",
    "openai.resources.chat.completions",
    "requests",
    "structlog",
    "procrastinate.psycopg_connector",
    "psycopg",
    "pydantic_settings",
    "rich.console",
    "rich.table",
)


class Call:
    """What a child is to run: the command's arguments."""

    def __init__(self, arguments: list[str]) -> None:
        self.arguments = arguments


def serve(channel: socket.socket) -> Call | None:
    """Fork for each request until the parent ends; in a child: what to run."""
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    waiting = dict[int, int]()
    while True:
        ready, _, _ = select.select([channel.fileno(), woken, 0], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _tell_ended(waiting)
        if channel.fileno() in ready:
            data, given, _, _ = socket.recv_fds(channel, _LONGEST, STREAMS + 1)
            child = os.fork()
            if child == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                for each in (woken, wake, given[STREAMS], *waiting.values()):
                    os.close(each)
                channel.close()
                return _become(json.loads(data), given[:STREAMS])
            for each in given[:STREAMS]:
                os.close(each)
            os.write(given[STREAMS], b"%d\n" % child)
            waiting[child] = given[STREAMS]
        if 0 in ready:
            return None


def _tell_ended(waiting: dict[int, int]) -> None:
    while waiting:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child == 0:
            return
        os.write(waiting[child], b"%d\n" % os.waitstatus_to_exitcode(status))
        os.close(waiting.pop(child))


def _become(request: dict[str, object], streams: list[int]) -> Call:
    """Take on the caller's environment, folder and streams."""
    environment, folder, arguments = request["environment"], request["folder"], request["arguments"]
    assert isinstance(environment, dict)
    assert isinstance(folder, str)
    assert isinstance(arguments, list)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        before = getattr(sys, name)
        opened = open(number, before.mode, encoding=before.encoding, errors=before.errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)
    sys.path[:0] = [each for each in environment.get("PYTHONPATH", "").split(os.pathsep) if each]
    return Call([str(each) for each in arguments])


def main() -> NoReturn:
    """Serve; in a child, run the command as its script does."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    sys.path.pop(0)  # this file's folder, which the installed command does not see
    for name in _IMPORTED:
        with contextlib.suppress(ImportError):  # of an extra that is not installed
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is imported is not looked through, and so not copied, when a child ends
    call = serve(channel)
    if call is None:
        sys.exit()
    _end(_run(call))


def _run(call: Call) -> int:
    """Run the command as its script does; gives the exit status."""
    from memreg.cli.main import main as command

    sys.argv = call.arguments
    try:
        command()
    except SystemExit as exc:
        if exc.code is None or isinstance(exc.code, int):
            return exc.code or 0
        print(exc.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _end(status: int) -> NoReturn:
    """End as the interpreter does, but without taking everything apart: that would copy all that was imported."""
    threading._shutdown()  # type: ignore[attr-defined]  # it waits for threads, as at any end
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status & 0xFF)


if __name__ == "__main__":
    main()
