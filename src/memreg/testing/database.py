"""A Postgres of the tests' own: the embedded one in a temporary folder."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memreg.core.embedded import acquire, status
from memreg.core.settings import Settings

_ENDING = 30.0
_PAUSE = 0.05


@contextlib.contextmanager
def temporary_database(**settings: Any) -> Iterator[Settings]:
    """Settings of an empty, embedded Postgres that is gone at the end, for `connect(settings=...)`.

    Whatever the environment says, they name no other database and no language model, so that a test reaches neither;
    `settings` are further fields of Settings, the model's too. One for a whole run is enough: starting it takes longer
    than a test. Give each test a tenant of its own.

    Raises EmbeddedUnavailable where the extra `embedded` is missing or cannot run, SettingsInvalid.
    """
    with tempfile.TemporaryDirectory(prefix="memreg-", ignore_cleanup_errors=True) as folder:
        # Run by root, as in many a container, the server has another account, which must be able to enter.
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        nothing: dict[str, Any] = dict.fromkeys(("database_url", "llm_base_url", "llm_api_key", "llm_model"))
        lease = acquire(home, durable=False)
        try:
            yield Settings(**{**nothing, **settings, "home": home})
        finally:
            lease.release()
            ends = time.monotonic() + _ENDING
            while _runs(home) and time.monotonic() < ends:
                time.sleep(_PAUSE)


def _runs(home: Path) -> bool:
    found = status(home)
    return bool(found["running"] or found["guarded"])
