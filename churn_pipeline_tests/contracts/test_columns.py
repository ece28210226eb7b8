from __future__ import annotations

from churn_pipeline.contracts import columns
from churn_pipeline.contracts.analytics import ANALYTICS_TABLES
from churn_pipeline.contracts.spec import Column

SHARED = [value for value in vars(columns).values() if isinstance(value, Column)]


def test_a_column_that_tables_share_means_the_same_wherever_its_name_has_its_words() -> None:
    for shared in SHARED:
        users = [table for table in ANALYTICS_TABLES if shared in table.columns]
        assert len(users) > 1, f"{shared.name} is used by {len(users)} tables: declare it where it is used"


def test_who_a_trial_is_counts_as_personal_data_wherever_it_stands() -> None:
    trials = [table.column("trial_id") for table in ANALYTICS_TABLES if "trial_id" in table.names]
    assert {column.privacy for column in trials} == {columns.TRIAL.privacy}
