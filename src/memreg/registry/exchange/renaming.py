"""Names that the registry does not allow, as the nearest ones that it does."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection

from memreg.registry.names import SQL_RESERVED, class_name_problem, column_name_problem, schema_name_problem, snake_case

_LONGEST = 63


def allowed_class_name(name: str, taken: Collection[str] = ()) -> str:
    """The name as a class may have it, different from those taken (case ignored)."""
    plain = _plain(name, "Class")
    if plain.lower() in SQL_RESERVED or keyword.iskeyword(plain):
        plain = f"{plain}Record" if plain != plain.lower() else f"{plain}_record"
    assert class_name_problem(plain) is None
    return _free(plain, taken)


def allowed_column_name(name: str, taken: Collection[str] = ()) -> str:
    """The name as a column may have it, different from those taken (case ignored)."""
    plain = _plain(name, "column")
    assert column_name_problem(plain) is None
    return _free(plain, taken)


def allowed_schema_name(name: str) -> str:
    """The name as a schema may have it."""
    plain = re.sub(r"[^a-z0-9]+", "_", snake_case(_ascii(name)).lower()).strip("_")[:_LONGEST].rstrip("_")
    plain = plain if plain[:1].isalpha() else f"schema_{plain}".rstrip("_")
    assert schema_name_problem(plain) is None
    return plain


def _plain(name: str, otherwise: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", _ascii(name))
    if plain != name:
        plain = plain.strip("_")
    plain = plain.lstrip("_")[:_LONGEST]
    if not plain[:1].isalpha():
        plain = f"{otherwise}_{plain}"[:_LONGEST].rstrip("_")
    return plain


def _ascii(name: str) -> str:
    """Letters without their accents: `Größe` as `Grosse`."""
    spelled = name.replace("ß", "ss").replace("ø", "o").replace("Ø", "O").replace("æ", "ae").replace("Æ", "Ae")
    parts = unicodedata.normalize("NFKD", spelled)
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def _free(name: str, taken: Collection[str]) -> str:
    folded = {each.casefold() for each in taken}
    found, number = name, 2
    while found.casefold() in folded:
        end = f"_{number}"
        found, number = f"{name[: _LONGEST - len(end)]}{end}", number + 1
    return found
