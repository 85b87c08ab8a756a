"""The endpoint that Prometheus scrapes, over HTTP."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, DatabaseUnavailable
from memreg.operations.metrics import metrics, prometheus_text
from memreg.operations.monitor.endpoint import CONTENT_TYPE, FRESH, Endpoint, Measured, address_of
from tests.support.engines import people, say


@contextmanager
def asked(url: str, method: str = "GET") -> Iterator[http.client.HTTPResponse]:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as response:
        yield response


def test_a_scrape_gets_the_figures_of_now(database: Database) -> None:
    engine = people(database)
    say(engine, name="Ana Lopez", email="ana@lopez.io", city="Oslo")
    say(engine.for_tenant("acme"), name="Bob Stone", email="bob@stone.org")
    with Endpoint("127.0.0.1", 0, lambda: prometheus_text(metrics(database))) as endpoint:
        with asked(endpoint.url) as response:
            assert response.headers["Content-Type"] == CONTENT_TYPE
            text = response.read().decode()
        with asked(endpoint.url, "HEAD") as response:
            assert int(response.headers["Content-Length"]) == len(text.encode())
            assert response.read() == b""
    found = {family.name: family for family in text_string_to_metric_families(text)}
    (decisions,) = found["memreg_decisions"].samples
    assert decisions.labels == {
        "schema": "people", "class": "Person", "version": "1", "action": "CREATE", "basis": "new"
    }  # fmt: skip
    assert decisions.value == 2
    assert {sample.labels["table"] for sample in found["memreg_table_bytes"].samples} >= {"memories", "audit_log"}
    for word in ("acme", "Lopez", "ana@", "Oslo"):
        assert word not in text


def test_there_is_nothing_else_and_no_error_names_the_database() -> None:
    def broken() -> str:
        raise DatabaseUnavailable(where="postgresql://secret@host/x", reason="it is gone")

    with Endpoint("127.0.0.1", 0, broken) as endpoint:
        with pytest.raises(urllib.error.HTTPError) as failed, asked(endpoint.url):
            pass
        assert failed.value.code == 503
        assert b"secret" not in failed.value.read()
        with pytest.raises(urllib.error.HTTPError) as missing, asked(endpoint.url.replace("/metrics", "/else")):
            pass
        assert missing.value.code == 404
        for error in (failed.value, missing.value):
            error.close()  # and with it the connection


def test_many_scrapers_cost_no_more_than_one() -> None:
    now, read = [0.0], list[int]()

    def text() -> str:
        read.append(1)
        return str(len(read))

    measured = Measured(text, tick=lambda: now[0])
    assert [measured.text() for _ in range(3)] == ["1"] * 3
    now[0] = FRESH
    assert measured.text() == "2"


def test_addresses() -> None:
    assert address_of("127.0.0.1:9464") == ("127.0.0.1", 9464)
    assert address_of("[::1]:80") == ("::1", 80)
    for wrong in ("9464", ":9464", "host:", "host:http", "host:99999"):
        with pytest.raises(ArgumentInvalid, match="HOST:PORT"):
            address_of(wrong)


def test_a_port_that_is_taken_is_told() -> None:
    with Endpoint("127.0.0.1", 0, lambda: "") as first:
        port = int(first.url.rsplit(":", 1)[1].partition("/")[0])
        with pytest.raises(ArgumentInvalid, match="nothing can listen there"):
            Endpoint("127.0.0.1", port, lambda: "")
