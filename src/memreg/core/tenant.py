"""What may be a tenant's name: any ordinary text, because it only ever travels as a parameter."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from memreg.core.errors import TenantInvalid

MAX_TENANT = 200
EVERY_TENANT = "*"


def check_tenant(tenant: str) -> str:
    """Give the tenant back when it can be used.

    A tenant has 1 to 200 characters, none of them a control character or a lone surrogate, does not begin or end with
    white space, and is not `*`, which stands for every tenant. Quotes, semicolons and other scripts are fine.

    Raises TenantInvalid.
    """
    if not isinstance(tenant, str):
        raise TenantInvalid(tenant=repr(tenant), reason=f"it is a {type(tenant).__name__}, not text")
    if reason := _objection(tenant):
        shown = tenant if len(tenant) <= 40 else tenant[:40] + "…"
        raise TenantInvalid(tenant=ascii(shown) if not shown.isprintable() else repr(shown), reason=reason)
    return tenant


@lru_cache(4_096)
def _objection(tenant: str) -> str | None:
    if not tenant:
        return "it is empty"
    if len(tenant) > MAX_TENANT:
        return f"it has {len(tenant)} characters, and {MAX_TENANT} are allowed"
    if tenant == EVERY_TENANT:
        return "`*` stands for every tenant"
    categories = {unicodedata.category(character) for character in tenant}
    if "Cc" in categories:
        return "it holds a control character"
    if "Cs" in categories:
        return "it holds half of a surrogate pair"
    if tenant.strip() != tenant:
        return "it begins or ends with white space"
    return None
