"""`memreg monitor`, `memreg kill-switch rules` and `memreg metrics`, in this process."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from click.testing import CliRunner

from memreg.cli.main import memreg
from memreg.core.database import Database
from memreg.core.settings import Settings
from memreg.operations.trip.limits import rules
from memreg.operations.trip.rules import NAMES
from tests.support.engines import people, say

ANA = {"name": "Ana Lopez", "email": "ana@lopez.io", "city": "Oslo"}


@pytest.fixture
def _decided(database: Database) -> None:
    engine = people(database)
    say(engine, **ANA)
    say(engine, name="Zoe Quist", email="ana@lopez.io", city="Lima", born="1944-01-01")


def run(settings: Settings, *arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(memreg, [*arguments, "--database", settings.database_url or ""], env={"COLUMNS": "250"})
    assert done.exit_code == status, done.output
    return done.output


def told(settings: Settings, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(settings, *arguments, "--json"))
    return found


@pytest.mark.usefixtures("_decided")
def test_the_monitor_once(settings: Settings) -> None:
    shown = run(settings, "monitor", "--once")
    assert "Person (people@1)" in shown
    assert "100 % (21 % to 100 %) of 1" in shown, "the one identity update is contradicted"
    assert "Questions: 1 identity_contradiction" in shown
    assert "Person (people@1)" in run(settings, "monitor"), "a pipe gets it once anyway"
    document = told(settings, "monitor", "--window", "2h")
    (person,) = document["classes"]
    assert (person["decisions"], person["contradictions"]) == (2, {"count": 1, "of": 1})


@pytest.mark.usefixtures("_decided")
def test_a_window_that_is_none(settings: Settings) -> None:
    assert "no length of time" in run(settings, "monitor", "--window", "soon", status=2)


@pytest.mark.usefixtures("_decided")
def test_rules_are_shown_and_set(database: Database, settings: Settings) -> None:
    shown = run(settings, "kill-switch", "rules")
    for name in NAMES:
        assert name in shown
    assert "1 of 1 identity updates are contradicted" in shown
    run(settings, "kill-switch", "rules", "drift", "--off", "--by", "ana")
    run(settings, "kill-switch", "rules", "contradictions", "--limit", "0.3", "--class", "Person")
    found = {each.rule: each for each in rules(database, "default", "people", "Person")}
    assert (found["drift"].is_on, found["drift"].set_by) == (False, "ana")
    assert (found["contradictions"].limit, found["contradictions"].minimum) == (0.3, 20)
    run(settings, "kill-switch", "rules", "contradictions", "--default", "--class", "Person")
    found = {each.rule: each for each in rules(database, "default", "people", "Person")}
    assert found["contradictions"].limit == 0.15
    document = told(settings, "kill-switch", "rules", "--class", "Person")
    assert [each["rule"] for each in document["rules"]] == list(NAMES)
    assert [each["class_name"] for each in document["classes"]] == ["Person"]


@pytest.mark.usefixtures("_decided")
def test_wrong_rules(settings: Settings) -> None:
    assert "it must be one of" in run(settings, "kill-switch", "rules", "luck", "--off", status=1)
    run(settings, "kill-switch", "rules", "drift", status=2)
    run(settings, "kill-switch", "rules", "--limit", "1", status=2)
    run(settings, "kill-switch", "rules", "drift", "--default", "--off", status=2)


@pytest.mark.usefixtures("_decided")
def test_metrics_tell_tenants_apart_only_where_asked(settings: Settings) -> None:
    assert 'tenant="default"' not in run(settings, "metrics")
    assert 'tenant="default"' in run(settings, "metrics", "--by-tenant")
    assert "HOST:PORT" in run(settings, "metrics", "--listen", "nowhere", status=1)


@pytest.mark.usefixtures("_decided")
@pytest.mark.parametrize(
    "scope", [("--class", "Person"), ("--class", "Person", "--tenant", "acme"), ("--tenant", "*"), ()]
)
def test_what_is_told_to_turn_a_switch_off_turns_it_off(settings: Settings, scope: tuple[str, ...]) -> None:
    whose = scope[scope.index("--tenant") :] if "--tenant" in scope else ()  # a command's own options go without saying
    place = () if whose[1:] == ("*",) else whose
    hints = [(off_command(run(settings, "kill-switch", "on", *scope)), place)]
    hints.append((off_command(run(settings, "kill-switch", "status", "--tenant", "*")), ()))
    if scope:
        shown = run(
            settings, "kill-switch", "off", *place, *(("--class", "Person") if whose == ("--tenant", "*") else ())
        )
        hints.append((off_command(shown), place))
    for command, options in hints:
        run(settings, "kill-switch", "on", *scope)
        assert "it is off" in run(settings, *shlex.split(command)[1:], *options)
        assert "No kill switch is on" in run(settings, "kill-switch", "status", "--tenant", "*")


def off_command(shown: str) -> str:
    line = next(line for line in shown.splitlines() if "memreg kill-switch off" in line)
    return line[line.index("memreg kill-switch off") :]
