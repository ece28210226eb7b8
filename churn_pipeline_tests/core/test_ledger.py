from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.core.ledger import (
    By,
    LedgerError,
    Promotion,
    Scoring,
    before,
    entry,
    production_on,
    read,
    refuse_earlier,
    scores_day,
    taken_back,
)

BEGIN = datetime(2024, 5, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return BEGIN + timedelta(days=number)


def ledger(*decisions: tuple[str, int, By]) -> tuple[Promotion, ...]:
    """Decisions (model, from which day, by whom) taken one after the other."""
    made: tuple[Promotion, ...] = ()
    for number, (version, from_day, by) in enumerate(decisions):
        new = entry(
            made,
            version,
            from_as_of=day(from_day),
            by=by,
            verdict="because",
            decided_at=BEGIN + timedelta(days=100, hours=number),
            run_id="r",
        )
        made = read(e.row() for e in (*made, *([new] if new else [])))
    return made


def test_it_says_which_model_was_in_production_on_each_day() -> None:
    past = ledger(("1", 0, "gate"), ("2", 10, "gate"))
    assert [production_on(past, day(n)) for n in (-1, 0, 9, 10, 99)] == [None, "1", "1", "2", "2"]
    assert [e.replaced for e in past] == [None, "1"]


def test_of_two_decisions_for_one_day_the_later_holds() -> None:
    past = ledger(("1", 0, "gate"), ("2", 0, "gate"), ("1", 0, "person"))
    assert production_on(past, day(0)) == "1"
    assert len({e.promotion_id for e in past}) == 3


def test_a_decision_for_an_earlier_day_changes_nothing_later() -> None:
    past = ledger(("2", 10, "gate"), ("1", 0, "gate"))
    assert (production_on(past, day(5)), production_on(past, day(10))) == ("1", "2")


@given(st.lists(st.tuples(st.sampled_from("123"), st.integers(0, 20)), max_size=8), st.integers(0, 20))
def test_the_same_decision_twice_adds_nothing(decisions: list[tuple[str, int]], at: int) -> None:
    once = ledger(*((version, from_day, "gate") for version, from_day in decisions), ("9", at, "person"))
    twice = ledger(
        *((version, from_day, "gate") for version, from_day in decisions), ("9", at, "person"), ("9", at, "person")
    )
    assert once == twice
    assert production_on(once, day(at)) == "9"


def test_going_back_goes_to_the_champion_before_and_once_more_one_further() -> None:
    past = ledger(("1", 0, "gate"), ("2", 10, "gate"), ("3", 20, "gate"))
    assert before(past, day(30)) == "2"
    back = ledger(("1", 0, "gate"), ("2", 10, "gate"), ("3", 20, "gate"), ("2", 30, "rollback"))
    assert before(back, day(30)) == "1"
    assert before(back, day(25)) == "2"


def test_what_a_person_took_back_stays_so_until_a_person_gives_it_back() -> None:
    past = ledger(("1", 0, "gate"), ("2", 10, "gate"), ("1", 20, "rollback"))
    taken = taken_back(past, "2")
    assert taken is not None
    assert (taken.by, taken.from_as_of) == ("rollback", day(20))
    assert taken_back(past, "1") is None
    assert (
        taken_back(ledger(("1", 0, "gate"), ("2", 10, "gate"), ("1", 20, "rollback"), ("3", 30, "gate")), "2") == taken
    )
    by_hand = ledger(("1", 0, "gate"), ("2", 10, "person"))
    assert taken_back(by_hand, "1") == by_hand[-1]
    assert taken_back(ledger(("1", 0, "gate"), ("2", 10, "person"), ("1", 20, "person")), "1") is None


def test_who_lost_to_the_gate_or_was_never_champion_may_win_again() -> None:
    past = ledger(("1", 0, "gate"), ("2", 10, "gate"))
    assert [taken_back(past, version) for version in ("1", "2", "3")] == [None] * 3
    assert taken_back((), "1") is None


def test_a_day_before_the_last_champions_first_is_refused_since_nothing_would_change() -> None:
    past = ledger(("1", 0, "gate"), ("2", 10, "gate"))
    refuse_earlier((), day(0))
    refuse_earlier(past, day(10))
    with pytest.raises(
        LedgerError, match=r"from 2024-05-10 on: model 2 is champion from 2024-05-11 on(.|\n)*--as-of 2024-05-11"
    ):
        refuse_earlier(past, day(9))


def test_there_is_nothing_before_the_first_champion() -> None:
    with pytest.raises(LedgerError, match="on 2024-05-02: model 1 is the first champion"):
        before(ledger(("1", 0, "gate")), day(1))
    with pytest.raises(LedgerError, match="nobody is champion"):
        before((), day(1))


def test_a_day_is_scored_by_the_champion_of_that_day() -> None:
    past = ledger(("1", 0, "gate"), ("2", 10, "gate"))
    assert scores_day(past, day(3)) == Scoring("1")


def test_the_champion_before_may_step_in_but_no_model_that_a_rollback_went_back_over() -> None:
    past = ledger(("1", 0, "gate"), ("2", 10, "gate"), ("3", 20, "gate"), ("2", 30, "rollback"))
    stand_ins = [scores_day(past, day(when)).before for when in (-5, 5, 15, 25, 35)]
    assert stand_ins == [None, None, "1", "2", "1"]


def test_a_day_before_the_first_promotion_is_scored_by_the_newest_champion_and_says_so() -> None:
    scoring = scores_day(ledger(("1", 0, "gate"), ("2", 10, "gate")), day(-5))
    assert scoring.model_version == "2"
    assert scoring.note == (
        "scored afterwards: no model was in production yet, so model 2, champion since 2024-05-11, scored this day"
    )
    assert scores_day((), day(0)).model_version is None


def test_other_roles_are_told_apart() -> None:
    canary = entry(
        ledger(("1", 0, "gate")),
        "2",
        from_as_of=day(1),
        by="gate",
        verdict="because",
        decided_at=day(1),
        run_id="r",
        role="canary",
    )
    assert canary is not None
    assert canary.replaced is None
    assert production_on((*ledger(("1", 0, "gate")), canary), day(2)) == "1"
