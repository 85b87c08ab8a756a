"""`memreg doctor --citus` prints what divides a database by tenant, and needs no database for it."""

from __future__ import annotations

import json

from click.testing import CliRunner

from memreg.cli.doctor import doctor
from memreg.operations.distribution import TABLES, Kind, citus_statements


def test_the_statements_are_printed_one_a_line() -> None:
    told = CliRunner().invoke(doctor, ["--citus", "--database", "postgresql://nowhere.invalid/x"])
    assert told.exit_code == 0, told.output
    assert told.output.splitlines() == list(citus_statements())
    assert sum("create_distributed_table" in line for line in told.output.splitlines()) == sum(
        kind is Kind.TENANT for kind, _ in TABLES.values()
    )


def test_a_script_gets_them_as_a_list() -> None:
    told = CliRunner().invoke(doctor, ["--citus", "--json"])
    assert json.loads(told.output) == {"statements": list(citus_statements())}
