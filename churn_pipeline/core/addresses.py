"""Addresses of sources: folders, and databases whose secrets stand in the environment."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pydantic import SecretStr

VARIABLE = re.compile(r"\$\{(\w+)\}")
"""How an address names a variable of the environment."""


def has_password(url: str) -> bool:
    """Whether a password is written out in an address, so that everybody who sees the address knows it.

    >>> has_password("mysql://me:secret@db/shop"), has_password("mysql://me:${PASSWORD}@db/shop")
    (True, False)
    """
    return bool(VARIABLE.sub("", urlsplit(url).password or ""))


def business_of(source: str) -> str:
    """A name for the business of a folder or database: the source's own, in small letters.

    >>> business_of("Acme 2024"), business_of("/2024")
    ('acme_2024', 'source_2024')
    """
    word = re.sub(r"[^a-z0-9]+", "_", source.lower()).strip("_")
    return word if word[:1].isalpha() else f"source_{word}".rstrip("_")


def plain(secret: SecretStr | str | None) -> str:
    """An address that was kept from being shown, as it is; empty where there is none."""
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret or ""
