"""A feature of a user's own through the whole chain: learnt from, said in its words, and missed by name once its file is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.contracts.lake import SNAPSHOTS
from churn_pipeline.settings import Settings
from churn_pipeline_tests.chains import UNTIL, as_of, run, small

pytestmark = [pytest.mark.flow, pytest.mark.slow]

LOGINS = """-- meaning: Logins of the last three days.
-- says: signed in {value:.0f} times in the last 3 days
count(*) filter (event_name = 'login' and occurred_at >= as_of - interval 3 day)
"""


@pytest.fixture(scope="module")
def business(database_of_module: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A small business with a feature of its own; regressions alone, which use every feature they are given."""
    folder = tmp_path_factory.mktemp("mine")
    (folder / "logins_lately.sql").write_text(LOGINS)
    settings = small(
        tmp_path_factory.mktemp("data"),
        database_of_module,
        own_features=folder,
        few_conversions=100_000,
        suite_sample_rows=0,
        demo_trials=800,  # so many as a regression needs to be promoted
        business="own",
    )
    result = run(settings)
    assert result.success
    (check,) = [c for c in result.get_asset_check_evaluations() if c.check_name == "own_features_know_no_future"]
    assert check.passed
    assert "past looks are what they were" in (check.description or "")
    return settings


def test_every_snapshot_has_it_and_it_counts_what_it_says(business: Settings) -> None:
    select = "trial_id, map_values(own)[1] as lately, events_by_name['login'] as ever"
    looks = Lake.of(business).read(SNAPSHOTS.name, as_of(UNTIL), select=select).to_pylist()
    assert all(0 <= look["lately"] <= (look["ever"] or 0) for look in looks)
    assert sum(look["lately"] for look in looks) > len(looks)


def test_a_model_learns_from_it_and_says_it_in_the_words_of_the_file(business: Settings) -> None:
    (found,) = [
        f for f in ModelStore.of(business).load("1").scorer.schema.features if f.name.startswith("own_logins_lately_")
    ]
    assert found.says == "signed in {value:.0f} times in the last 3 days"
    reasons = " union all ".join(f"select reason_{n}_words as words from scores" for n in range(1, 6))
    said = Warehouse.of(business).read(f"select count(*) as n from ({reasons}) where words like 'signed in %'")
    assert said.to_pylist()[0]["n"] > 0


def test_once_its_file_is_gone_the_rules_score_and_the_error_names_it(business: Settings, tmp_path: Path) -> None:
    without = business.model_copy(update={"own_features": tmp_path})
    try:
        assert run(without, "rescore").success
        warehouse = Warehouse.of(business)
        by = warehouse.read("select distinct scored_by from scores where as_of = $1", [as_of(UNTIL)]).to_pylist()
        assert by == [{"scored_by": "rules"}]
        (error,) = warehouse.read("select error from prediction_errors").to_pylist()
        assert "logins_lately.sql" in error["error"]
    finally:
        assert run(business, "rescore").success


def test_a_file_that_cannot_be_trusted_stops_the_run_and_leaves_the_scores(business: Settings, tmp_path: Path) -> None:
    before = Warehouse.of(business).read("select * from scores order by trial_id, as_of").to_pylist()
    (tmp_path / "later.sql").write_text("-- meaning: x\n-- says: x\ncount(*) filter (occurred_at < now())")
    result = run(business.model_copy(update={"own_features": tmp_path}), "rescore")
    assert not result.success
    failed = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    assert {event.step_key for event in failed} == {"snapshots"}
    assert "later.sql: now() gives something else each time" in str(failed[0].event_specific_data)
    assert Warehouse.of(business).read("select * from scores order by trial_id, as_of").to_pylist() == before
