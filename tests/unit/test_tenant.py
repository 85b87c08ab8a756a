"""Tenants: any ordinary text will do; what cannot be one is refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from memreg.core.errors import TenantInvalid
from memreg.core.tenant import MAX_TENANT, check_tenant


@pytest.mark.parametrize(
    "tenant",
    ["default", "a", "Ünïcode-東京", "a'b", 'a"b', "a;b", "'; drop table memories; --", "%s", "%(tenant)s", "**"]
    + ["a b", "x" * MAX_TENANT, "\U0001f600"],
)
def test_takes(tenant: str) -> None:
    assert check_tenant(tenant) == tenant


@pytest.mark.parametrize(
    ("tenant", "reason"),
    [
        ("", "it is empty"),
        ("*", "stands for every tenant"),
        ("x" * 300, "it has 300 characters, and 200 are allowed"),
        ("a\0b", "control character"),
        ("a\nb", "control character"),
        ("a\x7fb", "control character"),
        ("a\ud800b", "half of a surrogate pair"),
        (" a", "white space"),
        ("a\u00a0", "white space"),
        (7, "it is a int, not text"),
        (None, "it is a NoneType, not text"),
    ],
)
def test_refuses(tenant: Any, reason: str) -> None:
    with pytest.raises(TenantInvalid, match=reason) as refused:
        check_tenant(tenant)
    message = str(refused.value)
    assert len(message) < 200
    assert message.isprintable()
