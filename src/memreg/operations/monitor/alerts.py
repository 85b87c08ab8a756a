"""Alert rules for Prometheus: what a person should be told of, as data, and as the file that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule: when (a PromQL expression), for how long at least, how bad it is, and what to do about it."""

    name: str
    expr: str
    lasting: str
    severity: Literal["page", "ticket"]
    summary: str
    do: str


ALERTS: tuple[Alert, ...] = (
    Alert(
        "MemregKillSwitchTripped",
        "memreg_kill_switches_tripped > 0",
        "0m",
        "page",
        "memreg stopped merging by itself",
        "memreg kill-switch status tells why; docs/how-to/kill-switch.md what to do",
    ),
    Alert(
        "MemregKillSwitchForgotten",
        "memreg_kill_switches_on > 0",
        "1d",
        "ticket",
        "a kill switch is on for a day already",
        "memreg kill-switch status tells how to turn it off, once it is well again; then memreg resolve",
    ),
    Alert(
        "MemregWrongUpdates",
        'memreg_false_update_rate{bound="low"} > 0.02 and ignoring (bound) memreg_false_update_trials >= 30',
        "0m",
        "page",
        "at least 2 % of the updates of {{ $labels.class }} turned out wrong",
        "memreg monitor; memreg audit --action UPDATE, and memreg explain on the newest",
    ),
    Alert(
        "MemregContradictedIdentity",
        'memreg_contradiction_rate{bound="low"} > 0.05 and ignoring (bound) memreg_contradiction_trials >= 20',
        "0m",
        "page",
        "what is said speaks against an identity key of {{ $labels.class }}",
        "memreg annotations NAME tells which key; memreg review --kind identity_contradiction lists the cases",
    ),
    Alert(
        "MemregMissedUpdates",
        'memreg_missed_update_rate{bound="low"} > 0.05 and ignoring (bound) memreg_missed_update_trials >= 30',
        "0m",
        "ticket",
        "at least 5 % of the new memories of {{ $labels.class }} were known already",
        "give the class another identity key, or look at memreg calibrate",
    ),
    Alert(
        "MemregNoCandidates",
        'memreg_zero_hit_rate{bound="low"} > 0.5 and ignoring (bound) memreg_zero_hit_trials >= 300',
        "1h",
        "ticket",
        "most searches in {{ $labels.class }} find no candidate",
        "expected where everything is new; else look whether its searchable columns are what is said",
    ),
    Alert(
        "MemregScoreDrift",
        "memreg_score_drift_beyond_chance > 0.25",
        "30m",
        "ticket",
        "memories of {{ $labels.class }} are merged at other scores than before",
        "memreg monitor; look whether the source of the messages, the model or the schema changed",
    ),
    Alert(
        "MemregSlowDecisions",
        'memreg_decision_milliseconds{quantile="0.95"} > 1000',
        "15m",
        "ticket",
        "one decision of {{ $labels.class }} in twenty takes more than a second",
        "memreg doctor; docs/reference/performance.md",
    ),
    Alert(
        "MemregQuestionsWait",
        "max(memreg_review_oldest_seconds) > 604800",
        "0m",
        "ticket",
        "a question to a person is open for a week",
        "memreg review",
    ),
    Alert(
        "MemregNobodyWorks",
        'sum(memreg_inbox_messages{status="accepted"}) > 0 and sum(memreg_workers) == 0',
        "2m",
        "page",
        "messages wait, and no worker is alive",
        "run memreg worker",
    ),
    Alert(
        "MemregModelDoesNotAnswer",
        'sum(memreg_model_requests_last_hour{outcome!="ok"}) > 2'
        ' unless sum(memreg_model_requests_last_hour{outcome="ok"}) > 0',
        "0m",
        "page",
        "no request to the model succeeded within the last hour",
        "memreg doctor --ask",
    ),
    Alert(
        "MemregDeadMessages",
        'memreg_inbox_messages{status="dead"} > 0',
        "0m",
        "ticket",
        "messages could not be extracted",
        "memreg inbox --status dead, then memreg inbox retry --all-dead",
    ),
    Alert(
        "MemregOldMessage",
        "memreg_inbox_oldest_seconds > 900",
        "0m",
        "page",
        "a message waits for more than 15 minutes",
        "memreg inbox tells why; run another memreg worker",
    ),
    Alert(
        "MemregQueueNearlyFull",
        "memreg_queue_utilisation > 0.8",
        "0m",
        "page",
        "the queue of {{ $labels.schema }} is nearly full",
        "run another memreg worker, or raise MEMREG_QUEUE_CAPACITY",
    ),
    Alert(
        "MemregStalledJobs",
        'memreg_jobs{state="stalled"} > 0',
        "5m",
        "page",
        "jobs hang whose worker is gone",
        "run memreg worker",
    ),
    Alert(
        "MemregBackfillFailed",
        'memreg_backfill_status{status="failed"} == 1',
        "0m",
        "ticket",
        "the backfill of {{ $labels.schema }} failed",
        "memreg backfill status tells why",
    ),
)


def alert_rules() -> str:
    """The rules as a file for Prometheus' `rule_files`, in YAML."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Generated from memreg.operations.monitor.alerts by scripts/generate_reference.py."
    yield "# Names are those of memreg metrics. Copy the file, and set the limits as you need them."
    yield "groups:"
    yield "  - name: memreg"
    yield "    rules:"
    for alert in ALERTS:
        yield f"      - alert: {alert.name}"
        yield f"        expr: {_quoted(alert.expr)}"
        if alert.lasting != "0m":
            yield f"        for: {alert.lasting}"
        yield f"        labels: {{severity: {alert.severity}}}"
        yield "        annotations:"
        yield f"          summary: {_quoted(alert.summary)}"
        yield f"          do: {_quoted(alert.do)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
