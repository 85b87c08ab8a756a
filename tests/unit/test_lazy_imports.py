"""What is loaded when: `import memreg` loads next to nothing, and what only some need waits until they need it."""

from __future__ import annotations

import subprocess
import sys

import pytest

SELDOM = (
    "alembic procrastinate sqlalchemy sqlglot opentelemetry openai instructor numpy click rich ruamel fastapi"
).split()
"""What only a part of the commands or of the calls needs."""


def loaded(code: str) -> set[str]:
    """The modules that a fresh interpreter has after some code."""
    told = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_memreg_alone_loads_nothing_of_its_own() -> None:
    modules = loaded("import memreg")
    assert {name for name in modules if name.startswith("memreg")} == {"memreg"}
    assert modules.isdisjoint({"psycopg", "pydantic", "asyncio", *SELDOM})


def test_the_engine_loads_the_driver_and_nothing_that_decides_or_that_a_person_asks_for() -> None:
    modules = loaded("from memreg import Engine, Proposal, Message")
    assert "psycopg" in modules
    kept_out = ("memreg.operations", "memreg.engine.score", "memreg.engine.turn", "memreg.registry.versions")
    assert not [name for name in modules if name.startswith(kept_out)]
    assert modules.isdisjoint(
        {"pydantic", "pydantic_settings", "rapidfuzz", "structlog", "phonenumbers", "email_validator", *SELDOM}
    )


def test_deciding_by_identity_needs_none_of_the_heavy_ones() -> None:
    modules = loaded("import memreg.engine.batch, memreg.api.intake, memreg.api.watch, memreg.engine.patterns")
    assert "memreg.engine.score" in modules
    assert modules.isdisjoint({"rapidfuzz", "structlog", "phonenumbers", "email_validator", "yarl", *SELDOM})


@pytest.mark.parametrize("name", ["memreg.core.logs", "memreg.core.tracing"])
def test_who_logs_or_traces_nothing_loads_no_library_for_it(name: str) -> None:
    code = f"import {name}\nfrom memreg.core.logs import get_logger\nfrom memreg.core.tracing import step\n"
    code += "get_logger('memreg.x').info('done', at=1)\nwith step('s') as told: told.tell(n=1)"
    assert loaded(code).isdisjoint({"structlog", *SELDOM})
