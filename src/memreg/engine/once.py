"""A property that is made when it is first asked for and kept from then on, with no lock around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class once(Generic[T]):  # noqa: N801
    """Like `functools.cached_property`, whose lock costs more under Python 3.11 than most of what records keep: two
    threads that ask at the same time may both make it, and get equal values."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, held_by: None, owner: type) -> Self: ...

    @overload
    def __get__(self, held_by: object, owner: type) -> T: ...

    def __get__(self, held_by: object | None, owner: type) -> T | Self:
        if held_by is None:
            return self
        found = held_by.__dict__[self._name] = self._make(held_by)
        return found
