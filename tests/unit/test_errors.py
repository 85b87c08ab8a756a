"""The error tree: docstrings are messages, facts are attributes, everything survives pickling."""

from __future__ import annotations

import inspect
import pickle
import string

import pytest

from memreg.core import errors
from memreg.core.errors import FileInvalid, MemregError, Mistake, SchemaInvalid, VersionStatus

TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, MemregError)]


def _example(kind: type[MemregError]) -> MemregError:
    if issubclass(kind, FileInvalid):
        return kind("a.yaml", (Mistake("no such dtype", 3, 7), Mistake("no classes")))
    fields = {name for _, name, _, _ in string.Formatter().parse(inspect.getdoc(kind) or "") if name}
    return kind(**{name: f"<{name}>" for name in fields})


@pytest.mark.parametrize("kind", TREE)
def test_message_is_a_docstring_in_one_line(kind: type[MemregError]) -> None:
    message = str(_example(kind))
    assert "\n" not in message
    assert "{" not in message
    assert message.endswith((".", "no classes", "?"))


@pytest.mark.parametrize("kind", TREE)
def test_survives_pickling(kind: type[MemregError]) -> None:
    error = _example(kind)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert again.facts == error.facts


@pytest.mark.parametrize("kind", TREE)
def test_has_a_docstring_of_its_own(kind: type[MemregError]) -> None:
    assert "__doc__" in vars(kind)
    assert vars(kind)["__doc__"]


def test_no_error_is_named_like_a_builtin() -> None:
    import builtins

    assert not {kind.__name__ for kind in TREE} & set(dir(builtins))


def test_facts_are_attributes() -> None:
    error = VersionStatus(name="assistant", version=2, status="active", verb="approved", advice="it already is")
    assert error.facts["version"] == 2
    assert vars(error)["status"] == "active"
    assert str(error) == "assistant@2 is active, so it cannot be approved: it already is."


def test_a_file_lists_every_mistake() -> None:
    error = SchemaInvalid("a.yaml", (Mistake("unknown key `dtyp`: write `dtype`", 3, 7), Mistake("no classes")))
    assert str(error) == (
        "The schema a.yaml has 2 mistakes: line 3, column 7: unknown key `dtyp`: write `dtype`; no classes"
    )


def test_braces_in_facts_are_only_text() -> None:
    assert "{0}" in str(errors.MessageInvalid(reason="it holds {0}"))
