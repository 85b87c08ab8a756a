"""The verdict on the next version of a schema, from what is registered: as a plan, and as data to keep and to tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from memreg.core.errors import SchemaIncompatible, SchemaInvalid
from memreg.core.steps import Row, Steps, fetch_rows
from memreg.registry.compatibility import Reason, Verdict, judge, line
from memreg.registry.fingerprint import annotation_from, spec_from
from memreg.registry.lineage import Ancestor
from memreg.registry.lookup import SQL
from memreg.registry.models import SchemaSpec
from memreg.registry.sources import check_sources

_MOST_REASONS = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on a schema, and the version that it would be based on (None: it is the first one)."""

    verdict: Verdict
    base: Ancestor | None = None


def judged(spec: SchemaSpec, number: int, base: int | None) -> Steps[Judged]:
    """The verdict on a schema that is to become version `number`, based on version `base`.

    Raises SchemaInvalid where its `from:` do not speak of what the base has.
    """
    rows = yield from fetch_rows(SQL["earlier_versions"](name=spec.name, version=number))
    earlier = {int(row["version"]): _ancestor(row) for row in rows}
    found = earlier.get(base) if base is not None else None
    mistakes = check_sources(spec, found.spec if found else None)
    if mistakes:
        raise SchemaInvalid(spec.name, mistakes)
    in_force = {int(row["version"]) for row in rows if row["was_in_force"]}
    return Judged(judge(spec, tuple(earlier.values()), base, in_force), found)


def check_verdict(spec: SchemaSpec, verdict: Verdict) -> None:
    """Raises SchemaIncompatible, with the first reasons in its sentence and all of them in `verdict`."""
    if not verdict.compatible:
        raise SchemaIncompatible(
            name=spec.name,
            mode=verdict.mode.replace("_", " "),
            base=" and ".join(
                map(str, sorted({each.against for each in verdict.breaking if each.against is not None}))
            ),
            reasons=sentence(verdict.breaking),
            verdict=verdict,
        )


def sentence(reasons: Iterable[Reason]) -> str:
    """The first of some reasons in a row."""
    texts = [line(reason) for reason in reasons]
    more = f"; and {len(texts) - _MOST_REASONS} more" if len(texts) > _MOST_REASONS else ""
    return "; ".join(texts[:_MOST_REASONS]) + more


def verdict_data(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON-able data."""
    return {
        "mode": verdict.mode,
        "compatible": verdict.compatible,
        "against": list(verdict.against),
        "reasons": [asdict(reason) for reason in verdict.reasons],
    }


def verdict_from(data: dict[str, Any]) -> Verdict:
    """The verdict that `verdict_data` made the data from."""
    reasons = tuple(Reason(**reason) for reason in data["reasons"])
    return Verdict(data["mode"], data["compatible"], reasons, tuple(data["against"]))


def _ancestor(row: Row) -> Ancestor:
    annotations = {name: annotation_from(each) for name, each in (row["classes"] or {}).items()}
    spec = spec_from(row["definition"], row["models"])
    return Ancestor(spec, int(row["version"]), row["base"], row["restores"], annotations)
