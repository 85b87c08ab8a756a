"""Memories as instances of the Pydantic class that somebody asks for, which may be older than the version in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

from pydantic import AliasChoices, AliasPath, BaseModel, ValidationError
from pydantic.fields import FieldInfo

from memreg.core.errors import ArgumentInvalid
from memreg.core.steps import Steps
from memreg.engine.model import Payload, Referred, Stored
from memreg.engine.referred import with_references
from memreg.registry.models import ClassSpec, SchemaVersion
from memreg.registry.views.readings import class_now, columns_now, specs

DEPTH = 8
"""How far references are followed into classes nested in classes."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A Pydantic class that memories are wanted as, the class of the version that it is now, and the names that columns
    had where the Pydantic class was registered, with those they have now."""

    model: type[BaseModel]
    class_name: str
    columns: Mapping[str, str]


def wanted_class(model: type[BaseModel], version: SchemaVersion) -> Wanted | None:
    """The class of the version that was registered from a Pydantic class, now or in an earlier version; else the one
    of its name. None where there is none, or where it is gone."""
    reference = f"{model.__module__}:{model.__qualname__}"
    known = sorted(specs(version).items(), reverse=True)
    for number, spec in known:
        for name, registered in spec.models.items():
            if registered == reference and name in spec.by_name:
                return _now(model, version, name, number)
    for number, spec in known:
        if model.__name__ in spec.by_name:
            return _now(model, version, model.__name__, number)
    return None


def _now(model: type[BaseModel], version: SchemaVersion, name: str, number: int) -> Wanted | None:
    now = class_now(version, name, number)
    if now is None:
        return None
    renamed = {old: new for old, new in columns_now(version, name, number).items() if old != new}
    return Wanted(model, now, renamed)


LookUp = Callable[[str, SchemaVersion, Sequence[Stored[Payload]]], Steps[list[Stored[Payload]]]]
"""Finds what memories refer to: as it is now, or as it was at a time."""


def typed(
    tenant: str,
    version: SchemaVersion,
    memories: Sequence[Stored[Payload]],
    model: type[BaseModel] | None,
    look_up: LookUp = with_references,
) -> Steps[list[Stored[Any]]]:
    """The memories with instances of a Pydantic class as their values (None: as they are). A field whose type is such a
    class gets what its reference leads to. Raises ArgumentInvalid where a memory does not fit, without its values."""
    wanted = None if model is None else wanted_class(model, version)
    if wanted is None:
        return list(memories)
    followed = (yield from _follow(tenant, version, memories, wanted.model, look_up)) if _nested(wanted.model) else {}
    spec = version.spec.by_name.get(wanted.class_name)
    found: list[Stored[Any]] = []
    for memory in memories:
        untyped: Stored[Any] = memory
        values = _fields(_renamed(memory.values, wanted), wanted.model, spec, version, followed, memory.references, ())
        found.append(replace(untyped, values=_validated(memory, values, wanted.model)))
    return found


Followed = Mapping[UUID, Mapping[str, tuple[Referred, ...]]]


def _follow(
    tenant: str,
    version: SchemaVersion,
    memories: Sequence[Stored[Payload]],
    model: type[BaseModel],
    look_up: LookUp,
) -> Steps[Followed]:
    """What the memories refer to that memories refer to, as far as the Pydantic classes are nested."""
    found: dict[UUID, Mapping[str, tuple[Referred, ...]]] = {}
    pairs = [(memory.references, model) for memory in memories]
    for _ in range(DEPTH):
        next_ones: dict[UUID, tuple[Stored[Payload], type[BaseModel]]] = {}
        for references, owner in pairs:
            for name, inner in _nested(owner).items():
                for each in references.get(name, ()):
                    if _nested(inner) and each.id not in found and not each.is_gone:
                        next_ones[each.id] = (_as_stored(each, memories[0]), inner)
        if not next_ones:
            break
        stored = yield from look_up(tenant, version, [memory for memory, _ in next_ones.values()])
        found.update({memory.id: memory.references for memory in stored})
        pairs = [(memory.references, next_ones[memory.id][1]) for memory in stored]
    return found


def _as_stored(referred: Referred, like: Stored[Payload]) -> Stored[Payload]:
    return replace(like, id=referred.id, class_name=referred.class_name, values=referred.values, references={})


def _renamed(values: Payload, wanted: Wanted | None) -> Payload:
    """The values under the names that the Pydantic class knows: those of its fields, where columns were renamed."""
    if wanted is None or not wanted.columns:
        return values
    fields = wanted.model.model_fields
    back = {new: old for old, new in wanted.columns.items() if old in fields and new not in fields}
    return {back.get(name, name): value for name, value in values.items()}


def _fields(
    values: Payload,
    model: type[BaseModel],
    spec: ClassSpec | None,
    version: SchemaVersion,
    followed: Followed,
    references: Mapping[str, tuple[Referred, ...]],
    above: tuple[UUID, ...],
) -> dict[str, Any]:
    """What the model is made of: without columns that a strict model would refuse, with what references lead to, with
    the schema's defaults, and null where a field takes null and the memory says nothing."""
    names = _input_names(model)
    strict = model.model_config.get("extra") == "forbid"
    found: dict[str, Any] = {name: value for name, value in values.items() if not strict or name in names}
    for name, inner in _nested(model).items():
        led = [
            _fields(
                _renamed(each.values, wanted_class(inner, version)),
                inner,
                version.spec.by_name.get(each.class_name),
                version,
                followed,
                followed.get(each.id, {}),
                (*above, each.id),
            )
            for each in references.get(name, ())
            if not each.is_gone and each.id not in above and len(above) < DEPTH
        ]
        if name in found:
            is_list = isinstance(found.pop(name), list)
            if led:
                found[name] = led if is_list else led[0]
    for name, field in model.model_fields.items():
        if not field.is_required() or any(each in found for each in _names_of(name, field)):
            continue
        column = spec.by_name.get(name) if spec is not None else None
        if column is not None and column.default is not None:
            found[name] = list(column.default) if isinstance(column.default, tuple) else column.default
        elif type(None) in _members(field.annotation):
            found[name] = None
        elif column is not None and column.dtype.is_list:
            found[name] = []  # a memory has no empty lists
    return found


def _validated(memory: Stored[Payload], values: dict[str, Any], model: type[BaseModel]) -> BaseModel:
    try:
        return model.model_validate(values, by_alias=True, by_name=True)
    except ValidationError as exc:
        problems = exc.errors(include_url=False, include_context=False, include_input=False)
        fields = dict.fromkeys(".".join(map(str, problem["loc"])) or "the whole" for problem in problems)
        reason = f"memory {memory.id} does not fit it ({', '.join(fields)}); name the class as text to get plain values"
        # Without the cause, which would quote the values.
        raise ArgumentInvalid(name="class_name", value=model.__name__, reason=reason) from None


# What a model's fields are


def _nested(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The fields whose values are instances of another Pydantic class, or lists of such."""
    found = {}
    for name, field in model.model_fields.items():
        inner = next((each for each in _members(field.annotation) if _is_model(each)), None)
        if inner is not None:
            found[name] = inner
    return found


def _members(annotation: Any) -> Iterator[Any]:
    """The types that an annotation is made of: of `list[Office] | None` list[Office], Office and None's."""
    yield annotation
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for each in get_args(annotation):
            yield from _members(each)
    elif get_origin(annotation) in (list, tuple, set, frozenset):
        yield from (each for arg in get_args(annotation) for each in _members(arg) if each is not type(None))


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _input_names(model: type[BaseModel]) -> set[str]:
    return {each for name, field in model.model_fields.items() for each in _names_of(name, field)}


def _names_of(name: str, field: FieldInfo) -> Iterator[str]:
    """The keys under which a field takes its value."""
    yield name
    alias = field.validation_alias or field.alias
    for each in alias.choices if isinstance(alias, AliasChoices) else [alias]:
        if isinstance(each, str):
            yield each
        elif isinstance(each, AliasPath) and isinstance(each.path[0], str):
            yield each.path[0]
