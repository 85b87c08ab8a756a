"""A payload from an older version of its class to a newer one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from memreg.engine.model import Payload
from memreg.registry.models import ClassSpec
from memreg.registry.normalize import ValueRefused, normalize

SHOWN = 80


@dataclass(frozen=True, slots=True)
class Upcast:
    """The payload in the form of the newer version; or, where a value does not fit it, the `refusal`."""

    payload: Payload = field(default_factory=dict)
    originals: dict[str, Any] = field(default_factory=dict)
    refusal: str | None = None


def upcast(payload: Mapping[str, Any], originals: Mapping[str, Any], spec: ClassSpec) -> Upcast:
    """Normalise every value for its column as it is now; columns that the class no longer has are left out.

    Normalising a value that fits already changes nothing, so this does the same twice. A required column without a
    value is no refusal: the memory exists.
    """
    columns = spec.by_name
    values: Payload = {}
    for name, value in payload.items():
        if name not in columns or value is None:
            continue
        try:
            values[name] = normalize(columns[name], value).value
        except ValueRefused as refused:
            shown = "(a personal value)" if columns[name].pii else _shown(value)
            return Upcast(refusal=f"{spec.name}.{name} = {shown}: {refused}")
    return Upcast(values, {name: text for name, text in originals.items() if name in values})


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
