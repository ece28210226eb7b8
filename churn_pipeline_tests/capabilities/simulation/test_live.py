from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from churn_pipeline.capabilities.simulation.live import ActionError, LiveWorld
from churn_pipeline.capabilities.simulation.touches import KIND
from churn_pipeline.capabilities.simulation.world import World, joined, simulate
from churn_pipeline.contracts.raw import RAW_TABLES, SUBSCRIPTIONS
from churn_pipeline_tests.businesses import parameters

UNTIL = date(2026, 3, 20)
SMALL: dict[str, Any] = {"trials": 400, "days": 40, "until": UNTIL, "again_share": 0.02, "damaged_share": 0.3}
NAMES = (*(table.name for table in RAW_TABLES), "dirt", "truth")
TURN = date(2026, 2, 2)


def through(live: LiveWorld, until: date, actions: dict[date, dict[str, str]] | None = None) -> list[World]:
    days = []
    while live.today < until:
        days.append(live.step((actions or {}).get(live.today)))
    return days


def tables(days: list[World], name: str) -> pa.Table:
    return joined(getattr(day, name) for day in days)


def running(live: LiveWorld) -> list[str]:
    """Trials that started in the last ten days and have not converted."""
    return on_days(live, range(1, 10))


def on_days(live: LiveWorld, days: range) -> list[str]:
    """Trials that started so many days ago and have not converted."""
    known = live.before()
    started = np.datetime64(live.today) - known.trials["started_at"].to_numpy().astype("datetime64[D]")
    bought = pc.is_in(known.trials["trial_id"], value_set=known.subscriptions["trial_id"]).to_numpy()
    of_days = np.isin(started.astype(int), list(days))
    found: list[str] = known.trials.filter(pa.array(of_days & ~bought))["trial_id"].to_pylist()
    return found


def acted(live: LiveWorld) -> dict[date, dict[str, str]]:
    chosen = running(live)[::2]
    return {live.today: {trial: list(KIND)[place % len(KIND)] for place, trial in enumerate(chosen)}}


@pytest.mark.parametrize("today", [None, TURN])
def test_without_actions_day_by_day_is_the_world_as_a_whole(today: date | None) -> None:
    whole = simulate(parameters(**SMALL))
    live = LiveWorld(parameters(**SMALL), today=today)
    days = [live.before(), *through(live, UNTIL)]
    for name in NAMES:
        assert tables(days, name).equals(joined([getattr(whole, name)])), name


def test_a_day_holds_what_became_known_on_it_and_nothing_else() -> None:
    live = LiveWorld(parameters(**SMALL), today=TURN)
    day = live.step()
    assert day.events.num_rows > 0
    moments = day.events["received_at"].to_numpy()
    assert moments.min() >= np.datetime64(TURN)
    assert moments.max() < np.datetime64(TURN + timedelta(days=1))


def test_actions_change_the_records_of_their_own_trials_and_of_no_other() -> None:
    one, other = (LiveWorld(parameters(**SMALL), today=TURN) for _ in range(2))
    actions = acted(one)
    touched = pa.array(list(actions[TURN]))
    assert len(touched) > 20
    left, right = through(one, UNTIL), through(other, UNTIL, actions)
    differ = set()
    for table in RAW_TABLES:
        before, after = tables(left, table.name), tables(right, table.name)
        key = "subscription_id" if table.name == "invoices" else "trial_id"
        if key not in table.names:
            assert before.equals(after)
            continue
        mine = touched if key == "trial_id" else _subscriptions(left + right, touched)
        others = [some.filter(pc.invert(pc.is_in(some[key], value_set=mine))) for some in (before, after)]
        assert others[0].equals(others[1]), table.name
        differ |= {table.name} if not before.equals(after) else set()
    assert differ == {"touches", "events", "subscriptions", "invoices"}


def _subscriptions(days: list[World], trials: pa.Array) -> pa.Array:
    bought = tables(days, SUBSCRIPTIONS.name)
    return bought.filter(pc.is_in(bought["trial_id"], value_set=trials))["subscription_id"].combine_chunks()


def test_the_truth_knows_what_was_done() -> None:
    live = LiveWorld(parameters(**SMALL), today=TURN)
    before = live.truth().to_pandas().set_index("trial_id")
    actions = acted(live)[TURN]
    live.step(actions)
    after = live.truth().to_pandas().set_index("trial_id").loc[before.index]
    changed = before["probability"] != after["probability"]
    assert set(before.index[changed]) <= set(actions)
    assert changed.sum() > 0.9 * len(actions)
    assert (before["p_none"] == after["p_none"]).all()


@pytest.mark.slow
def test_better_actions_convert_more() -> None:
    world = parameters(trials=2_000, days=15, until=date(2026, 2, 12), touches=False)
    truth = simulate(world).truth.to_pandas().set_index("trial_id")
    gain = truth["p_cs_call"] - truth["p_none"]
    converted = []
    for worth in (gain > 0.02, gain < -0.01):
        live, started, bought = LiveWorld(world), dict[str, date](), set[str]()
        while live.today < world.until:
            due = [t for t, day in started.items() if live.today - day == timedelta(days=7) and t not in bought]
            day, records = live.today, live.step({trial: "cs_call" for trial in due if worth[trial]})
            started |= dict.fromkeys(records.trials["trial_id"].to_pylist(), day)
            bought |= set(records.subscriptions["trial_id"].to_pylist())
        converted.append(len(bought))
    assert converted[0] > converted[1] + 100


def test_actions_that_cannot_be_taken_are_refused_all_at_once() -> None:
    live = LiveWorld(parameters(**SMALL), today=TURN)
    known = live.before()
    ended, bought, fine = (
        known.trials["trial_id"][0].as_py(),
        known.subscriptions["trial_id"][-1].as_py(),
        running(live)[0],
    )
    with pytest.raises(ActionError, match="4 of 4 actions of 2026-02-02 cannot be taken") as refused:
        live.step({"t_nobody": "email", ended: "nudge", bought: "nudge", fine: "hypnosis"})
    said = str(refused.value)
    assert "t_nobody: there is no such trial yet" in said
    assert f"{ended}: its trial has ended" in said or f"{ended}: it has converted" in said
    assert f"{fine}: there is no touch 'hypnosis'" in said
    assert live.today == TURN
