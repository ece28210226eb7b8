from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.capabilities.scoring.score import InProduction, Stamp, buckets, score, to_arrow
from churn_pipeline.contracts.analytics import SCORES
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.core.log_odds import log_odds
from churn_pipeline.core.reasons import ReasonsError
from churn_pipeline.core.rules import RulesScorer
from churn_pipeline.core.schema import SchemaError
from churn_pipeline.settings import Settings
from churn_pipeline_tests.scorers import fitted, trials

DAY = datetime(2024, 5, 8, tzinfo=UTC)
STAMP = Stamp("run-1", datetime(2024, 5, 8, 1, tzinfo=UTC), "f1")
RULES = InProduction(RulesScorer(0.3), "rules", "rules")


def champion() -> InProduction:
    """A model in production."""
    return InProduction(fitted(), "champion", "3", note="few conversions yet")


def snapshots(count: int = 60) -> pd.DataFrame:
    features, _ = trials(count, seed=11)
    return features.assign(
        trial_id=[f"t{n}" for n in range(count)],
        account_id="a",
        as_of=pd.Series([DAY] * count).dt.as_unit("us"),
        trial_day=4,
        segment=features["sector"],
    )


def earlier(**ago: float) -> pd.DataFrame:
    """Scores of trial t0 so many days ago, by `d1=0.4`."""
    days = [int(name[1:]) for name in ago]
    return pd.DataFrame(
        {
            "trial_id": pd.Series(["t0"] * len(days), dtype=object),
            "as_of": pd.to_datetime([DAY - timedelta(days=day) for day in days], utc=True).as_unit("us"),
            "conversion_probability": pd.Series(list(ago.values()), dtype=float),
        }
    )


def scored(by: InProduction | None = None, frame: pd.DataFrame | None = None, **ago: float) -> list[dict[str, Any]]:
    given = snapshots() if frame is None else frame
    table = score(given, by or champion(), earlier=earlier(**ago), settings=Settings(), stamp=STAMP)
    assert table.schema.equals(arrow_schema(SCORES))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


@pytest.mark.parametrize("by", [None, RULES], ids=["model", "rules"])
def test_the_shown_reasons_and_the_rest_add_up_to_the_log_odds_of_the_shown_probability(
    by: InProduction | None,
) -> None:
    frame = snapshots().assign(active_share=0.4, events_7d=np.arange(60.0), users_total=2.0)
    for row in scored(by, frame):
        pushes = sum(row[f"reason_{place}_push"] or 0.0 for place in range(1, 6))
        total = row["base_log_odds"] + pushes + row["other_log_odds"]
        assert total == pytest.approx(float(log_odds(row["conversion_probability"])), abs=1e-6)


def test_the_rest_is_the_sum_of_the_pushes_that_are_not_shown() -> None:
    explanation = fitted().explain(snapshots())
    for number, row in enumerate(scored()):
        shown = {row[f"reason_{place}_feature"] for place in range(1, 6)}
        hidden = sum(
            push for name, push in zip(explanation.names, explanation.pushes[number], strict=True) if name not in shown
        )
        assert row["other_log_odds"] == pytest.approx(hidden, abs=1e-4)
        sizes = [abs(row[f"reason_{place}_push"]) for place in range(1, 6)]
        assert sizes == sorted(sizes, reverse=True)


def test_each_row_is_stamped_with_who_scored_when_and_from_which_definitions() -> None:
    rows = scored()
    assert [row["trial_id"] for row in rows] == [f"t{n}" for n in range(60)]
    assert {
        (r["scored_by"], r["model_version"], r["note"], r["run_id"], r["features_version"], r["scored_at"], r["as_of"])
        for r in rows
    } == {("champion", "3", "few conversions yet", "run-1", "f1", STAMP.at, DAY)}


def test_changes_are_against_the_score_of_exactly_that_many_days_ago() -> None:
    first, second, *_ = scored(d1=0.4, d7=0.9, d2=0.1)
    now = first["conversion_probability"]
    assert (first["change_1d"], first["change_7d"]) == (pytest.approx(now - 0.4), pytest.approx(now - 0.9))
    assert (second["change_1d"], second["change_7d"]) == (None, None)
    assert scored(d2=0.1)[0]["change_1d"] is None


def test_the_segment_is_the_sector_or_all() -> None:
    assert {row["segment"] for row in scored()} == {"retail", "health", "law", "all"}


def test_a_score_on_a_threshold_is_in_the_middle() -> None:
    given = pd.Series([0.0, 0.2999, 0.3, 0.5, 0.7, 0.7001, 1.0])
    assert list(buckets(given, Settings())) == ["at_risk", "at_risk", "middle", "middle", "middle", "hot", "hot"]


def test_nobody_to_score_gives_no_rows_of_the_same_shape() -> None:
    assert scored(frame=snapshots().iloc[:0]) == []


def test_one_trial_is_scored_as_it_is_among_many() -> None:
    assert scored(frame=snapshots().iloc[:1]) == scored()[:1]


def test_a_missing_feature_is_an_error_and_no_score() -> None:
    with pytest.raises(SchemaError, match="column invites is missing"):
        scored(frame=snapshots().drop(columns="invites"))


def test_reasons_that_do_not_add_up_are_an_error_and_no_score() -> None:
    class Liar:
        schema = fitted().schema
        log_odds = fitted().log_odds

        @staticmethod
        def explain(frame: pd.DataFrame) -> Any:
            from dataclasses import replace

            honest = fitted().explain(frame)
            return replace(honest, log_odds=honest.log_odds + 0.01)

    with pytest.raises(ReasonsError, match="miss the log-odds"):
        scored(InProduction(Liar(), "champion", "3"))


def test_nan_in_a_column_that_may_be_null_is_null() -> None:
    rows = to_arrow(SCORES, pd.DataFrame(scored()[:2])).to_pylist()
    assert rows[1]["change_1d"] is None
