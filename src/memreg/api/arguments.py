"""Arguments of public calls, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from memreg.core.errors import ArgumentInvalid
from memreg.engine.storable import storable_text
from memreg.registry.models import SchemaVersion

if TYPE_CHECKING:
    from pydantic import BaseModel


def as_uuid(name: str, value: UUID | str) -> UUID:
    """The id as a UUID. Raises ArgumentInvalid."""
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value)
    except (ValueError, AttributeError, TypeError):
        raise ArgumentInvalid(
            name=name, value=_shown(value), reason="it must be an id (a UUID) as memreg printed it"
        ) from None


def as_optional(name: str, value: str | None) -> str | None:
    """The text where there is one. Raises ArgumentInvalid as `as_text` does."""
    return None if value is None else as_text(name, value)


def as_text(name: str, value: str) -> str:
    """The text, where Postgres can take it. Raises ArgumentInvalid for NUL characters, lone surrogates and no text."""
    if storable_text(as_words(name, value)) != value:
        shown = ascii(value if len(value) <= 60 else value[:59] + "…")
        raise ArgumentInvalid(name=name, value=shown, reason="it holds NUL or half of a surrogate pair; remove it")
    return value


def as_words(name: str, value: str) -> str:
    """The text, whatever is in it. Raises ArgumentInvalid."""
    if not isinstance(value, str):
        raise ArgumentInvalid(name=name, value=_shown(value), reason=f"it is a {type(value).__name__}, not text")
    return value


def as_number(name: str, value: int | None) -> int | None:
    """The whole number where there is one. Raises ArgumentInvalid."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise ArgumentInvalid(name=name, value=_shown(value), reason="it must be a whole number")
    return value


def as_seconds(name: str, value: float) -> float:
    """The number of seconds (or of whatever `name` counts), 0 or more. Raises ArgumentInvalid."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ArgumentInvalid(name=name, value=_shown(value), reason="it must be a number, 0 or more")
    return float(value)


def who_and_why(by: str | None, why: str | None, *, needs_why: bool) -> tuple[str, str | None]:
    """Who wants something and the reason, both with something in them. Raises ArgumentInvalid."""
    for name, value, needed in (("by", by, True), ("why", why, needs_why)):
        if value is None and not needed:
            continue
        if value is None or not as_text(name, value).strip():
            reason = "say who wants it" if name == "by" else "say why; it is kept"
            raise ArgumentInvalid(name=name, value="missing" if value is None else "empty", reason=reason)
    assert by is not None
    return by, why


def class_of(wanted: type[BaseModel] | str | None, version: SchemaVersion) -> tuple[str | None, type[BaseModel] | None]:
    """The class's name, and the Pydantic class to give values as. Raises ArgumentInvalid for a class the schema lacks.

    A class of an earlier version may be asked for by its name, and by the Pydantic class that was registered then.
    """
    if wanted is None:
        return None, None
    if isinstance(wanted, str):
        return as_text("class_name", wanted), None
    from pydantic import BaseModel

    from memreg.api.typed import wanted_class

    if not (isinstance(wanted, type) and issubclass(wanted, BaseModel)):
        raise ArgumentInvalid(name="class_name", value=_shown(wanted), reason="it must be a name or a Pydantic class")
    found = wanted_class(wanted, version)
    if found is not None:
        return found.class_name, wanted
    raise ArgumentInvalid(name="class_name", value=wanted.__name__, reason=f"{version} has no class registered from it")


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:59] + "…"
