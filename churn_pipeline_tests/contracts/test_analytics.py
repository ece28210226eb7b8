from __future__ import annotations

import pytest

from churn_pipeline.contracts.analytics import (
    ANALYTICS_TABLES,
    DATA_QUALITY_RESOLUTIONS,
    SCORES,
    SCORES_LATEST,
    SHOWN_REASONS,
)
from churn_pipeline.contracts.production import MODEL_PROMOTIONS
from churn_pipeline.contracts.spec import Door, OneOf, Real, Table
from churn_pipeline.settings import Settings


def test_scores_has_the_columns_that_readers_were_promised() -> None:
    reasons = [f"reason_{n}_{part}" for n in range(1, 6) for part in ("feature", "value", "push", "words")]
    assert SHOWN_REASONS == 5
    assert SCORES.key == ("as_of", "trial_id")
    assert SCORES.names == (
        "trial_id", "account_id", "as_of", "trial_day", "conversion_probability", "score_bucket", "change_1d",
        "change_7d", "segment", "base_log_odds", *reasons, "other_log_odds", "note", "scored_by", "model_version",
        "features_version", "scored_at", "run_id",
    )  # fmt: skip
    assert SCORES.column("conversion_probability").type == Real(0, 1)
    assert SCORES.column("score_bucket").type == OneOf(("at_risk", "middle", "hot"))


@pytest.mark.parametrize("table", ANALYTICS_TABLES, ids=lambda table: table.name)
def test_each_table_and_column_has_a_meaning_that_is_a_sentence(table: Table) -> None:
    assert table.door is Door.ANALYTICS
    meanings = [table.meaning, *(column.meaning for column in table.columns)]
    assert [words for words in meanings if not words.endswith(".") or len(words) < 5] == []
    assert [c.name for c in table.columns if c.null != bool(c.absent)] == []


def test_only_what_is_history_is_append_only() -> None:
    assert {table for table in ANALYTICS_TABLES if table.append_only} == {MODEL_PROMOTIONS, DATA_QUALITY_RESOLUTIONS}


def test_the_view_shows_the_newest_score_of_each_trial() -> None:
    assert (SCORES_LATEST.of, SCORES_LATEST.per, SCORES_LATEST.at) == (SCORES, "trial_id", "as_of")


def test_the_bounds_of_the_buckets_are_told_as_the_settings_have_them() -> None:
    low, high = (Settings.model_fields[name].default for name in ("at_risk_below", "hot_above"))
    assert f"`at_risk` below {low}, `hot` above {high}" in SCORES.column("score_bucket").meaning
