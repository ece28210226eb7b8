from __future__ import annotations

import pytest

from churn_pipeline.core.spelling import did_you_mean, listed, unknown_names


@pytest.mark.parametrize(
    ("word", "meant"), [("thread", "threads"), ("threds", "threads"), ("seeds", "seed"), ("seed", "seed")]
)
def test_the_nearest_name_is_offered(word: str, meant: str) -> None:
    assert did_you_mean(word, ["threads", "seed", "grace_days"]) == f"; did you mean {meant}?"


def test_nothing_is_offered_where_nothing_is_like_it() -> None:
    assert did_you_mean("colour", ["threads", "seed"]) == ""
    assert did_you_mean("threads", []) == ""


def test_a_beginning_that_all_names_share_is_no_likeness() -> None:
    allowed = ["CHURN_THREADS", "CHURN_SEED"]
    assert did_you_mean("CHURN_THREDS", allowed, prefix="CHURN_") == "; did you mean CHURN_THREADS?"
    assert did_you_mean("CHURN_COLOUR", allowed, prefix="CHURN_") == ""


def test_names_of_others_and_known_ones_in_any_case_are_not_unknown() -> None:
    given = ["CHURN_SEED", "churn_threads", "PATH", "CHURNING", "CHURN_COLOUR"]
    allowed = ["CHURN_THREADS", "CHURN_SEED"]
    assert unknown_names(given, allowed, what="setting", prefix="CHURN_") == ["CHURN_COLOUR: no such setting"]


def test_a_long_list_is_cut_and_says_how_much_more_there_is() -> None:
    assert listed([]) == "nothing"
    assert listed(["a"] * 10) == ", ".join("a" * 10)
    assert listed(["a"] * 2_010, most=2) == "a, a and 2,008 more"
