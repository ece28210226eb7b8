from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.rollout.looks import Looks
from churn_pipeline.contracts.production import ROLLOUT_SCORES
from churn_pipeline_tests.batches import empty_lake
from churn_pipeline_tests.rows import rows

pytestmark = pytest.mark.flow

SINCE = datetime(2026, 5, 1, tzinfo=UTC)
TODAY = SINCE + timedelta(days=12)


@dataclass(frozen=True)
class Past:
    """A rollout of twelve days, as it lies in the tables."""

    looks: Looks
    lake: Lake
    said: pd.DataFrame
    """Every look of it before today, by day and trial."""
    labels: pd.DataFrame


@pytest.fixture
def past(tmp_path: Path, warehouse: Warehouse) -> Past:
    """Sixty trials that run for up to five days; from the sixth day on half of the champion's are the canary's. Other rollouts lie beside it."""
    rng = np.random.default_rng(5)
    given = [
        {
            "as_of": SINCE + timedelta(days=day),
            "trial_id": f"t{trial:02}",
            "arm": "canary" if trial % 5 == 0 or (day > 5 and trial % 2) else "champion",
            "champion_probability": rng.random(),
            "canary_probability": rng.random(),
        }
        for day in range(13)
        for trial in range(5 * day, 5 * day + 20)
    ]
    beside = [{**row, "trial_id": f"other-{row['trial_id']}"} for row in given]
    tables = [
        rows(ROLLOUT_SCORES, *given, canary_version="2", champion_version="1"),
        rows(ROLLOUT_SCORES, *beside, canary_version="3", champion_version="1"),
    ]
    for table in tables:
        warehouse.append(ROLLOUT_SCORES, table)
    lake = empty_lake(tmp_path)
    trials = " union all ".join(
        f"select 't{n:02}' as trial_id, {n % 3 == 0} as converted, timestamptz '{SINCE + timedelta(days=n / 5 - 1, hours=1)}' as matured_at"
        for n in range(60)
        if n % 7
    )
    with lake.engine.connection() as connection:
        lake.write(connection, "labels", TODAY, trials)
    said = pd.DataFrame(given)
    looks = Looks(warehouse, "2", "1", SINCE, before=TODAY)
    return Past(looks, lake, said[said["as_of"] < TODAY], lake.read("labels", TODAY).to_pandas())


def known(past: Past) -> pd.DataFrame:
    """The same from all looks at once."""
    labels = past.labels[past.labels["matured_at"] <= TODAY]
    joined = past.said.merge(labels, on="trial_id", validate="many_to_one")
    return joined[joined["as_of"] < joined["matured_at"]].reset_index(drop=True)


def test_the_looks_at_matured_trials_come_in_order_each_with_its_trial_and_outcome(past: Past) -> None:
    found, wanted = past.looks.matured(past.lake, TODAY), known(past)
    assert 50 < len(wanted) < len(past.said) / 1.5
    assert list(found.columns) == ["trial", "converted", "champion_probability", "canary_probability"]
    assert found["trial"].factorize()[0].tolist() == wanted["trial_id"].factorize()[0].tolist()
    for column in ("converted", "champion_probability", "canary_probability"):
        assert found[column].tolist() == wanted[column].tolist()


def test_the_newest_looks_are_those_of_the_last_day_that_was_scored(past: Past) -> None:
    last = past.said[past.said["as_of"] == TODAY - timedelta(days=1)]
    found = past.looks.newest()
    for column in found.columns:
        assert sorted(found[column]) == sorted(last[column])


def test_a_trial_is_counted_in_the_arm_in_which_it_was_first_scored(past: Past) -> None:
    first = past.said.drop_duplicates("trial_id").set_index("trial_id")["arm"]
    moved = set(past.said["trial_id"][past.said["arm"] == "canary"]) & set(first.index[first == "champion"])
    assert len(moved) > 5
    assert past.looks.counted() == {**first.value_counts().to_dict(), "moved": len(moved)}


def test_the_shown_score_is_that_of_the_arm_of_the_look(past: Past) -> None:
    found, wanted = past.looks.shown(past.lake, TODAY), known(past)
    assert list(found.columns) == ["trial", "converted", "by_canary", "score"]
    assert found["by_canary"].tolist() == (wanted["arm"] == "canary").tolist()
    own = np.where(wanted["arm"] == "canary", wanted["canary_probability"], wanted["champion_probability"])
    assert found["score"].tolist() == own.tolist()


def test_a_rollout_that_has_not_scored_yet_has_no_looks(past: Past, warehouse: Warehouse) -> None:
    begun = Looks(warehouse, "9", "1", SINCE, before=TODAY)
    assert begun.newest().empty
    assert begun.matured(past.lake, TODAY).empty
    assert begun.counted() == {"champion": 0, "canary": 0, "moved": 0}
