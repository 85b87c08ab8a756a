"""A schema as Pydantic source that type-checks, and that `memreg register module:CLASSES` reads to the same schema."""

from __future__ import annotations

import builtins
import inspect
import keyword
from collections.abc import Iterable, Mapping
from typing import Any

from memreg.registry.dump import schema_data
from memreg.registry.models import ClassSpec, Column, Kind, SchemaSpec

_WIDTH = 110
_MODULES = {
    "ClassVar": "typing", "Literal": "typing", "date": "datetime", "datetime": "datetime", "UUID": "uuid",
    "BaseModel": "pydantic", "ConfigDict": "pydantic", "Field": "pydantic",
}  # fmt: skip
_IN_ANNOTATIONS = frozenset({"str", "int", "float", "bool", "list"})
_BUILTINS = frozenset({*dir(builtins), "CLASSES", "annotations"})
_SCALARS = {
    Kind.STRING: "str", Kind.TEXT: "str", Kind.INTEGER: "int", Kind.NUMBER: "float", Kind.BOOLEAN: "bool",
    Kind.DATE: "date", Kind.DATETIME: "datetime",
}  # fmt: skip
_OWN_WORDS = ("pii", "normalize", "merge", "from", "on_delete", "default")


def python_source(spec: SchemaSpec) -> str:
    """The source of a module with a Pydantic class for each class, and `CLASSES`, all of them.

    It passes mypy --strict. A reference is the object itself or the id of its memory. A column whose name Python or
    Pydantic keeps for itself is a field of another name with the column's as alias.
    """
    writer = _Writer(spec)
    data = schema_data(spec)
    bodies = [writer.model(each, data["classes"][each.name], is_first=not i) for i, each in enumerate(spec.classes)]
    listed = "".join(f"    {writer.classes[each.name]},\n" for each in spec.classes)
    about = f'"""The classes of the schema {spec.name}; registered by memreg register MODULE:CLASSES."""'
    parts = [about, "from __future__ import annotations", writer.imports()]
    renamed = "".join(f"{ours}.__name__ = {_line(name)}\n" for name, ours in writer.classes.items() if name != ours)
    everything = f"{renamed}CLASSES: tuple[type[BaseModel], ...] = (\n{listed})\n"
    return "\n\n".join(parts) + "\n\n\n" + "\n\n\n".join(bodies) + f"\n\n\n{everything}"


class _Writer:
    def __init__(self, spec: SchemaSpec) -> None:
        self.spec = spec
        self.used: set[str] = {"BaseModel"}
        self.classes: dict[str, str] = {}
        """The name of each Python class: another than the class's where that already means something else."""
        for each in spec.classes:
            name = each.name
            while name in _MODULES or name in _BUILTINS or (name != each.name and name in spec.by_name):
                name = f"{name}_"
            self.classes[each.name] = name

    def imports(self) -> str:
        by_module: dict[str, list[str]] = {}
        for name in sorted(self.used, key=lambda each: (each.lower(), each)):
            by_module.setdefault(_MODULES[name], []).append(name)
        ours = f"from pydantic import {', '.join(by_module.pop('pydantic'))}"
        library = [f"from {module} import {', '.join(names)}" for module, names in sorted(by_module.items())]
        return "\n".join([*library, *([""] if library else []), ours])

    def name(self, name: str) -> str:
        """A name of a library, which is imported."""
        if name in _MODULES:
            self.used.add(name)
        return name

    def model(self, spec: ClassSpec, data: dict[str, Any], *, is_first: bool) -> str:
        lines = [f"class {self.classes[spec.name]}(BaseModel):"]
        extra = {key: value for key, value in data.items() if key not in ("description", "columns")}
        if spec.description:
            if _fits_docstring(spec.description):
                lines.append(f'    """{spec.description}"""\n')
            else:
                extra["description"] = spec.description
        fields = self._field_names(spec)
        aliased = any(field != column for column, field in fields.items())
        if aliased or extra:
            arguments = ["populate_by_name=True"] if aliased else []
            if extra:
                arguments.append(f"json_schema_extra={_literal({'memreg': extra}, 4)}")
            lines.append(f"    model_config = {self._call('ConfigDict', arguments, 4)}")
        if is_first:
            variable, text = self.name("ClassVar"), self.name("str")
            lines.append(f"    memreg_schema: {variable}[{text}] = {_line(self.spec.name)}")
            if self.spec.compatibility != "backward":
                lines.append(f"    memreg_compatibility: {variable}[{text}] = {_line(self.spec.compatibility)}")
        if len(lines) > 1:
            lines[-1] += "\n"
        lines.extend(self._field(each, fields[each.name], data["columns"][each.name]) for each in spec.columns)
        return "\n".join(lines).replace("\n\n\n", "\n\n")

    def _field_names(self, spec: ClassSpec) -> Mapping[str, str]:
        columns = {column.name for column in spec.columns}
        names: dict[str, str] = {}
        for column in columns:
            name = f"column_{column}" if column.startswith("model_") else column
            while self._is_kept(name) or (name != column and (name in columns or name in names.values())):
                name = f"{name}_"
            names[column] = name
        return names

    def _is_kept(self, name: str) -> bool:
        from pydantic import BaseModel

        return (
            keyword.iskeyword(name)
            or hasattr(BaseModel, name)
            or name in ("memreg_schema", "memreg_compatibility", "model_config")
            or name in _MODULES
            or name in self.classes.values()
            or name in _IN_ANNOTATIONS
        )

    def _field(self, column: Column, field: str, data: dict[str, Any]) -> str:
        annotation = self._annotation(column)
        extra = {key: data[key] for key in _OWN_WORDS if key in data}
        if column.dtype.kind is Kind.TEXT:
            extra["dtype"] = str(column.dtype)
        arguments: list[str] = []
        if column.default is not None:
            arguments.append(self._default(column))
            if column.required:
                extra["required"] = True
        elif not column.required:
            annotation = f"{annotation} | None"
            arguments.append("default=None")
        if field != column.name:
            arguments.append(f"alias={_line(column.name)}")
            extra["name"] = column.name
        if column.desc:
            if inspect.cleandoc(column.desc) == column.desc:
                arguments.append(f"description={_line(column.desc)}")
            else:
                extra["desc"] = column.desc
        if column.examples:
            extra["examples"] = data["examples"]
        if extra:
            arguments.append(f"json_schema_extra={_literal({'memreg': extra}, 8)}")
        if arguments == ["default=None"]:
            return f"    {field}: {annotation} = None"
        if not arguments:
            return f"    {field}: {annotation}"
        return f"    {field}: {annotation} = {self._call('Field', arguments, 4)}"

    def _annotation(self, column: Column) -> str:
        match column.dtype.kind:
            case Kind.ENUM:
                inner = f"{self.name('Literal')}[{', '.join(map(_line, column.values))}]"
            case Kind.REF:
                inner = f"{self.classes[column.dtype.target or '']} | {self.name('UUID')}"
            case kind:
                inner = self.name(_SCALARS[kind])
        return f"{self.name('list')}[{inner}]" if column.dtype.is_list else inner

    def _default(self, column: Column) -> str:
        if isinstance(column.default, tuple | list):
            items = ", ".join(self._value(column, item) for item in column.default)
            return f"default_factory=lambda: [{items}]"
        return f"default={self._value(column, column.default)}"

    def _value(self, column: Column, value: Any) -> str:
        if column.dtype.kind in (Kind.DATE, Kind.DATETIME):
            return f"{self.name(_SCALARS[column.dtype.kind])}.fromisoformat({_line(value)})"
        return _line(value)

    def _call(self, name: str, arguments: Iterable[str], indent: int) -> str:
        arguments = list(arguments)
        line = f"{self.name(name)}({', '.join(arguments)})"
        if len(line) <= _WIDTH - 30 and "\n" not in line:
            return line
        inside = "".join(f"{' ' * (indent + 4)}{each},\n" for each in arguments)
        return f"{self.name(name)}(\n{inside}{' ' * indent})"


def _fits_docstring(text: str) -> bool:
    """Whether Python gives the text back as it is from between three quotes."""
    return (
        inspect.cleandoc(text) == text
        and text.isprintable()
        and "\\" not in text
        and '"""' not in text
        and not text.endswith('"')
    )


def _literal(value: Any, indent: int = 0) -> str:
    """Plain data as Python source, with double quotes, over several lines where it is long."""
    line = _line(value)
    if len(line) <= _WIDTH - 40 or not isinstance(value, dict | list) or not value:
        return line
    pad, end = " " * (indent + 4), " " * indent
    if isinstance(value, dict):
        inside = "".join(f"{pad}{_line(key)}: {_literal(each, indent + 4)},\n" for key, each in value.items())
        return f"{{\n{inside}{end}}}"
    return "[\n" + "".join(f"{pad}{_literal(each, indent + 4)},\n" for each in value) + f"{end}]"


def _line(value: Any) -> str:
    if isinstance(value, str):
        return repr(value) if '"' in value or "'" in value or "\\" in repr(value) else f'"{value}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_line(key)}: {_line(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_line, value)) + "]"
    return repr(value)
