"""Pydantic classes to a schema: the types of their fields become dtypes, and `json_schema_extra` says the rest."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memreg.core.errors import Mistake, SchemaInvalid
from memreg.registry.models import SchemaSpec
from memreg.registry.names import snake_case
from memreg.registry.parse import CLASS_KEYS, COMPATIBILITY, read_schema
from memreg.registry.parse_column import KEYS as COLUMN_KEYS
from memreg.registry.pydantic_types import NoDtype, read_type
from memreg.registry.reader import Reader, suggest
from memreg.registry.yaml_tree import tree_of

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

EXTRA = "memreg"


def schema_of(*models: type[BaseModel], name: str | None = None) -> SchemaSpec:
    """The schema whose classes are the given Pydantic classes.

    Its name is `name`, else what a class has as `memreg_schema` (a ClassVar), else the one class's name in snake case.
    `Field(json_schema_extra={"memreg": {...}})` takes the keys of a column in a schema file; the same in `model_config`
    those of a class. A field whose type is another Pydantic class is a reference to it, and that class is taken along.
    Raises SchemaInvalid, naming every field that cannot be kept and what to write.
    """
    source = ", ".join(_reference(model) for model in models) or "without classes"
    mistakes: list[Mistake] = []
    classes: dict[str, Any] = {}
    found: list[type[BaseModel]] = []
    waiting = list(models)
    while waiting:
        model = waiting.pop(0)
        if model in found and model not in models:
            continue
        if model.__name__ in classes:
            mistakes.append(Mistake(f"{model.__name__}: two classes have this name: rename one"))
        found.append(model)
        nested: list[type[BaseModel]] = []
        classes[model.__name__] = _class(model, mistakes, nested)
        waiting.extend(each for each in nested if each not in found and each not in waiting)
    title = name or _schema_name(models, mistakes)
    reader = Reader()
    spec = read_schema(reader, tree_of({"schema": title, "classes": classes}))
    mistakes.extend(reader.ordered())
    if mistakes or spec is None:
        raise SchemaInvalid(source, tuple(mistakes))
    compatibility = next((mode for model in models if (mode := getattr(model, "memreg_compatibility", None))), None)
    if compatibility is not None and compatibility not in COMPATIBILITY:
        wrong = f"memreg_compatibility is {compatibility!r}: write one of {', '.join(COMPATIBILITY)}"
        raise SchemaInvalid(source, (Mistake(wrong),))
    return replace(
        spec,
        compatibility=compatibility or spec.compatibility,
        models={each.__name__: _reference(each) for each in found if _is_importable(each)},
    )


def load_reference(reference: str, *, name: str | None = None) -> SchemaSpec:
    """The schema of `module:Class`, or of `module:NAME` where NAME is a list or tuple of classes.

    The module is imported, the current folder first in the path: its code runs. Raises SchemaInvalid.
    """
    from pydantic import BaseModel

    module_name, _, path = reference.partition(":")
    if not module_name or not path:
        raise _refused(reference, "write it as module:Class")
    if (here := str(Path.cwd())) not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:  # whatever the user's module raises while it is imported
        raise _refused(reference, f"the module {module_name} cannot be imported: {error!r}") from error
    for part in path.split("."):
        if not hasattr(found, part):
            hint = suggest(part, [each for each in dir(found) if not each.startswith("_")])
            raise _refused(reference, f"{module_name} has no {part}{hint}")
        found = getattr(found, part)
    models = tuple(found) if isinstance(found, list | tuple) else (found,)
    for model in models:
        if not (inspect.isclass(model) and issubclass(model, BaseModel)):
            raise _refused(reference, f"{model!r} is no Pydantic class: name a subclass of BaseModel or a list of them")
    return schema_of(*models, name=name)


def _class(model: type[BaseModel], mistakes: list[Mistake], nested: list[type[BaseModel]]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    try:
        model.model_rebuild()
    except Exception as error:  # whatever evaluating an annotation of the user's raises
        mistakes.append(Mistake(f"{model.__name__}: its annotations cannot be read: {error}"))
    if description := inspect.cleandoc(model.__dict__.get("__doc__") or ""):
        data["description"] = description
    columns: dict[str, Any] = {}
    data["columns"] = columns
    for name, field in model.model_fields.items():
        column = _column(f"{model.__name__}.{name}", field, mistakes, nested)
        if column is not None:
            columns[str(_extra(field.json_schema_extra).get("name", name))] = column
    extra = _extra(model.model_config.get("json_schema_extra"))
    known = [key for key in CLASS_KEYS if key != "columns"]
    _check_keys(model.__name__, extra, known, mistakes)
    data.update({key: value for key, value in extra.items() if key in known})
    if not columns and model.model_fields:
        # Every field has a mistake of its own; that the class is left without columns would be told besides.
        data["columns"] = {name: {"dtype": "string"} for name in model.model_fields}
    return data


def _column(
    where: str, field: FieldInfo, mistakes: list[Mistake], nested: list[type[BaseModel]]
) -> dict[str, Any] | None:
    extra = _extra(field.json_schema_extra)
    _check_keys(where, extra, (*COLUMN_KEYS, "name"), mistakes)
    data: dict[str, Any] = {}
    try:
        found = read_type(field.annotation)
    except NoDtype as problem:
        if "dtype" not in extra:
            mistakes.append(Mistake(f"{where}: {problem}"))
            return None
        data["required"] = field.is_required()
    else:
        data["dtype"] = found.dtype
        if found.model is not None and "dtype" not in extra:
            nested.append(found.model)
        data["required"] = field.is_required() and not found.optional
        if found.values:
            data["values"] = list(found.values)
        if found.normalize:
            data["normalize"] = list(found.normalize)
    if field.description:
        data["desc"] = inspect.cleandoc(field.description)
    if field.examples:
        data["examples"] = list(field.examples)
    return data | {key: value for key, value in extra.items() if key in COLUMN_KEYS}


def _extra(holder: object) -> dict[str, Any]:
    found = holder.get(EXTRA) if isinstance(holder, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


def _check_keys(
    where: str, extra: Mapping[str, Any], known: list[str] | tuple[str, ...], mistakes: list[Mistake]
) -> None:
    for key in extra:
        if key not in known:
            hint = f"{suggest(str(key), known)} Known" if suggest(str(key), known) else "; known"
            mistakes.append(Mistake(f"{where}: unknown key {key!r} under {EXTRA!r}{hint} are {', '.join(known)}"))


def _schema_name(models: tuple[type[BaseModel], ...], mistakes: list[Mistake]) -> str:
    declared = {str(getattr(model, "memreg_schema", "") or "") for model in models} - {""}
    if len(declared) == 1:
        return declared.pop()
    if len(declared) > 1:
        names = ", ".join(sorted(declared))
        mistakes.append(Mistake(f"the classes name different schemas ({names}): give all the same memreg_schema"))
    elif len(models) == 1:
        return snake_case(models[0].__name__)
    else:
        mistakes.append(
            Mistake('the schema has no name: write memreg_schema: ClassVar[str] = "name" in one of its classes')
        )
    return "unnamed"


def _reference(model: type[BaseModel]) -> str:
    return f"{model.__module__}:{model.__qualname__}"


def _is_importable(model: type[BaseModel]) -> bool:
    return "<locals>" not in model.__qualname__ and model.__module__ != "__main__"


def _refused(reference: str, text: str) -> SchemaInvalid:
    return SchemaInvalid(reference, (Mistake(text),))
