"""Every page's snippets run, in order, from an empty folder against a fresh database."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, Fence, fences, name_of, pages
from tests.docs.transcript import missing, substitute
from tests.support import forks

EXIT = re.compile(r"\s+# exit (\d)$")


def to_run(page: Path) -> list[Fence]:
    """The blocks of a page that do something."""
    return [fence for fence in fences(page) if fence.runs and (fence.title or fence.language in {"python", "console"})]


RUNNABLE = [page for page in pages() if any(fence.title is None for fence in to_run(page))]


def test_there_are_pages_to_run() -> None:
    assert {"README.md", "docs/tutorial/first-memories.md"} <= {name_of(page) for page in RUNNABLE}


@pytest.mark.parametrize("page", RUNNABLE, ids=name_of)
def test_page_runs(page: Path, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        "MEMREG_DATABASE_URL": database_url,
        "HOME": str(tmp_path),
        "COLUMNS": "200",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    # The command must find the files of the page, as it does in the reader's folder.
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    names: dict[str, Any] = {"__name__": "page"}
    ids = dict[str, str]()
    for fence in to_run(page):
        if fence.title:
            place = tmp_path / fence.title
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(fence.text)
        elif fence.language == "console":
            run_console(fence, ids)
        else:
            run_python(fence, names, ids)


def run_console(fence: Fence, ids: dict[str, str]) -> None:
    """Run the block's commands; each must end with the exit status that the page says and print what it shows."""
    steps = list[tuple[str, list[str]]]()
    for line in fence.text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            steps.append((line.removeprefix("$ "), []))
        elif steps:
            steps[-1][1].append(line)
    for command, expected in steps:
        status = EXIT.search(command)
        script = substitute(EXIT.sub("", command), ids)
        done = run_shell(script)
        told = f"{fence.where}: $ {script}\n{done.stdout}{done.stderr}"
        assert done.returncode == (int(status[1]) if status else 0), told
        lost = missing(expected, (done.stdout + done.stderr).splitlines(), ids)
        assert lost is None, f"{told}\nnot printed: {lost}"


def run_shell(script: str) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell; `memreg` with plain words needs none."""
    if script.startswith("memreg ") and not set(script) & set("$`\"'\\|&;<>()*?[~#\n"):
        called = forks.run(script.split()[1:], environment=os.environ, folder=Path.cwd())
        return subprocess.CompletedProcess(
            called.args, called.returncode, called.stdout.decode(), called.stderr.decode()
        )
    return subprocess.run(["bash", "-o", "pipefail", "-c", script], check=False, capture_output=True, text=True)


def run_python(fence: Fence, names: dict[str, Any], ids: dict[str, str]) -> None:
    """Run the block in the page's namespace; the lines after `#>` are what it prints."""
    code = compile("\n" * fence.line + fence.text, str(fence.path), "exec", dont_inherit=True)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    expected = [line.strip().removeprefix("#>") for line in fence.text.splitlines() if line.strip().startswith("#>")]
    lost = missing(expected, printed.getvalue().splitlines(), ids)
    assert lost is None, f"{fence.where}\n{printed.getvalue()}\nnot printed: {lost}"
