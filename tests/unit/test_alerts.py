"""The alert rules: a file that Prometheus reads, about metrics and labels that there are."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from memreg.operations.gauge import Metric
from memreg.operations.metrics import figures
from memreg.operations.monitor.alerts import ALERTS, Alert, alert_rules
from memreg.operations.monitor.drift import Drift
from memreg.operations.monitor.figures import ClassFigures, Latency, Monitored, TableSize
from memreg.operations.monitor.gauges import monitor_gauges
from memreg.operations.monitor.rates import Rate
from memreg.operations.state import Calls, Jobs, State

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PERSON = ClassFigures(
    "acme", "people", "Person", 2, 10, (("UPDATE", "identity", 10),), Rate(1, 10), Rate(0, 3), Rate(2, 4), Rate(1, 5),
    Drift(0.3, 0.1, 300, 400), Latency(10, 3.0, 9.0, 12.0), (0,) * 11, (0,) * 20, NOW, NOW,
)  # fmt: skip
STATE = State(
    now=NOW, lease=timedelta(minutes=5), schemas=("people",), inbox=(), fullest={}, failure=None,
    calls=(Calls("people", "m", "ok", 1, 1, 1),), workers=(), jobs=(Jobs("inbox", 0, 0, 0),), reviews=(), switches=(),
)  # fmt: skip


def everything() -> list[Metric]:
    """The metrics of a memreg in which there is one of each."""
    told = Monitored(NOW, timedelta(days=1), (PERSON,), False, STATE, (TableSize("memories", 1, 2, 3),))
    return [*figures(STATE, 100), *monitor_gauges(told)]


@pytest.mark.parametrize("alert", ALERTS, ids=[each.name for each in ALERTS])
def test_each_is_about_metrics_and_labels_that_there_are(alert: Alert) -> None:
    known = {metric.name: metric for metric in everything()}
    asked = re.findall(r"(memreg_\w+)(?:\{([^}]*)\})?", alert.expr)
    assert asked
    for name, labels in asked:
        assert name in known, f"there is no metric {name}"
        names = {key for sample in known[name].samples for key in sample.labels}
        for label, value in re.findall(r'(\w+)!?="([^"]*)"', labels):
            if known[name].samples:
                assert label in names, f"{name} has no label {label}"
                told = {sample.labels[label] for sample in known[name].samples}
                assert value in told or value == "failed", f"{name} is never told with {label}={value}"
    for label in re.findall(r"\$labels\.(\w+)", alert.summary):
        first = known[asked[0][0]]
        assert not first.samples or label in first.samples[0].labels


def test_the_file_is_what_prometheus_reads() -> None:
    read = yaml.safe_load(alert_rules())
    (group,) = read["groups"]
    assert [rule["alert"] for rule in group["rules"]] == [alert.name for alert in ALERTS]
    for rule, alert in zip(group["rules"], ALERTS, strict=True):
        assert rule["expr"] == alert.expr
        assert rule["annotations"] == {"summary": alert.summary, "do": alert.do}
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}


def test_the_file_in_the_documentation_is_the_same() -> None:
    assert (REFERENCE / "alerts.yaml").read_text("utf-8") == alert_rules()


def test_over_tenants_rates_add_up_and_no_tenant_is_told() -> None:
    other = replace(PERSON, tenant="bolt")
    told = Monitored(NOW, timedelta(days=1), (PERSON, other), False, STATE, ())
    found = {metric.name: metric for metric in monitor_gauges(told)}
    assert {tuple(s.labels.values()): s.value for s in found["memreg_false_update_trials"].samples} == {
        ("people", "Person", "2"): 20
    }
    assert {s.labels["bound"]: s.value for s in found["memreg_false_update_rate"].samples}["observed"] == 0.1
    assert not any("tenant" in sample.labels for metric in found.values() for sample in metric.samples)
    apart = {metric.name: metric for metric in monitor_gauges(told, by_tenant=True)}
    assert {sample.labels["tenant"] for sample in apart["memreg_decisions"].samples} == {"acme", "bolt"}
