"""Two versions of a schema beside each other: what differs, and what each can read of the other. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from memreg.core.errors import ArgumentInvalid, FileChanged
from memreg.registry.carried import carried
from memreg.registry.compatibility import Reason, can_read, path_from
from memreg.registry.diff import Change, diff
from memreg.registry.fingerprint import fingerprint
from memreg.registry.models import SchemaSpec, SchemaVersion
from memreg.registry.reading import Side
from memreg.registry.traced import traced

_SHOWN = 16
_MARK = re.compile(r"([0-9a-f]{8,64})(?:\.([a-z_]+))?")


@dataclass(frozen=True, slots=True)
class Comparison:
    """From `before` to `after`: the changes, the reasons of reading the older by the newer (`backward`) and the other
    way (`forward`), the mode of the newer, and by what to register just that (`fingerprint`)."""

    before: str
    after: str
    changes: tuple[Change, ...]
    backward: tuple[Reason, ...]
    forward: tuple[Reason, ...]
    mode: str
    fingerprint: str

    @property
    def is_backward(self) -> bool:
        """Whether the newer one reads all that the older one wrote."""
        return not any(reason.breaks for reason in self.backward)

    @property
    def is_forward(self) -> bool:
        """Whether the older one reads all that the newer one writes."""
        return not any(reason.breaks for reason in self.forward)


def compare(before: Side, after: Side, between: Sequence[SchemaSpec] = ()) -> Comparison:
    """The comparison of an older version and a newer one; a side's name is what it is called.

    `between`: the versions from one to the other, the oldest first; what they renamed and made is what the newer one
    renamed and made, and through them it reads.
    """
    written, known = before, after
    if between:
        spec, annotations = carried(before.spec, before.annotations, between, after.spec)
        written = Side(spec, before.name, annotations)
        known = replace(after, spec=traced(before.spec, between, after.spec))
    return Comparison(
        before=before.name,
        after=after.name,
        changes=diff(before, known),
        backward=can_read(after, written, "reader"),
        forward=can_read(before, after, "writer"),
        mode=after.spec.compatibility,
        fingerprint=mark(after.spec),
    )


def between(first: int, last: SchemaVersion) -> list[SchemaSpec]:
    """The versions between one and a later one of the same schema, the oldest first."""
    if last.lineage is None or first >= last.version:
        return []
    return path_from({each.version: each for each in last.lineage.earlier}, first, last.base)


def mark(spec: SchemaSpec) -> str:
    """By what a schema is known again: the first half of its fingerprint, and its mode, which is no part of that."""
    return f"{fingerprint(spec)[:_SHOWN]}.{spec.compatibility}"


def check_mark(spec: SchemaSpec, expected: str, source: str) -> None:
    """Refuse a schema that is not the one that was looked at. `expected`: a mark, a fingerprint, or its beginning.

    Raises FileChanged, ArgumentInvalid.
    """
    found = _MARK.fullmatch(expected.strip().lower())
    if found is None:
        reason = "give the fingerprint that `memreg diff` printed, 8 to 64 hexadecimal digits"
        raise ArgumentInvalid(name="fingerprint", value=repr(expected[:80]), reason=reason)
    digits, mode = found.groups()
    if not fingerprint(spec).startswith(digits) or mode not in (None, spec.compatibility):
        raise FileChanged(source=source, expected=expected.strip(), found=mark(spec))
