"""The cases of `fixtures/evolution/compatibility.yaml`: two versions of a schema, and what every rule says of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memreg.registry.compatibility import Reason, can_read
from memreg.registry.models import SchemaSpec
from memreg.registry.parse import parse_schema
from memreg.registry.reading import Side

CASES = Path(__file__).parents[1] / "fixtures" / "evolution" / "compatibility.yaml"


@dataclass(frozen=True)
class Case:
    """A change from `before` to `after`, the rule that it is about, and what is said of it, as `! Thing.note added`."""

    rule: str
    name: str
    before: SchemaSpec
    after: SchemaSpec
    backward: tuple[str, ...]
    forward: tuple[str, ...]

    def found(self) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
        """The reasons of reading the earlier by the later, and the later by the earlier."""
        before, after = Side(self.before, "version 1"), Side(self.after)
        return can_read(after, before, "reader"), can_read(before, after, "writer")

    @property
    def is_told(self) -> bool:
        """Whether its rule says something of it; a case may also show where a rule is silent."""
        backward, forward = self.found()
        return self.rule in {reason.rule for reason in (*backward, *forward)}

    def problems(self) -> list[str]:
        """How what is said differs from what should be, one line each."""
        lines = []
        backward, forward = self.found()
        for name, wanted, reasons in (("backward", self.backward, backward), ("forward", self.forward, forward)):
            said = shown(reasons)
            if said != list(wanted):
                lines.append(f"{self.name}, {name}: {said}, not {list(wanted)}")
        return lines


def read_cases(path: Path = CASES) -> tuple[Case, ...]:
    """Every case of the file, in order."""
    from ruamel.yaml import YAML

    return tuple(
        Case(
            rule=entry["rule"],
            name=entry["case"],
            before=_schema(entry["before"]),
            after=_schema(entry["after"]),
            backward=tuple(entry["backward"]),
            forward=tuple(entry["forward"]),
        )
        for entry in YAML(typ="safe").load(path)
    )


def shown(reasons: Iterable[Reason]) -> list[str]:
    """Each reason as the file writes it."""
    return [f"{'! ' if reason.breaks else ''}{reason.where} {reason.kind}" for reason in reasons]


def _schema(data: Mapping[str, Any]) -> SchemaSpec:
    classes = data.get("classes", {"Thing": {"columns": data}})
    return parse_schema(json.dumps({"schema": "cases", "classes": classes}), "a case")  # JSON is YAML
