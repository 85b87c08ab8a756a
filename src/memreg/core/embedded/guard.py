"""The guard of a home: starts the server, waits until the last user has ended, stops the server, and ends.

Run by its path as `python -I -S guard.py`, with the plan as JSON on standard input and a descriptor that already holds
the guard lock. It imports nothing but the standard library, so that it is small and works in every kind of
installation. It detaches itself, reports one JSON line on standard output once the server is ready or has failed, and
then owns the server: a client that is killed takes nothing with it.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

_PAUSE = 0.01  # seconds
_START = 600.0  # seconds; recovery after a crash may take long
_LOG_LIMIT = 10_000_000  # bytes; a larger log is put aside at the next start


def run(plan: dict[str, Any]) -> None:
    """Guard the server until nobody uses it or it is gone."""
    users = os.open(plan["users"], os.O_RDWR | os.O_NOFOLLOW)
    watched = os.open(plan["server"], os.O_RDWR | os.O_NOFOLLOW)
    server: subprocess.Popen[bytes] | None = None
    if plan["start"] is not None:
        server, failure = _start(plan)
        _report({"failure": failure, "killed": server is not None and (server.returncode or 0) < 0})
        if failure is not None:
            _end(plan)
    else:
        _report({"failure": None})
    ending, gone = threading.Lock(), threading.Event()
    threading.Thread(target=_watch, args=(plan, watched, server, ending, gone), daemon=True).start()
    fcntl.flock(users, fcntl.LOCK_EX)
    if ending.acquire(blocking=False):
        for command in plan["stop"]:
            _run(plan, command)
            if gone.wait(10.0):
                break
        _end(plan)
    threading.Event().wait()  # the watcher is ending this process


def _start(plan: dict[str, Any]) -> tuple[subprocess.Popen[bytes] | None, str | None]:
    """Start the server with its lock and wait until it takes connections; the second value says what went wrong."""
    lock = os.open(plan["server"], os.O_RDWR | os.O_NOFOLLOW)
    deadline = time.monotonic() + 60.0
    while not _take(lock):
        if time.monotonic() > deadline:
            return (
                None,
                "processes of a server that was killed are still at work; end them and try again",
            )
        time.sleep(_PAUSE)
    log, offset = _open_log(plan)
    server = subprocess.Popen(
        plan["start"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=[lock],
        **_identity(plan),
    )
    os.close(lock)  # from here on the lock lives exactly as long as the server and what it forks
    os.close(log)
    deadline = time.monotonic() + _START
    while server.poll() is None:
        if _is_ready(plan, server.pid):
            return server, None
        if time.monotonic() > deadline:
            server.send_signal(signal.SIGINT)
            server.wait()
            return None, f"the server was not ready within {_START:.0f} s"
        time.sleep(_PAUSE)
    return server, _log_reason(plan, offset)


def _is_ready(plan: dict[str, Any], pid: int) -> bool:
    try:
        with open(
            os.path.join(plan["data"], "postmaster.pid"),
            encoding="utf-8",
            errors="replace",
        ) as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _open_log(plan: dict[str, Any]) -> tuple[int, int]:
    path = plan["log"]
    try:
        if os.stat(path).st_size > _LOG_LIMIT:
            os.replace(path, path + ".1")
    except FileNotFoundError:
        pass
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    owner = os.stat(os.path.dirname(path))
    if os.geteuid() == 0:
        os.fchown(log, owner.st_uid, owner.st_gid)
    return log, os.lseek(log, 0, os.SEEK_END)


def _log_reason(plan: dict[str, Any], offset: int) -> str:
    with open(plan["log"], encoding="utf-8", errors="replace") as file:
        file.seek(offset)
        lines = file.read().splitlines()
    fatal = [line for line in lines if "FATAL" in line or "PANIC" in line or "error" in line]
    said = (fatal or lines or ["no message"])[-1]
    return f"the server did not start: {said}"


def _watch(
    plan: dict[str, Any],
    watched: int,
    server: subprocess.Popen[bytes] | None,
    ending: threading.Lock,
    gone: threading.Event,
) -> None:
    """End the guard when the server, and everything it forked, is gone."""
    if server is not None:
        server.wait()  # so that it is no zombie while its children finish
    fcntl.flock(watched, fcntl.LOCK_EX)
    os.close(watched)
    gone.set()
    if ending.acquire(blocking=False):
        _end(plan)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _run(plan: dict[str, Any], command: list[str]) -> None:
    subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        **_identity(plan),
    )


def _identity(plan: dict[str, Any]) -> dict[str, Any]:
    account = {} if plan["uid"] is None else {"user": plan["uid"], "group": plan["gid"], "extra_groups": []}
    return {
        "cwd": "/",
        "env": plan["environment"],
        "umask": 0o077,
        "start_new_session": True,
        **account,
    }


def _report(message: dict[str, Any]) -> None:
    try:
        os.write(1, json.dumps(message).encode() + b"\n")
    except BrokenPipeError:
        pass  # the client was killed meanwhile; its server ends with the last user all the same
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.close(nothing)


def _end(plan: dict[str, Any]) -> None:
    """End, guard lock first: who then gets the users lock must not take this process for a guard."""
    os.close(plan["guard"])
    os._exit(0)


def _ignore(number: int, frame: object) -> None:
    """Do nothing; unlike SIG_IGN, a handler is not passed on to the programs that the guard runs."""


def main() -> None:
    plan = json.loads(sys.stdin.buffer.readline())
    if os.fork() != 0:
        os._exit(0)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    # The guard ends with its server. Ending it alone would only leave the server without one.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ignore)
    try:
        run(plan)
    except Exception as exc:
        _report({"failure": f"the guard failed: {exc!r}"})
        _end(plan)


if __name__ == "__main__":
    main()
