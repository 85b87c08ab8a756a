"""How identity keys fared, printed beside an annotation: a table for people, fields for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memreg.cli.output import Col, print_table, say

if TYPE_CHECKING:
    from memreg.operations.key_precision import KeyPrecision


def print_precision(precision: Sequence[KeyPrecision]) -> None:
    """How every key fared, as a table; nothing where no class has a key."""
    columns = (
        Col("key", keep=True),
        Col("strength", keep=True),
        Col("answers", right=True),
        Col("contradicted", right=True),
        Col("observed precision (95 %)"),
    )
    rows = [
        (f"{each.class_name}.{each.key.name}", each.key.strength, *_counts(each), _observed(each)) for each in precision
    ]
    if rows:
        print_table(columns, rows)
    if any(each.answers for each in precision):
        from memreg.operations.key_precision import NEWEST

        where = "every tenant" if precision[0].tenant is None else f"tenant {precision[0].tenant}"
        say(f"Observed by memreg's own evidence in {where}, of each class the newest {NEWEST:,} decisions by identity.")


def _counts(each: KeyPrecision) -> tuple[str, str]:
    if not each.answers:
        return "0", ""
    parts = (("by the text", each.by_text), ("by another key", each.by_keys))
    told = ", ".join(f"{count:,} {name}" for name, count in parts if count)
    return f"{each.answers:,}", told or "0"


def _observed(each: KeyPrecision) -> str:
    if each.precision is None or each.interval is None:
        before = each.before
        return "never answered yet" + (f"; {before.schema}@{before.version}: {_observed(before)}" if before else "")
    mark = ", contradicts too often" if each.contradicts_too_often else ""
    return f"{each.precision:.3f} ({each.interval.low:.3f} to {each.interval.high:.3f}){mark}"


def observed_data(each: KeyPrecision) -> dict[str, Any]:
    """How a key fared, for machines."""
    interval = each.interval
    return {
        "version": each.version,
        "tenant": each.tenant,
        "answers": each.answers,
        "contradictions": each.contradictions,
        "by_text": each.by_text,
        "by_keys": each.by_keys,
        "conflicts": each.conflicts,
        "precision": each.precision,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "expected": each.expected,
        "contradicts_too_often": each.contradicts_too_often,
        "warning": each.warning,
        "before": observed_data(each.before) if each.before else None,
    }
