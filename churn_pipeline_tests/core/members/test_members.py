from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from churn_pipeline.core.members import Member, MemberError, kinds, read_member
from churn_pipeline_tests.core.members.trees import rows
from churn_pipeline_tests.scorers import fitted, lightgbm_member, network_member, xgboost_member

EVERY_RICH = pytest.mark.parametrize("fit", [xgboost_member, lightgbm_member, network_member])
Fit = Callable[..., Member]


def test_every_member_is_read_by_its_name() -> None:
    for member in fitted().members:
        assert read_member(member.name, member.files()).files() == member.files()
    assert {member.name for member in fitted().members} == set(kinds())


def test_an_unknown_member_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        MemberError, match="no member is called 'forest'; there are: xgboost, lightgbm, network, logistic"
    ):
        read_member("forest", {})


@EVERY_RICH
def test_a_column_that_it_does_not_use_pushes_exactly_nothing(fit: Fit) -> None:
    member = fit(*rows(800, 1))
    _, pushes = member.contributions(rows(50, 2)[0])
    assert (pushes[:, 7] == 0).all()


@EVERY_RICH
def test_a_row_answers_the_same_alone_and_among_others(fit: Fit) -> None:
    member = fit(*rows(800, 1))
    x, _ = rows(300, 2)
    _, together = member.contributions(x)
    for row in (0, 128, 299):
        np.testing.assert_array_equal(member.margin(x[row : row + 1]), member.margin(x)[row : row + 1])
        np.testing.assert_array_equal(member.contributions(x[row : row + 1])[1][0], together[row])


@EVERY_RICH
def test_the_same_rows_give_the_same_bytes_and_bytes_are_read_back(fit: Fit) -> None:
    first, second = (fit(*rows(300, 1)) for _ in range(2))
    assert first.files() == second.files()
    again = first.read(first.files())
    x, _ = rows(20, 2)
    np.testing.assert_array_equal(again.margin(x), first.margin(x))
    assert again.files() == first.files()


@EVERY_RICH
def test_no_rows_have_a_base_and_no_pushes(fit: Fit) -> None:
    member = fit(*rows(300, 1))
    base, pushes = member.contributions(np.zeros((0, 8)))
    assert base == member.contributions(rows(3, 2)[0])[0]
    assert pushes.shape == (0, 8)
    assert member.margin(np.zeros((0, 8))).shape == (0,)
