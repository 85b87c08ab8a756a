"""The command in a process of its own, as a person or a script runs it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import forks
from tests.support.forks import MEMREG as MEMREG  # for tests that start it and do not wait


@dataclass(frozen=True)
class Command:
    """Runs `memreg` in a folder, with settings and nothing of the caller's environment but its paths.

    `installed`: start the installed script each time, and not a fork of a process that has imported it.
    """

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    installed: bool = False

    def __call__(
        self, *arguments: str, stdin: str | bytes = b"", status: int = 0, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end; its exit status must be `status`, and nothing may look like a traceback."""
        given = stdin.encode() if isinstance(stdin, str) else stdin
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        environment = {**kept, "COLUMNS": "200", "NO_COLOR": "1", **self.settings, **settings}
        run = forks.run_installed if self.installed else forks.run
        done = run(list(arguments), environment=environment, folder=self.folder, stdin=given)
        out, err = done.stdout.decode(), done.stderr.decode()
        told = f"$ memreg {' '.join(arguments)}\n{out}{err}"
        assert done.returncode == status, told
        assert "Traceback" not in err, told
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def json(self, *arguments: str, stdin: str | bytes = b"", status: int = 0, **settings: str) -> Any:
        """Run it with `--json`: all of its output is one document."""
        return json.loads(self(*arguments, "--json", stdin=stdin, status=status, **settings).stdout)
