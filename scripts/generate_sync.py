"""Write the blocking twin `x.py` of every `x_async.py`: the asynchronous text is the source, the other is derived.

Without arguments it writes the twins; with `--check` it only compares whole texts and fails when one differs.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADER = "# Generated from {source} by scripts/generate_sync.py: change that file, not this one.\n"

_WORDS = {
    "aclose": "close",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "aiter": "iter",
    "anext": "next",
    "enter_async_context": "enter_context",
    "asynccontextmanager": "contextmanager",
    "StopAsyncIteration": "StopIteration",
}
_MODULES = {"asyncio.sleep": "time.sleep", "asyncio.Lock": "threading.Lock", "asyncio.Event": "threading.Event"}
_TO_THREAD = re.compile(r"\bawait asyncio\.to_thread\(\s*([\w.]+)\s*(?:,\s*|(?=\)))")
_ADJECTIVE = re.compile(r"\b([Aa]n )?asynchronous\b")
_KEYWORD = re.compile(r"\basync (?=def\b|with\b|for\b)|\bawait\s+")
_CLASS = re.compile(r"\b(_?)Async(?=[A-Z])")
_MODULE = re.compile(r"\b([a-z]\w*?)_async\b")
_IMPORT = re.compile(r"^import asyncio\n", re.MULTILINE)


def to_sync(text: str) -> str:
    """The text of the blocking twin, before formatting.

    Raises ValueError where something of asyncio is left that has no blocking counterpart here.
    """
    text = _TO_THREAD.sub(r"\1(", text)
    text = _KEYWORD.sub("", text)
    text = _ADJECTIVE.sub(lambda found: f"{found[1][0]} blocking" if found[1] else "blocking", text)
    text = _without(text, "Awaitable")
    for name, twin in _MODULES.items():
        text = re.sub(rf"\b{re.escape(name)}\b", twin, text)
    text = re.sub(r"\b\w+\b", lambda word: _WORDS.get(word[0], word[0]), text)
    text = _MODULE.sub(r"\1", _CLASS.sub(r"\1", text))
    needed = [name for name in ("threading", "time") if re.search(rf"\b{name}\.", text)]
    text = _IMPORT.sub("".join(f"import {name}\n" for name in needed), text)
    if left := re.search(r"\basyncio\b.*", text):
        raise ValueError(f"no blocking counterpart is known for: {left[0]}")
    return text


def _without(text: str, generic: str) -> str:
    """Replace every `generic[X]` by `X`, and drop its name from imports."""
    while (start := text.find(f"{generic}[")) >= 0:
        begin = end = start + len(generic) + 1
        depth = 1
        while depth:
            depth += {"[": 1, "]": -1}.get(text[end], 0)
            end += 1
        text = text[:start] + text[begin : end - 1] + text[end:]
    return re.sub(rf"\b{generic}, |, {generic}\b", "", text)


def twin_of(source: Path) -> Path:
    """Where the twin of `x_async.py` belongs: `x.py` beside it."""
    return source.with_name(source.name.removesuffix("_async.py") + ".py")


def generate(source: Path) -> str:
    """The formatted text of a source file's twin."""
    text = HEADER.format(source=source.name) + to_sync(source.read_text("utf-8"))
    for command in (["check", "--quiet", "--select", "I,F401", "--fix-only"], ["format", "--quiet"]):
        name = ["--stdin-filename", str(twin_of(source)), "-"]
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *name], input=text, capture_output=True, text=True, cwd=ROOT
        )
        if done.returncode:
            raise ValueError(f"{source}: {done.stderr.strip()}")
        text = done.stdout
    return text


def main(arguments: list[str] | None = None) -> int:
    """Write or check every twin; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a twin differs")
    parser.add_argument("sources", nargs="*", type=Path, help="x_async.py files; all of src/memreg when none is given")
    options = parser.parse_args(arguments)
    differs = 0
    for source in options.sources or sorted((ROOT / "src" / "memreg").rglob("*_async.py")):
        twin = twin_of(source)
        text = generate(source.resolve())
        if twin.exists() and twin.read_text("utf-8") == text:
            continue
        differs += 1
        if options.check:
            print(f"{twin} differs from what {source} gives: run python scripts/generate_sync.py", file=sys.stderr)
        else:
            twin.write_text(text, "utf-8")
            print(f"wrote {twin}")
    return 1 if options.check and differs else 0


if __name__ == "__main__":
    sys.exit(main())
