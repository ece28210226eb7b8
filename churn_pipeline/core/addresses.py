"""Addresses of sources: folders, and databases whose secrets stand in the environment."""

from __future__ import annotations

import re
from pathlib import Path
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


def business_after(folder: Path | None, url: SecretStr | None, *, otherwise: str) -> str:
    """The business of a source that nobody gave a name: called after the folder or the database; `otherwise`: no source."""
    if folder is None and url is None:
        return otherwise
    return business_of(folder.resolve().name if folder is not None else urlsplit(plain(url)).path)


def place_of(folder: Path | None, url: SecretStr | None) -> str:
    """Where a source lies, for all to see: its folder, or its database without user and password; empty: no source."""
    return str(folder.resolve()) if folder is not None else shown(plain(url)) if url is not None else ""


def shown(url: str) -> str:
    """The address of a database without user, password and options.

    >>> shown("postgresql://me:secret@db.acme.com:5432/shop?sslmode=require")
    'postgresql://db.acme.com:5432/shop'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def plain(secret: SecretStr | str | None) -> str:
    """An address that was kept from being shown, as it is; empty where there is none."""
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret or ""
