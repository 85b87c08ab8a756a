"""One column of a class, read from its mapping in a schema file."""

from __future__ import annotations

import re
from dataclasses import replace

from memreg.registry.models import Column, Dtype, Kind, Merge, Normalizer
from memreg.registry.names import class_name_problem
from memreg.registry.normalize import ValueRefused, normalize
from memreg.registry.normalizers import NORMALIZERS
from memreg.registry.parse_source import read_default, read_on_delete, read_source
from memreg.registry.reader import Reader, a, shown, suggest
from memreg.registry.yaml_tree import Branch, Fork, Leaf, Tree, plain

KEYS = (
    "dtype",
    "desc",
    "values",
    "required",
    "pii",
    "normalize",
    "merge",
    "examples",
    "from",
    "default",
    "on_delete",
)
DTYPES = tuple(str(kind) for kind in Kind if kind is not Kind.REF)

_LIST = re.compile(r"list\[\s*(.*?)\s*\]")
_REF = re.compile(r"ref\[\s*([^\[\]]*?)\s*\]")
_OTHER_NAMES = {
    "str": "string",
    "varchar": "string",
    "char": "string",
    "int": "integer",
    "bigint": "integer",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "numeric": "number",
    "real": "number",
    "bool": "boolean",
    "timestamp": "datetime",
    "time": "datetime",
    "literal": "enum",
    "choice": "enum",
    "email": "string with normalize: [email]",
    "phone": "string with normalize: [phone]",
    "url": "string with normalize: [url]",
    "list": '"list[string]"',
    "array": '"list[string]"',
    "json": "text",
    "object": "a class of its own, and ref[Class] here",
    "reference": "ref[Class]",
    "ref": "ref[Class]",
    "foreign key": "ref[Class]",
}
_STRINGS = frozenset({Kind.STRING, Kind.TEXT})
_ORDERED = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.DATE, Kind.DATETIME})


def read_column(reader: Reader, where: str, name: str, tree: Tree) -> Column | None:
    """The column of a name; None where its dtype cannot be known. Mistakes go to the reader."""
    if isinstance(tree, Leaf) and isinstance(tree.value, str):
        reader.wrong(tree, where, f"must be a mapping: write {{dtype: {tree.raw[:40]}}}")
        return None
    found = reader.keys(tree, where, KEYS, required=("dtype",))
    dtype = read_dtype(reader, where, found["dtype"]) if "dtype" in found else None
    desc = _text(reader, f"{where}.desc", found.get("desc"))
    required = _flag(reader, f"{where}.required", found.get("required"))
    pii = _flag(reader, f"{where}.pii", found.get("pii"))
    values = _values(reader, f"{where}.values", found["values"]) if "values" in found else ()
    if dtype is None:
        return None
    if dtype.kind is Kind.ENUM and "values" not in found:
        reader.wrong(tree, where, "an enum needs its values: write values: [first, second]")
    if dtype.kind is not Kind.ENUM and "values" in found:
        reader.wrong(
            found["values"], where, f"values belong to dtype enum, and this is {dtype}: remove them, or write enum"
        )
    column = Column(
        name=name,
        dtype=dtype,
        desc=desc,
        values=values if dtype.kind is Kind.ENUM else (),
        required=required,
        pii=pii,
        normalize=_normalizers(reader, f"{where}.normalize", found.get("normalize"), dtype),
        merge=_merge(reader, f"{where}.merge", found.get("merge"), dtype),
    )
    if dtype.kind is Kind.ENUM and not values:
        return column
    if "examples" in found:
        column = replace(column, examples=_examples(reader, f"{where}.examples", found["examples"], column))
    if "from" in found:
        column = replace(column, source=read_source(reader, f"{where}.from", found["from"], column))
    if "default" in found:
        column = replace(column, default=read_default(reader, f"{where}.default", found["default"], column))
    if "on_delete" in found:
        column = replace(column, on_delete=read_on_delete(reader, f"{where}.on_delete", found["on_delete"], column))
    return column


def read_dtype(reader: Reader, where: str, tree: Tree) -> Dtype | None:
    """A dtype as `string`, `ref[Class]`, `list[string]` or `list[ref[Class]]`; that there is such a class is not seen
    here."""
    choices = f"one of {', '.join(DTYPES)}, ref[Class], or list[...] of one of them"
    if not isinstance(tree, Leaf) or not isinstance(tree.value, str):
        advice = 'for a list write "list[string]", with quotes' if not isinstance(tree, Leaf) else f"write {choices}"
        reader.wrong(tree, where, f"the dtype is {a(tree)}; {advice}")
        return None
    inner = _LIST.fullmatch(tree.value)
    word = inner[1] if inner else tree.value
    if word in DTYPES:
        return Dtype(Kind(word), inner is not None)
    if (reference := _REF.fullmatch(word)) is not None:
        if problem := class_name_problem(reference[1]):
            reader.wrong(tree, where, f"the class of a reference: {problem}")
            return None
        return Dtype(Kind.REF, inner is not None, reference[1])
    other = _OTHER_NAMES.get(word.lower())
    hint = f"; did you mean {other}?" if other else suggest(word, DTYPES)
    reader.wrong(tree, where, f"unknown dtype {shown(tree.value)}{hint + ' Write' if hint else ': write'} {choices}")
    return None


def _text(reader: Reader, where: str, tree: Tree | None) -> str:
    return "" if tree is None else reader.text(tree, where) or ""


def _flag(reader: Reader, where: str, tree: Tree | None) -> bool:
    return False if tree is None else bool(reader.flag(tree, where))


def _values(reader: Reader, where: str, tree: Tree) -> tuple[str, ...]:
    items = reader.items(tree, where, "write values: [first, second]")
    found: dict[str, str] = {}
    for item in items:
        value = reader.text(item, where)
        if value is None:
            continue
        if not value.strip() or value != value.strip() or len(value) > 200:
            reader.wrong(item, where, f"{shown(value)} must be 1 to 200 characters without spaces around them")
        elif value.casefold() in found:
            same = found[value.casefold()]
            text = "is there twice" if same == value else f"and {shown(same)} are one value when case is ignored"
            reader.wrong(item, where, f"{shown(value)} {text}: keep one")
        else:
            found[value.casefold()] = value
    if isinstance(tree, Branch) and not items:
        reader.wrong(tree, where, "an enum needs at least one value: write values: [first, second]")
    return tuple(found.values())


def _merge(reader: Reader, where: str, tree: Tree | None, dtype: Dtype) -> Merge:
    default = Merge.UNION if dtype.is_list else Merge.REPLACE
    if tree is None:
        return default
    word = reader.choice(tree, where, tuple(str(merge) for merge in Merge))
    if word is None:
        return default
    merge = Merge(word)
    problem: str | None = None
    if merge is Merge.UNION and not dtype.is_list:
        problem = f"union is for lists, and this is {dtype}: write replace or keep, or make it list[{dtype.kind}]"
    elif merge is Merge.APPEND and not dtype.is_list and dtype.kind is not Kind.TEXT:
        problem = f"append is for lists and text, and this is {dtype}: write replace or keep, or make it text"
    elif merge in (Merge.MIN, Merge.MAX) and (dtype.is_list or dtype.kind not in _ORDERED):
        problem = f"{merge} is for single numbers, dates and datetimes, and this is {dtype}: write replace or keep"
    if problem:
        reader.wrong(tree, where, problem)
        return default
    return merge


def _normalizers(reader: Reader, where: str, tree: Tree | None, dtype: Dtype) -> tuple[Normalizer, ...]:
    if tree is None:
        return ()
    found: list[Normalizer] = []
    for item in reader.items(tree, where, "write normalize: [trim]"):
        normalizer = _normalizer(reader, where, item)
        if normalizer is None:
            continue
        if any(each.name == normalizer.name for each in found):
            reader.wrong(item, where, f"{normalizer.name} is there twice: keep one")
        elif dtype.kind not in _STRINGS:
            reader.wrong(item, where, f"{normalizer.name} is for strings and text, and this is {dtype}: remove it")
        elif dtype.kind is Kind.TEXT and normalizer.name in ("email", "phone", "url", "digits"):
            reader.wrong(item, where, f"{normalizer.name} is for strings, and this is {dtype}: write dtype string")
        else:
            found.append(normalizer)
    return tuple(found)


def _normalizer(reader: Reader, where: str, tree: Tree) -> Normalizer | None:
    if isinstance(tree, Fork) and len(tree.entries) == 1:
        key, region = tree.entries[0]
        if key.raw == "phone":
            return _phone(reader, where, region)
        if key.raw in NORMALIZERS:
            reader.wrong(key, where, f"{key.raw} takes nothing: write only {key.raw}")
            return None
    if isinstance(tree, Leaf) and tree.raw in NORMALIZERS:
        return Normalizer(tree.raw)
    hint = suggest(tree.raw, NORMALIZERS) if isinstance(tree, Leaf) else ""
    choices = ", ".join(NORMALIZERS)
    reader.wrong(tree, where, f"unknown normalizer {a(tree)}{hint}; known are {choices}, or {{phone: NO}} for a region")
    return None


def _phone(reader: Reader, where: str, tree: Tree) -> Normalizer | None:
    import phonenumbers

    # YAML 1.1 read NO as false; the word as written is what counts
    region = tree.raw.upper() if isinstance(tree, Leaf) else ""
    if region in phonenumbers.SUPPORTED_REGIONS:
        return Normalizer("phone", region)
    reader.wrong(tree, where, f"{a(tree)} is no region: write two letters of ISO 3166, as {{phone: NO}}")
    return None


def _examples(reader: Reader, where: str, tree: Tree, column: Column) -> tuple[object, ...]:
    advice = "write examples: [[a, b]], a list of lists" if column.dtype.is_list else "write examples: [a, b]"
    found: list[object] = []
    if column.dtype.kind is Kind.REF:
        reader.wrong(tree, where, "a reference has no examples: remove them")
        return ()
    for item in reader.items(tree, where, advice):
        try:
            value = normalize(column, plain(item)).value
        except ValueRefused as refusal:
            reader.wrong(item, where, f"not {_article(column.dtype)}: {refusal.reason}")
        else:
            found.append(tuple(value) if isinstance(value, list) else value)
    return tuple(found)


def _article(dtype: Dtype) -> str:
    text = str(dtype)
    return f"an {text}" if text[0] in "aeiou" else f"a {text}"
