"""`memreg ingest --queue` and `memreg worker`: kept by one process, decided by another, stopped by a signal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from typing import Any

from memreg.testing import ScriptedServer, answer
from memreg.testing.reply import Reply
from memreg.testing.request import Request
from tests.support.command import MEMREG, Command


def said(*texts: str, session: str = "s") -> str:
    return "\n".join(json.dumps({"id": f"m{n}", "text": text, "session": session}) for n, text in enumerate(texts))


def test_what_one_process_keeps_another_decides_in_order(people: Command) -> None:
    lines = said(*(f"Ana Lopez lives in {town}, ana@lopez.io" for town in ("Oslo", "Bergen", "Graz")))
    assert "3 messages were left to the workers" in people("ingest", "--queue", stdin=lines).stdout
    assert people.json("inbox")["counts"]["accepted"] == 3
    assert people.json("worker", "--until-empty") == {"jobs": 1, "backfill_parts": 0}  # one job for the session
    assert [each["values"]["city"] for each in people.json("memories")] == ["Graz"]
    assert people.json("ingest", "--queue", stdin=lines) == {"queued": 3, "problems": [], "stopped": None}
    assert people.json("worker", "--until-empty", "--slots", "1") == {"jobs": 0, "backfill_parts": 0}


def test_a_bad_line_is_told_and_the_rest_is_kept(people: Command) -> None:
    done = people("ingest", "--queue", stdin=said("Ana") + '\n{"id": "x"}\n' + said("Bo"), status=1)
    assert "line 2: text is missing" in done.stderr
    assert "line 3: The message 'm0' was already taken with another text" in done.stderr
    assert "1 message was left" in done.stdout
    refused = people("ingest", "--queue", "--proposals", status=2).stderr
    assert "not both" in refused


def test_a_signal_ends_what_is_at_hand_and_nothing_else(people: Command) -> None:
    lines = said(*(f"Name{n} Stone is here" for n in range(50)))

    def slowly(request: Request) -> Reply:
        time.sleep(0.2)
        words = request.message.partition(" is here")[0]
        item: dict[str, Any] = {"class": "Person", "values": {"name": words}, "evidence": words}
        return answer({"items": [item]})

    with ScriptedServer(slowly) as server:
        model = {"MEMREG_LLM_BASE_URL": server.base_url, "MEMREG_LLM_MODEL": "m"}
        people("ingest", "--queue", stdin=lines)
        environment = {**os.environ, **people.settings, **model}
        worker = subprocess.Popen([MEMREG, "worker"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while len(server.requests) < 3:
            assert worker.poll() is None
            time.sleep(0.01)
        worker.send_signal(signal.SIGTERM)
        out, err = worker.communicate(timeout=30)
    assert (worker.returncode, b"Traceback" in err) == (0, False), err
    assert b"taken up" in out
    counts = people.json("inbox")["counts"]
    assert counts.get("extracting", 0) == 0
    assert 0 < counts["accepted"] < 50


def test_a_second_signal_stops_at_once_and_nothing_is_lost(people: Command) -> None:
    asked, answered = threading.Event(), threading.Event()

    def never(_request: Request) -> Reply:
        asked.set()
        answered.wait(60)
        return answer({"items": []})

    with ScriptedServer(never) as server:
        model = {"MEMREG_LLM_BASE_URL": server.base_url, "MEMREG_LLM_MODEL": "m"}
        people("ingest", "--queue", stdin=said("Ana Lopez lives in Oslo, ana@lopez.io"))
        environment = {**os.environ, **people.settings, **model}
        worker = subprocess.Popen([MEMREG, "worker"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert asked.wait(30)
        worker.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert worker.poll() is None  # it ends what is at hand first
        worker.send_signal(signal.SIGINT)
        try:
            _, err = worker.communicate(timeout=20)
            assert not answered.is_set()
        finally:
            answered.set()
            worker.kill()
    assert (worker.returncode, b"Traceback" in err, b"taken over" in err) == (130, False, True), err
    assert people.json("inbox")["counts"] == {"extracting": 1}
    people("inbox", "retry", "m0")
    assert people.json("inbox")["counts"] == {}
    assert [each["values"]["name"] for each in people.json("memories")] == ["Ana Lopez"]
