from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest

from churn_pipeline.core.log_odds import probability
from churn_pipeline.core.members.logistic import LogisticMember, Preparation


def _rows(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 8))
    x[:, 1] = rng.lognormal(0, 2, count)
    x[:, 6] = rng.random(count) < 0.1
    x[:, 7] = 1.0
    labels = (rng.random(count) < probability(x[:, 0] * 2 + np.log1p(x[:, 1]) - 2)).astype(float)
    x[rng.random(count) < 0.2, 0] = np.nan
    return x, labels


def test_a_column_is_squashed_standardised_and_flagged_as_its_description_says() -> None:
    learnt = Preparation(
        logged=(True, False, True), mean=(1.0, -2.0, 0.5), scale=(2.0, 3.0, 0.25), missing=(0.1, 0.0, 0.7)
    )
    rows = [[np.nan, np.nan, -3.0], [-0.0, 1e300, np.nan], [1e300, -7.5, 2.0], [-5.5, 0.0, 5e-324]]
    for x in (np.array(rows), np.asfortranarray(rows), np.empty((0, 3))):
        squashed = np.where(learnt.logged, np.sign(x) * np.log1p(np.abs(x)), x)
        standard = np.where(np.isnan(x), 0.0, (squashed - learnt.mean) / learnt.scale)
        flags = np.where(np.array(learnt.missing) > 0, np.isnan(x) - np.array(learnt.missing), 0.0)
        np.testing.assert_array_equal(learnt.apply(x), np.hstack([standard, flags]))


def test_the_fit_is_that_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    x, labels = _rows(1000, 1)
    member = LogisticMember.fit(x, labels, strength=0.5)
    design = Preparation.learn(x).apply(x)
    other = LogisticRegression(C=2.0, tol=1e-10, max_iter=1000).fit(design, labels)
    np.testing.assert_allclose(member.coefficients, other.coef_[0], atol=1e-5)
    assert member.intercept == pytest.approx(other.intercept_[0], abs=1e-5)


def test_pushes_are_the_shapley_values_of_brute_force_where_an_unknown_column_is_at_its_mean() -> None:
    x, labels = _rows(1000, 1)
    member = LogisticMember.fit(x, labels, strength=0.5)
    design = member.preparation.apply(x)[:4]
    coefficients = np.array(member.coefficients)
    base, pushes = member.contributions(x[:4])

    def worth(row: np.ndarray, known: tuple[int, ...]) -> float:
        both = [*known, *(column + 8 for column in known)]
        return member.intercept + float(row[both] @ coefficients[both])

    for row, found in zip(design, pushes, strict=True):
        for column in range(8):
            others = [other for other in range(8) if other != column]
            expected = sum(
                (worth(row, (*known, column)) - worth(row, known)) / (8 * comb(7, size))
                for size in range(8)
                for known in combinations(others, size)
            )
            assert found[column] == pytest.approx(expected, abs=1e-12)
    assert base == member.intercept


def test_base_and_pushes_give_the_margin() -> None:
    x, labels = _rows(1000, 1)
    member = LogisticMember.fit(x, labels, strength=1.0)
    base, pushes = member.contributions(x)
    np.testing.assert_allclose(base + pushes.sum(axis=1), member.margin(x), atol=1e-14)
    assert np.abs(pushes.mean(axis=0)).max() < 1e-12


def test_a_column_that_never_varies_pushes_exactly_nothing() -> None:
    x, labels = _rows(500, 1)
    member = LogisticMember.fit(x, labels, strength=1.0)
    other = _rows(50, 2)[0]
    assert (member.contributions(x)[1][:, 7] == 0).all()
    assert (member.contributions(other)[1][:, 7] == 0).all()


def test_a_null_pushes_by_its_flag_and_nothing_where_training_saw_none() -> None:
    x, labels = _rows(2000, 1)
    labels[np.isnan(x[:, 0])] = 1.0
    member = LogisticMember.fit(x, labels, strength=1.0)
    unknown = np.full((1, 8), np.nan)
    _, pushes = member.contributions(unknown)
    assert pushes[0, 0] > 0.5
    assert (pushes[0, 1:] == 0).all()


def test_only_columns_that_it_straightens_are_logged() -> None:
    x, _ = _rows(1000, 1)
    assert Preparation.learn(x).logged == (False, True, *[False] * 6)


def test_an_outlier_in_a_logged_column_stays_near_the_others() -> None:
    x, labels = _rows(1000, 1)
    member = LogisticMember.fit(x, labels, strength=1.0)
    far = x[:1].copy()
    far[0, 1] = 1e9
    assert abs(member.margin(far)[0]) < 40


def test_weights_count_as_repeated_rows() -> None:
    from sklearn.linear_model import LogisticRegression

    x, labels = _rows(300, 1)
    weights = np.where(np.arange(300) < 100, 2.0, 1.0)
    preparation = Preparation.learn(x)
    weighted = LogisticMember.fit(x, labels, strength=1.0, weights=weights)
    assert weighted.preparation == preparation
    other = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000)
    other.fit(preparation.apply(x), labels, sample_weight=weights)
    np.testing.assert_allclose(weighted.coefficients, other.coef_[0], atol=1e-5)


def test_a_row_answers_the_same_alone_and_among_others() -> None:
    x, labels = _rows(500, 1)
    member = LogisticMember.fit(x, labels, strength=1.0)
    together = member.margin(x)
    for row in (0, 77, 499):
        np.testing.assert_array_equal(member.margin(x[row : row + 1]), together[row : row + 1])


def test_the_same_rows_give_the_same_bytes_and_bytes_are_read_back() -> None:
    first, second = (LogisticMember.fit(*_rows(300, 1), strength=1.0) for _ in range(2))
    assert first.files() == second.files()
    assert LogisticMember.read(first.files()) == first


def test_a_column_that_was_never_known_is_no_harm() -> None:
    x, labels = _rows(300, 1)
    x[:, 3] = np.nan
    member = LogisticMember.fit(x, labels, strength=1.0)
    assert (member.contributions(_rows(20, 2)[0])[1][:, 3] == 0).all()


def test_no_rows_have_no_margins() -> None:
    member = LogisticMember.fit(*_rows(300, 1), strength=1.0)
    assert member.margin(np.zeros((0, 8))).shape == (0,)
