"""What the engine's functions keep of their answers, in bytes: no more altogether than a process can spare."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import random
import string
import tracemalloc
from collections.abc import Callable, Collection
from typing import Any

import pytest

import memreg.engine
from memreg.engine.edits import edits
from memreg.engine.values import REMEMBERED, compare_keys, compare_values, read_day, read_number

ROOM = 32_000_000
CALLS = 300
chance = random.Random(1)


def word() -> str:
    return "".join(chance.choices(string.ascii_lowercase, k=chance.randint(4, 12)))


def day() -> str:
    return f"{chance.randint(1000, 2999)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"


def email() -> str:
    return f"{word()}.{word()}@{word()}.example"


COLUMNS = ("attribute:city", "attribute:employer", "code:*", "date:born", "name:name", "strong:email", "text:notes")
ARGUMENTS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "alignment.has_digit": lambda: (word(),),
    "alignment._similarity": lambda: (word(), word()),
    "candidates.shape": lambda: (word(),),
    "candidates._kept_number": lambda: ("default\0Person\0", f"w{word()}"),
    "candidates._kept_parts": lambda: (day(),),
    "codes._kept_codes": lambda: ((word(), f"{word()}12", word()),),
    "identity._kept_digest": lambda: ((f"{word()} {word()}", day()),),
    "kept._levels_once": lambda: (COLUMNS, "".join(chance.choices("-0123456", k=len(COLUMNS)))),
    "text._distinct_tokens": lambda: (" ".join(word() for _ in range(chance.randint(2, 12))),),
    "values._kept_day": lambda: (day(),),
    "values._kept_number": lambda: (str(chance.random()),),
    "values._kept_values": lambda: (day(), day()),
    "values._kept_keys": lambda: (email(), email()),
    "words._kept_words": lambda: (" ".join(word() for _ in range(chance.randint(2, 12))),),
}
"""Answers as large as those of a stream of people, each from words that nothing else holds."""
FEW = 100
"""Entries that are not worth measuring: patterns compiled for a class and the like."""


def kept() -> dict[str, Any]:
    """Every function of the engine that keeps its answers, by its module and name."""
    found: dict[int, tuple[str, Any]] = {}
    for each in pkgutil.iter_modules(memreg.engine.__path__):
        module = importlib.import_module(f"memreg.engine.{each.name}")
        for name, value in vars(module).items():
            if hasattr(value, "cache_parameters") and value.__module__ == module.__name__:
                found[id(value)] = f"{each.name}.{name}", value
    return dict(found.values())


def bytes_of_one(function: Any, arguments: Callable[[], tuple[Any, ...]], others: Collection[Any]) -> float:
    """What an entry takes, without those of others that are asked on the way: they are measured by themselves."""
    for _ in range(CALLS):  # what is loaded or made once is no part of it
        function(*arguments())
    for each in (function, *others):
        each.cache_clear()
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(CALLS):
            function(*arguments())
        for each in others:
            each.cache_clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / int(function.cache_info().currsize)
    finally:
        tracemalloc.stop()
        function.cache_clear()


def test_all_that_is_kept_fits_into_the_room() -> None:
    edits("ana", "anna", 1)
    found = kept()
    wanted = {name: function.cache_parameters()["maxsize"] for name, function in found.items()}
    for name, most in wanted.items():
        assert most is not None or name == "edits._distance", f"{name} keeps answers without an end"
    large = {name for name, most in wanted.items() if most is not None and most > FEW}
    assert large <= ARGUMENTS.keys(), "what these keep is not measured here"
    total = 0.0
    for name in large:
        others = [found[other] for other in large if other != name]
        total += wanted[name] * bytes_of_one(found[name], ARGUMENTS[name], others)
    assert total <= ROOM


@pytest.mark.parametrize("function", [compare_values, compare_keys])
def test_the_comparison_of_long_values_is_not_kept(function: Callable[[str, str], object]) -> None:
    edits("ana", "anna", 1)  # what counts them is loaded once
    before = {name: each.cache_info().currsize for name, each in kept().items()}
    long = "x" * (REMEMBERED + 1)
    assert function(long, long + "y") is not None
    assert read_day(long) is None
    assert read_number(long) is None
    assert {name: each.cache_info().currsize for name, each in kept().items()} == before
