"""Rules about columns."""

from __future__ import annotations

from collections.abc import Iterable

from memreg.annotator.keys import PHONES
from memreg.annotator.words import head, vocabulary, words
from memreg.operations.lint.finding import Edit, Found, Sight, columns, rule
from memreg.registry.models import Column, Kind, SchemaSpec
from memreg.registry.names import SQL_RESERVED, snake_case
from memreg.registry.views.names import OWN, column_names

_EMAILS = vocabulary("email mail")
_PERSONAL = _EMAILS | PHONES | vocabulary("iban ssn nin nif dni bsn passport password passwd salary")
_PERSONAL_FORMS = frozenset({"email", "phone"})
_TEXTS = frozenset({Kind.STRING, Kind.TEXT})


@rule("warning")
def column_without_description(sight: Sight) -> Iterable[Found]:
    """A column without a description. The model that reads messages has only its name to tell what belongs in it."""
    for spec, column, path in columns(sight):
        if not column.desc.strip():
            yield f"{spec.name}.{column.name}", path, "has no desc: say in a few words what belongs in it", None


@rule("note")
def description_is_the_name(sight: Sight) -> Iterable[Found]:
    """A description that only repeats the name. It tells the model nothing more."""
    for spec, column, path in columns(sight):
        said = [word.lower() for word in words(column.desc)]
        if said and set(said) <= {*words(column.name), "the", "a", "of", *words(spec.name)}:
            text = f"its desc says no more than its name ({column.desc}): say what belongs in it, or how it is written"
            yield f"{spec.name}.{column.name}", (*path, "desc"), text, None


@rule("warning")
def enum_of_one_value(sight: Sight) -> Iterable[Found]:
    """An enum with one value. Every memory that has it has the same, so it tells nothing."""
    for spec, column, path in columns(sight):
        if column.dtype.kind is Kind.ENUM and len(column.values) == 1:
            text = f"has only the value {column.values[0]}: add the others, or make it a boolean"
            yield f"{spec.name}.{column.name}", (*path, "values"), text, None


@rule("warning", fixes=True)
def personal_without_pii(sight: Sight) -> Iterable[Found]:
    """A column that looks personal, by its name or because it is normalised as an e-mail address or a phone number, and
    is not marked `pii`. Its values may be logged and shown to an annotating model."""
    for spec, column, path in columns(sight):
        if not column.pii and _is_personal(column):
            text = "looks personal and is not marked: write pii: true, so that no log has its values"
            yield f"{spec.name}.{column.name}", path, text, Edit(path, "pii", "true")


@rule("warning", fixes=True)
def key_not_normalized(sight: Sight) -> Iterable[Found]:
    """A text column of an identity key without `normalize`. Two ways of writing one value are two objects then. With
    --against, --fix leaves a key of the older schema as it is: another normalizer makes another key of it."""
    for spec, column, path in columns(sight):
        is_new = sight.base is None or column.name not in _columns_of(sight.base, spec.name)
        keys = sight.annotations[spec.name].identity_columns
        if column.name not in keys or column.dtype.kind is not Kind.STRING or column.normalize:
            continue
        where = f"{spec.name}.{column.name}"
        last = head(words(column.name))[1]
        if last in _EMAILS:
            text = "identifies, and is compared as it was written: write normalize: [email]"
            yield where, path, text, Edit(path, "normalize", "[email]") if is_new else None
        elif last in PHONES:
            text = (
                "identifies, and is compared as it was written: write normalize: [phone], or {phone: NO} for a region"
            )
            yield where, path, text, None
        else:
            text = "identifies, and is compared as it was written: write normalize: [trim, collapse], or casefold too"
            yield where, path, text, Edit(path, "normalize", "[trim, collapse]") if is_new else None


@rule("warning")
def long_text_searched(sight: Sight) -> Iterable[Found]:
    """A searchable column of dtype `text` with a boost above 1. Long texts share words by chance, and outweigh the
    name."""
    for spec, column, path in columns(sight):
        boost = sight.annotations[spec.name].searchable.get(column.name, 0.0)
        if column.dtype.kind is Kind.TEXT and boost > 1 and spec.declared is not None:
            place = ("classes", spec.name, "annotation", "searchable", column.name)
            text = f"is long text, and its boost of {boost:g} makes words alike by chance count much: write 1 or less"
            yield f"{spec.name}.{column.name}", place, text, None
        elif column.dtype.kind is Kind.TEXT and column.name in sight.annotations[spec.name].identity_columns:
            yield f"{spec.name}.{column.name}", path, "is long text, and identifies: choose a short column", None


@rule("warning")
def required_seldom_said(sight: Sight) -> Iterable[Found]:
    """A required column that no `upsert` pattern of its class has a place for, or a required time, amount or personal
    detail. A message that does not say it creates nothing."""
    for spec, column, path in columns(sight):
        if not column.required or column.default is not None:
            continue
        where = f"{spec.name}.{column.name}"
        patterns = [pattern.text for pattern in spec.patterns if pattern.operation == "upsert"]
        if patterns and not any(f"{{{column.name}}}" in text for text in patterns):
            yield (
                where,
                (*path, "required"),
                "is required, and no pattern says it: none of them can create a memory",
                None,
            )
        elif not patterns and (column.pii or _is_personal(column)) and len(spec.columns) > 1:
            text = "is required, and messages seldom say such a thing: a message without it creates nothing"
            yield where, (*path, "required"), text, None


@rule("note")
def default_on_optional(sight: Sight) -> Iterable[Found]:
    """A default of a column that is not required. Every new memory has it then, and nobody can tell it from what was
    said."""
    for spec, column, path in columns(sight):
        if column.default is not None and not column.required:
            text = "every new memory gets its default, said or not: leave it out where not knowing is a value, too"
            yield f"{spec.name}.{column.name}", (*path, "default"), text, None


@rule("note")
def column_copied(sight: Sight) -> Iterable[Found]:
    """A `from:` that names a column which is still in the class. The value is copied, so both have it from then on."""
    for spec, column, path in columns(sight):
        source = column.source
        if source is None or source.split or source.join or source.cast or source.map or len(source.columns) != 1:
            continue
        if source.columns[0] in spec.by_name and spec.by_name[source.columns[0]].source is None:
            text = f"is a copy of {source.columns[0]}, which stays: remove that column if this is a rename"
            yield f"{spec.name}.{column.name}", (*path, "from"), text, None


@rule("note")
def name_is_an_sql_word(sight: Sight) -> Iterable[Found]:
    """A column whose name is a reserved word of SQL. Queries of its view have to write it in double quotes."""
    for spec, column, path in columns(sight):
        if snake_case(column.name) in SQL_RESERVED:
            text = f'is a reserved word of SQL: queries of its view write "{snake_case(column.name)}" with quotes'
            yield f"{spec.name}.{column.name}", path, text, None


@rule("note")
def name_taken_in_views(sight: Sight) -> Iterable[Found]:
    """A column that has another name in its view, because every view has a column of that name, or two columns would
    meet in small letters."""
    for spec in sight.spec.classes:
        for name, shown in column_names(spec).items():
            if shown != snake_case(name):
                why = "every view has one of that name" if snake_case(name) in OWN else "another has that name"
                path = ("classes", spec.name, "columns", name)
                yield f"{spec.name}.{name}", path, f"is called {shown} in its view: {why}", None


def _columns_of(spec: SchemaSpec, class_name: str) -> frozenset[str]:
    found = spec.by_name.get(class_name)
    return frozenset(found.by_name) if found is not None else frozenset()


def _is_personal(column: Column) -> bool:
    if column.dtype.kind not in _TEXTS:
        return False
    return any(step.name in _PERSONAL_FORMS for step in column.normalize) or head(words(column.name))[1] in _PERSONAL
