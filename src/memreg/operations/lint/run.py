"""Linting a schema file: its mistakes, what the rules find, and the file with what can be fixed without asking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from memreg.core.errors import SchemaInvalid
from memreg.operations.lint.edit import apply
from memreg.operations.lint.finding import Finding, Sight
from memreg.operations.lint.rules import INVALID, RULES
from memreg.registry.models import SchemaSpec
from memreg.registry.parse import parse_schema, read_bytes
from memreg.registry.yaml_tree import load_tree

_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Linted:
    """What lint found in a file, by place. `fixed`: how many findings are gone because the file was changed."""

    source: str
    findings: tuple[Finding, ...]
    fixed: int = 0

    def count(self, severity: str) -> int:
        """How many findings there are of a severity."""
        return sum(each.severity == severity for each in self.findings)


def lint_text(text: str | bytes, source: str, *, base: SchemaSpec | None = None, ignored: Iterable[str] = ()) -> Linted:
    """What is found in a schema's YAML. `base`: the schema that it is to follow. `ignored`: codes to leave out."""
    try:
        spec = parse_schema(text, source)
    except SchemaInvalid as error:
        found = [Finding(INVALID, "error", "", each.text, each.line, each.column) for each in error.mistakes]
        return Linted(source, tuple(found))
    sight = Sight(spec, load_tree(text)[0], base)
    left_out = set(ignored)
    findings = [each for rule in RULES if rule.code not in left_out for each in rule.findings(sight)]
    findings.sort(key=lambda each: (each.line, each.column))
    return Linted(source, tuple(findings))


def lint_file(path: Path, *, fix: bool = False, base: SchemaSpec | None = None, ignored: Iterable[str] = ()) -> Linted:
    """What is found in a schema file; with `fix`, what is safe to fix is written first, and all else stays as it was.

    Raises SchemaInvalid where the file cannot be read, OSError where it cannot be written.
    """
    raw = read_bytes(path, SchemaInvalid)
    left_out = tuple(ignored)
    before = lint_text(raw, str(path), base=base, ignored=left_out)
    if not fix or not any(each.edit for each in before.findings):
        return before
    text = raw.decode("utf-8")
    fixed, after = fixed_text(text, before, base=base, ignored=left_out)
    if fixed != text:
        path.write_bytes(fixed.encode("utf-8"))
    return Linted(str(path), after.findings, len(before.findings) - len(after.findings))


def fixed_text(
    text: str, found: Linted, *, base: SchemaSpec | None = None, ignored: Iterable[str] = ()
) -> tuple[str, Linted]:
    """The text with every safe change made, and what is found in it then."""
    left_out = tuple(ignored)
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    for _ in range(_ROUNDS):
        edits = [each.edit for each in found.findings if each.edit is not None]
        changed = apply(text, edits)
        after = lint_text(changed, found.source, base=base, ignored=left_out)
        if changed == text or any(each.code == INVALID for each in after.findings):
            break
        text, found = changed, after
    return mark + text, found
