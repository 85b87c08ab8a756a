"""The scripted server itself, through plain HTTP: users build their tests on it."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest

from memreg.testing import Reply, Request, ScriptedServer, answer, content, delay, disconnect, error, raw, tool_call

TOOL = {"tools": [{"type": "function", "function": {"name": "remember"}}]}


def post(server: ScriptedServer, body: Any, path: str = "/chat/completions") -> tuple[int, Any]:
    url = urlsplit(server.base_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=20)
    try:
        connection.request("POST", url.path + path, json.dumps(body), {"X-Test": "yes"})
        response = connection.getresponse()
        return response.status, json.loads(response.read() or "null")
    finally:
        connection.close()


def test_an_answer_follows_the_mode_of_the_request() -> None:
    with ScriptedServer([answer({"a": 1}), answer({"a": 1}), content("hi"), tool_call("{half")]) as server:
        _, called = post(server, TOOL)
        _, told = post(server, {"response_format": {"type": "json_schema"}})
        _, plain = post(server, TOOL)
        _, half = post(server, TOOL)
        modes = [request.mode for request in server.requests]
    message = called["choices"][0]["message"]
    assert message["tool_calls"][0]["function"] == {"name": "remember", "arguments": '{"a": 1}'}
    assert message["content"] is None
    assert told["choices"][0]["message"]["content"] == '{"a": 1}'
    assert plain["choices"][0]["message"]["content"] == "hi"
    assert half["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == "{half"
    assert modes == ["tools", "json_schema", "tools", "tools"]


def test_requests_are_recorded() -> None:
    messages = [{"role": "system", "content": "be good"}, {"role": "user", "content": "hello"}]
    with ScriptedServer([answer({})]) as server:
        post(server, {"messages": messages})
        (request,) = server.requests
    assert (request.path, request.system, request.user, request.mode) == (
        "/v1/chat/completions",
        "be good",
        "hello",
        "text",
    )
    assert request.headers["x-test"] == "yes"


def test_a_function_as_script() -> None:
    def script(request: Request) -> Reply:
        return content(request.user.upper())

    with ScriptedServer(script) as server:
        for word in ("one", "two"):
            _, body = post(server, {"messages": [{"role": "user", "content": word}]})
            assert body["choices"][0]["message"]["content"] == word.upper()


def test_a_used_up_script_is_an_error_that_nobody_repeats() -> None:
    with ScriptedServer([]) as server:
        status, body = post(server, {})
    assert (status, body["error"]["message"]) == (400, "the script has no more replies")


def test_errors_raw_bodies_and_unknown_paths() -> None:
    with ScriptedServer([error(429, {"error": "slow down"}), raw("[1]", 201)]) as server:
        assert post(server, {}) == (429, {"error": "slow down"})
        assert post(server, {}) == (201, [1])
        assert post(server, {}, "/nowhere")[0] == 404


def test_disconnect() -> None:
    with ScriptedServer([disconnect()]) as server, pytest.raises((http.client.HTTPException, OSError)):
        post(server, {})


def test_closing_ends_a_delay() -> None:
    server = ScriptedServer([delay(600, error(503))]).start()
    found: list[int] = []
    client = threading.Thread(target=lambda: found.append(post(server, {})[0]))
    client.start()
    while not server.requests:
        client.join(0.01)
    server.close()
    client.join(20)
    assert found == [503]


def test_usage_and_model() -> None:
    with ScriptedServer([answer({}, usage=(3, 4)), answer({}, usage=None)], model="tiny") as server:
        _, counted = post(server, {})
        _, uncounted = post(server, {})
    assert counted["model"] == "tiny"
    assert counted["usage"] == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    assert "usage" not in uncounted


def test_base_url_needs_a_started_server() -> None:
    with pytest.raises(RuntimeError, match="not started"):
        _ = ScriptedServer().base_url


def get(server: ScriptedServer, path: str) -> tuple[int, Any]:
    url = urlsplit(server.base_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=20)
    try:
        connection.request("GET", url.path + path)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_the_list_of_models() -> None:
    with ScriptedServer(model="tiny") as server:
        status, listed = get(server, "/models")
        assert (status, [model["id"] for model in listed["data"]]) == (200, ["tiny"])
        assert get(server, "/models/tiny")[1]["id"] == "tiny"
        assert get(server, "/models/other")[0] == 404
        assert server.requests == []


def test_streaming_is_refused_and_takes_no_reply_from_the_script() -> None:
    with ScriptedServer([answer({"a": 1})]) as server:
        status, body = post(server, {"stream": True})
        assert (status, body["error"]["message"]) == (400, "the scripted server does not stream; ask without `stream`")
        assert post(server, {})[0] == 200


def test_a_script_that_raises_says_so_to_the_client() -> None:
    def script(request: Request) -> Reply:
        raise KeyError(request.user)

    with ScriptedServer(script) as server:
        status, body = post(server, {"messages": [{"role": "user", "content": "Ana"}]})
    assert (status, body["error"]["message"]) == (400, "the script raised KeyError: 'Ana'")


@pytest.mark.parametrize("messages", ["no list", [1, None], [{"role": "user"}], [{"role": "user", "content": None}]])
def test_requests_of_any_shape_are_taken(messages: Any) -> None:
    with ScriptedServer([answer({})]) as server:
        assert post(server, {"messages": messages})[0] == 200
        (request,) = server.requests
    assert (request.user, request.system, request.message) == ("", "", "")


def test_fifty_at_once_are_all_answered_and_counted() -> None:
    every = threading.Barrier(50)

    def script(request: Request) -> Reply:
        every.wait(60)  # nobody goes on until all fifty are being answered
        return answer({"said": request.user}) if int(request.user) % 5 else error(429)

    found: dict[int, tuple[int, Any]] = {}

    def ask(server: ScriptedServer, number: int) -> None:
        found[number] = post(server, {"messages": [{"role": "user", "content": str(number)}]})

    with ScriptedServer(script) as server:
        threads = [threading.Thread(target=ask, args=(server, number)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert server.statuses == {200: 40, 429: 10}
        assert server.peak == 50
        assert len(server.requests) == 50
    said = {
        number: json.loads(body["choices"][0]["message"]["content"]) for number, (_, body) in found.items() if _ == 200
    }
    assert said == {number: {"said": str(number)} for number in range(50) if number % 5}


def test_a_list_of_replies_is_given_once_each_to_many_at_once() -> None:
    found: list[str] = []
    with ScriptedServer([content(str(number)) for number in range(60)]) as server:

        def ask() -> None:
            for _ in range(6):
                said = post(server, {})[1]["choices"][0]["message"]
                found.append(said["content"])

        threads = [threading.Thread(target=ask) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert sorted(found, key=int) == [str(number) for number in range(60)]
