"""What registering a schema would come to, without doing it: what differs, the verdict, and what a backfill would
touch."""

from __future__ import annotations

from dataclasses import dataclass, field

from memreg.core.steps import Steps, fetch_rows
from memreg.operations.backfill.plan import Plan, read_plan
from memreg.registry.comparison import mark
from memreg.registry.compatibility import Verdict
from memreg.registry.diff import Change, diff
from memreg.registry.fingerprint import fingerprint
from memreg.registry.judging import Judged, judged
from memreg.registry.lookup import SQL, base_of, get_record
from memreg.registry.models import SchemaSpec
from memreg.registry.reading import Side


@dataclass(frozen=True, slots=True)
class Preview:
    """What a schema would become: version `version`, based on `base` (None: the first one), or, where `is_registered`,
    what it is already. `plan`: what a backfill would do; None where it was not asked for, or no memory is there."""

    schema: str
    version: int
    base: int | None
    is_registered: bool
    fingerprint: str
    verdict: Verdict
    changes: tuple[Change, ...] = ()
    plan: Plan | None = field(default=None)

    @property
    def passes(self) -> bool:
        """Whether it is registered, or may be without force."""
        return self.is_registered or self.verdict.compatible


def read_preview(spec: SchemaSpec, *, with_plan: bool = True) -> Steps[Preview]:
    """The preview of a schema. Raises SchemaInvalid where a `from:` speaks of what its base does not have."""
    numbers = yield from fetch_rows(SQL["version_numbers"](name=spec.name))
    if numbers:
        newest = (yield from get_record(spec.name)).version
        if newest.fingerprint == fingerprint(spec):
            verdict = Verdict(spec.compatibility, True)
            return Preview(spec.name, newest.version, newest.base, True, mark(spec), verdict)
    number, base = (int(numbers[0]["version"]) + 1 if numbers else 1), base_of(numbers)
    found = yield from judged(spec, number, base)
    plan = (yield from read_plan(spec.name, spec)) if with_plan and numbers else None
    return Preview(
        schema=spec.name,
        version=number,
        base=base,
        is_registered=False,
        fingerprint=mark(spec),
        verdict=found.verdict,
        changes=_changes(spec, found),
        plan=plan if plan is not None and (plan.memories or plan.exempt) else None,
    )


def _changes(spec: SchemaSpec, found: Judged) -> tuple[Change, ...]:
    if found.base is None:
        return ()
    return diff(Side(found.base.spec, annotations=found.base.annotations), Side(spec))
