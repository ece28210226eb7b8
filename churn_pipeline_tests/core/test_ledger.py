from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.core.ledger import (
    By,
    Canary,
    LedgerError,
    Promotion,
    Scoring,
    before,
    canary_on,
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
    assert stand_ins == [(), (), ("1",), ("2", "1"), ("1",)]


def test_champions_before_step_in_one_after_the_other_each_once_and_none_that_was_rolled_back() -> None:
    past = ledger(("1", 0, "gate"), ("2", 10, "gate"), ("3", 20, "gate"), ("2", 30, "person"), ("4", 40, "gate"))
    assert scores_day(past, day(45)).before == ("2", "3", "1")
    assert scores_day(past, day(35)).before == ("3", "1")
    again = ledger(("1", 0, "gate"), ("2", 10, "gate"), ("1", 20, "person"), ("2", 30, "rollback"))
    assert scores_day(again, day(25)).before == ("2",)
    assert scores_day(again, day(30)).before == ()
    with pytest.raises(LedgerError, match="model 2 is champion, and who was before was rolled back"):
        before(again, day(30))
    returned = ledger(
        ("1", 0, "gate"), ("2", 10, "gate"), ("1", 20, "rollback"), ("2", 30, "person"), ("3", 40, "gate")
    )
    assert scores_day(returned, day(40)).before == ("2", "1")


def test_a_day_before_the_first_promotion_is_scored_by_the_newest_champion_and_says_so() -> None:
    scoring = scores_day(ledger(("1", 0, "gate"), ("2", 10, "gate")), day(-5))
    assert scoring.model_version == "2"
    assert scoring.note == (
        "scored afterwards: no model was in production yet, so model 2, champion since 2024-05-11, scored this day"
    )
    assert scores_day((), day(0)).model_version is None


def trials(*decisions: tuple[str, int, float | None]) -> tuple[Promotion, ...]:
    """Model 1 is champion from day 0 on; then decisions (model, from which day, share: None makes it champion)."""
    made = ledger(("1", 0, "gate"))
    for number, (version, from_day, share) in enumerate(decisions):
        new = entry(
            made,
            version,
            from_as_of=day(from_day),
            by="rollout",
            verdict="because",
            decided_at=BEGIN + timedelta(days=200, hours=number),
            run_id="r",
            role="champion" if share is None else "canary",
            share=share,
        )
        made = read(e.row() for e in (*made, *([new] if new else [])))
    return made


def test_a_canary_stands_beside_the_champion_with_its_share_and_goes_step_by_step() -> None:
    past = trials(("2", 3, 0.1), ("2", 10, 0.5), ("2", 20, None))
    assert canary_on(past, day(2)) is None
    assert canary_on(past, day(3)) == Canary("2", 0.1, step_from=day(3), since=day(3))
    assert canary_on(past, day(19)) == Canary("2", 0.5, step_from=day(10), since=day(3))
    assert canary_on(past, day(20)) is None
    assert [production_on(past, day(n)) for n in (0, 19, 20)] == ["1", "1", "2"]
    assert scores_day(past, day(12)) == Scoring("1", canary=canary_on(past, day(12)))


def test_a_rollout_ends_with_its_share_and_with_every_change_of_the_champion() -> None:
    assert canary_on(trials(("2", 3, 0.1), ("2", 5, 0.0)), day(5)) is None
    assert canary_on(trials(("2", 3, 0.1), ("3", 5, None)), day(9)) is None
    again = trials(("2", 3, 0.1), ("3", 5, None), ("2", 6, 0.1))
    assert canary_on(again, day(9)) == Canary("2", 0.1, step_from=day(6), since=day(6))
    assert len(again) == 4
    assert trials(("2", 3, 0.0)) == trials()


@given(
    st.lists(st.tuples(st.sampled_from("12"), st.integers(1, 9), st.sampled_from((0.0, 0.1, 0.5, None))), max_size=6)
)
def test_the_same_step_twice_adds_nothing(steps: list[tuple[str, int, float | None]]) -> None:
    assert trials(*(step for step in steps for _ in range(2))) == tuple(
        replace(e, decided_at=twice.decided_at)
        for e, twice in zip(trials(*steps), trials(*(step for step in steps for _ in range(2))), strict=True)
    )


def test_what_its_own_rollout_took_back_stays_so() -> None:
    past = trials(("2", 3, 0.1), ("2", 5, 0.0))
    assert taken_back(past, "2") == past[-1]
    assert taken_back(trials(("2", 3, 0.1)), "2") is None
    assert taken_back(trials(("2", 3, 0.1), ("2", 5, 0.0), ("2", 9, 0.1)), "2") is None
    assert taken_back(trials(("2", 3, 0.1), ("2", 5, None)), "2") is None
    assert taken_back(trials(("2", 3, 0.1), ("2", 5, None)), "1") is None


def test_nobody_goes_back_to_a_model_that_was_taken_off_its_trial() -> None:
    past = trials(("2", 3, None), ("1", 6, 0.1), ("1", 8, 0.0))
    assert before(past, day(7)) == "1"
    with pytest.raises(LedgerError, match="there is no model to go back to on 2024-05-10"):
        before(past, day(9))
    assert scores_day(past, day(9)).before == ()


def test_no_day_before_the_last_step_can_be_decided_on() -> None:
    with pytest.raises(LedgerError, match=r"model 2 is canary from 2024-05-11 on and would stay it"):
        refuse_earlier(trials(("2", 3, 0.1), ("2", 10, 0.5)), day(9))
