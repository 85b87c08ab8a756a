"""A pool's connections are shared out: whoever holds many leaves some to the others, and those in line come in turn."""

from __future__ import annotations

import pytest

from memreg.core.shares import Shares


class Bell:
    """What rings once."""

    def __init__(self) -> None:
        self.rang = False

    def set(self) -> None:
        self.rang = True


def held(shares: Shares[Bell], tenant: str, wanted: int = 1000) -> int:
    """How many a tenant gets that asks for so many; for the others it waits in line."""
    return sum(shares.ask(tenant, Bell) is None for _ in range(wanted))


@pytest.mark.parametrize(("size", "alone"), [(1, 1), (2, 2), (3, 3), (4, 3), (10, 7), (100, 75)])
def test_a_tenant_alone_leaves_a_quarter(size: int, alone: int) -> None:
    assert held(Shares[Bell](size), "hot") == alone


def test_those_who_come_later_find_some_or_are_the_next() -> None:
    shares = Shares[Bell](20)
    got = [held(shares, f"hot{number}") for number in range(4)]
    assert got == [15, 3, 1, 1]
    calm = shares.ask("calm", Bell)
    assert calm, "all are taken"
    shares.give_back("hot0")
    assert calm.rang, "before those who hold some"


def test_nobody_overtakes_in_the_line_of_a_tenant() -> None:
    shares = Shares[Bell](4)
    assert held(shares, "hot", 3) == 3
    first, second = shares.ask("hot", Bell), shares.ask("hot", Bell)
    assert first and second
    shares.give_back("hot")
    assert (first.rang, second.rang) == (True, False)
    third = shares.ask("hot", Bell)
    assert third and not third.rang
    shares.give_back("hot")
    assert (second.rang, third.rang) == (True, False)


def test_who_holds_the_fewest_comes_first() -> None:
    shares = Shares[Bell](3)
    assert held(shares, "hot", 3) == 3
    hot, calm = shares.ask("hot", Bell), shares.ask("calm", Bell)
    assert hot and calm
    shares.give_back("hot")
    assert (hot.rang, calm.rang) == (False, True)


def test_who_leaves_the_line_is_not_called_and_keeps_nobody_from_coming_in() -> None:
    shares = Shares[Bell](1)
    assert held(shares, "a", 1) == 1
    gone, waits = shares.ask("b", Bell), shares.ask("b", Bell)
    assert gone and waits
    assert shares.withdraw("b", gone)
    shares.give_back("a")
    assert (gone.rang, waits.rang) == (False, True)
    assert not shares.withdraw("b", waits), "it was called already"
    shares.give_back("b")
    assert shares.ask("a", Bell) is None


def test_all_are_given_back() -> None:
    shares = Shares[Bell](10)
    bells = [shares.ask(f"t{number % 3}", Bell) for number in range(30)]
    out = [number for number, bell in enumerate(bells) if bell is None]
    while out:
        shares.give_back(f"t{out.pop(0) % 3}")
        out += [n for n, bell in enumerate(bells) if bell is not None and bell.rang]
        bells = [None if bell is not None and bell.rang else bell for bell in bells]
    assert held(shares, "t0") == 7, "nothing is left held"
