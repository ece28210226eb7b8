from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from churn_pipeline.capabilities.features.foresight import Foresight, foresight, own_foresight
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.features.own import OWN, OwnFeature
from churn_pipeline.contracts.lake import DELETIONS
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.featurize import own_features
from churn_pipeline.core.featurize.looks import Looks
from churn_pipeline.core.featurize.own_features import offered
from churn_pipeline.core.featurize.query import snapshots_query
from churn_pipeline.core.featurize.version import features_version
from churn_pipeline_tests.looks import MIDNIGHT, START, event
from churn_pipeline_tests.worlds import BEGIN, Row, SmallWorld, crowd, landed, remembered

LATELY = "count(*) filter (occurred_at >= as_of - interval 2 day)"
MINE = (
    OwnFeature("lately", "Events of two days.", "{value:.0f} lately", f"{LATELY} -- of any kind"),
    OwnFeature("most", "Greatest value.", "{value}", "max(value)", absent="carried nothing"),
    OwnFeature("mails", "Mails.", "{value:.0f} mails", "count(*) filter (kind = 'email')", over="touches"),
    OwnFeature("big", "Events, if the company is large.", "{value}", "count(*) filter (company_size > 100)"),
)


def own(
    events: list[Row],
    *,
    day: int = 10,
    touches: list[Row] | None = None,
    mine: tuple[OwnFeature, ...] = MINE,
    **trial: Any,
) -> dict[str, float | None]:
    """What they are at a look."""
    world = SmallWorld(
        trials=({"trial_id": "t", "account_id": "a", "started_at": START, "trial_days": 14} | trial,),
        events=tuple({"event_id": f"e{n}", "trial_id": "t"} | row for n, row in enumerate(events)),
        touches=tuple({"touch_id": f"c{n}", "trial_id": "t"} | row for n, row in enumerate(touches or [])),
    )
    as_of = MIDNIGHT + timedelta(days=day - 1)
    looks = Looks(f"select 't' as trial_id, {sql_instant(as_of)} as as_of")
    with remembered(world) as (lake, connection):
        lake.known(connection, RAW_TABLES, before=as_of)
        query = snapshots_query(looks, features=(), named=(OWN,), own=mine)
        ((found,),) = connection.execute(f"select {OWN.name} from ({query})").fetchall()
    return {key.rpartition("_")[0]: value for key, value in found.items()}


def test_an_expression_sees_the_records_of_its_trial_and_the_look() -> None:
    events = [event(0, value=7), event(8.2, value=3), event(9.5)]
    mail = {"kind": "email", "sent_at": START + timedelta(days=3)}
    assert own(events, touches=[mail], company_size=500) == {"lately": 2, "most": 7, "mails": 1, "big": 3}


def test_where_nothing_is_known_a_number_is_0_unless_its_null_means_something() -> None:
    assert own([]) == {"lately": 0, "most": None, "mails": 0, "big": 0}


def test_what_arrived_at_the_look_or_happened_before_the_day_of_the_start_does_not_exist() -> None:
    at_the_look = event(9, occurred_at=MIDNIGHT + timedelta(days=8), received_at=MIDNIGHT + timedelta(days=9))
    just_before = event(9, occurred_at=MIDNIGHT + timedelta(days=9) - timedelta(microseconds=1))
    before_the_start = event(-1)
    assert own([at_the_look, just_before, before_the_start])["lately"] == 1


def test_what_is_offered_is_the_look_with_its_trial_and_the_record() -> None:
    assert {name: offered("touches")[name] for name in ("as_of", "plan", "kind")} == {
        "as_of": "s.as_of",
        "plan": "s.plan",
        "kind": "r.kind",
    }
    assert "trial_id" not in offered("events")


def test_a_fraction_is_rounded_and_a_division_by_nothing_is_null_whatever_the_name() -> None:
    mine = (
        OwnFeature("trial", "Thirds.", "{value}", "count(*) / 3"),
        OwnFeature("after", "Shares.", "{value}", "count(*) / count(value)"),
        OwnFeature("look", "Shares.", "{value}", "count(*) / count(value)", absent="no value"),
    )
    assert own([event(1), event(2)], mine=mine) == {"trial": 0.666667, "after": 0, "look": None}


def test_what_no_score_may_depend_on_is_not_offered() -> None:
    assert not {"properties", "consent_profiling"} & {*offered("events"), *offered("touches")}
    assert all(table.trial for table, _ in own_features.RECORDS.values())


def test_another_definition_is_another_feature_to_a_model() -> None:
    other = replace(MINE[0], sql="count(*)")
    assert other.name == MINE[0].name
    assert other.feature != MINE[0].feature
    assert replace(MINE[0], says="other words").feature == MINE[0].feature


def test_the_fingerprint_of_the_features_tells_them_apart() -> None:
    prints = {features_version(), features_version(MINE), features_version(MINE[:1])}
    assert len(prints) == 3


def past(seed: int) -> list[Foresight]:
    """The comparison of past looks of three days in fifty small businesses."""
    compose = partial(snapshots_query, features=(), named=(OWN,), own=MINE)
    with remembered(crowd(seed, trials=200)) as (lake, connection):
        days, now = [BEGIN + timedelta(days=day) for day in (8, 15, 21)], BEGIN + timedelta(days=40)
        return list(foresight(lake, connection, days=days, now=now, landmarks=(1, 3, 7, 14), compose=compose))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_they_do_not_know_the_future(seed: int) -> None:
    looked = past(seed)
    assert [look.differing for look in looked] == [{}] * 3
    assert sum(look.looks for look in looked) > 20


def test_one_that_knew_the_future_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = own_features.told
    monkeypatch.setattr(
        own_features, "told", lambda own, *, same: [t.replace("r.known_at < s.as_of", "true") for t in right(own, same=same)]
    )  # fmt: skip
    assert {column for look in past(1) for column in look.differing} == {"own"}


def test_the_check_of_a_run_compares_them_alone(tmp_path: Path) -> None:
    with landed(crowd(1, trials=200), tmp_path) as (lake, _):
        found = own_foresight(lake, MINE, now=BEGIN + timedelta(days=25), landmarks=(1, 3, 7, 14))
    assert found.looks > 5
    assert found.differing == {}


def test_a_record_that_was_deleted_since_is_no_foresight(tmp_path: Path) -> None:
    world = crowd(1, trials=200)
    with landed(world, tmp_path) as (lake, connection):
        gone = pa.table(
            {
                "table_name": ["events"] * 500,
                "record_key": [str(row["event_id"]) for row in world.events[:500]],
                "known_at": [BEGIN + timedelta(days=24)] * 500,
                "gone": [True] * 500,
            },
            schema=arrow_schema(DELETIONS),
        )
        connection.register("_gone", gone)
        lake.land(connection, DELETIONS, "_gone")
        now = BEGIN + timedelta(days=25)
        found = own_foresight(lake, MINE, now=now, landmarks=(1, 3, 7, 14))
        days = [now - timedelta(days=14)]
        (every,) = foresight(lake, connection, days=days, now=now, landmarks=(1, 3, 7, 14))
    assert min(found.looks, every.looks) > 5
    assert found.differing == every.differing == {}
