"""How often turns are decided in vain is known by tenant and schema, and a better time is noticed."""

from __future__ import annotations

from memreg.engine.contention import Contention


def tries(contention: Contention, count: int, *, in_vain: bool, tenant: str = "hot") -> int:
    """How many of so many turns hold the locks from their beginning; of the others each is in vain, or none is."""
    holding = 0
    for _ in range(count):
        if contention.is_high(tenant, "people"):
            holding += 1
        elif in_vain:
            contention.was_in_vain(tenant, "people")
    return holding


def test_where_nothing_is_in_vain_nothing_is_held() -> None:
    contention = Contention()
    assert tries(contention, 100, in_vain=False) == 0


def test_where_most_is_in_vain_locks_are_held_until_it_is_better() -> None:
    contention = Contention()
    assert tries(contention, 20, in_vain=True) > 5
    assert tries(contention, 64, in_vain=True) == 60, "every 16th finds out whether it still is so"
    tries(contention, 16 * 40, in_vain=False)
    assert tries(contention, 64, in_vain=False) == 0


def test_another_tenant_is_another_place() -> None:
    contention = Contention()
    tries(contention, 40, in_vain=True)
    assert tries(contention, 40, in_vain=False, tenant="calm") == 0
