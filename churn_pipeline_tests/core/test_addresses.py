from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from churn_pipeline.core.addresses import business_of, has_password, plain, shown


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("mysql://me:secret@db/shop", True),
        ("mysql://me:${PASSWORD}@db/shop", False),
        ("mysql://me:${PASSWORD}more@db/shop", True),
        ("postgresql://me@db/shop", False),
        ("path/to/folder", False),
    ],
)
def test_only_a_written_out_password_is_one(address: str, told: bool) -> None:
    assert has_password(address) is told


@given(st.text(min_size=1, max_size=30))
def test_a_business_is_named_in_small_letters_digits_and_underscores(source: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", business_of(source))


def test_an_address_is_shown_without_user_and_password() -> None:
    assert shown("mysql://me:a%2Fb@[::1]:3306/shop?ssl=1") == "mysql://[::1]:3306/shop"
    assert shown("postgresql:///shop?host=/run") == "postgresql:///shop"


def test_a_secret_address_is_shown_where_it_is_asked_for() -> None:
    assert [plain(address) for address in (SecretStr("mysql://db"), "mysql://db", None)] == [
        "mysql://db",
        "mysql://db",
        "",
    ]
