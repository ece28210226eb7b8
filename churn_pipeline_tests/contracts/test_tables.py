from __future__ import annotations

import re

import pytest

from churn_pipeline.contracts.spec import Door, Table
from churn_pipeline.contracts.tables import TABLES, table


def test_every_table_is_registered_once_under_a_plain_name() -> None:
    names = [declared.name for declared in TABLES]
    assert len(set(names)) == len(names)
    assert {declared.door for declared in TABLES} == set(Door)


@pytest.mark.parametrize("declared", TABLES, ids=lambda declared: declared.name)
def test_names_are_snake_case_and_fit_into_postgresql(declared: Table) -> None:
    names = (declared.name, *declared.names)
    assert [name for name in names if not re.fullmatch("[a-z][a-z0-9_]{0,40}", name)] == []


def test_a_table_is_found_by_name_and_an_unknown_one_is_told_which_there_are() -> None:
    assert table("scores").name == "scores"
    with pytest.raises(KeyError, match=r"no table 'score' is declared; declared are: trials, events, .*scores"):
        table("score")
