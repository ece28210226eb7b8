from __future__ import annotations

from churn_pipeline.capabilities.validation.acceptance import Accepted
from churn_pipeline.capabilities.validation.batch import BatchVerdict
from churn_pipeline.capabilities.validation.show import describe_accepted, describe_batch
from churn_pipeline.contracts.analytics import DATA_QUALITY_ISSUES, INGESTION_COUNTS
from churn_pipeline.settings import Settings
from churn_pipeline_tests.rows import rows


def test_a_batch_shows_its_rows_and_the_rules_they_broke() -> None:
    verdict = BatchVerdict("events", True, (), 100, 3, {"unknown_trial": 2, "before_trial": 1}, 50, 12)
    shown = describe_batch(verdict, Settings())
    assert (shown["rows"], shown["bad rows"], shown["expectations"]) == (100, 3, 12)
    assert shown["rows looked at by Great Expectations"] == 50
    assert shown["broken rules"].value.splitlines()[2:] == ["| unknown_trial | 2 |", "| before_trial | 1 |"]


def test_a_clean_batch_shows_no_broken_rules() -> None:
    verdict = BatchVerdict("events", True, (), 100, 0, {}, 50, 12, page="<html>")
    shown = describe_batch(verdict, Settings(reports_address="http://reports"))
    assert "broken rules" not in shown
    assert shown["data docs"].value == "http://reports/data-docs/events.html"


def test_the_figures_of_the_row_law_are_shown_and_add_up() -> None:
    accepted = Accepted("events", 10, 6, 3, 1, 5, rows(DATA_QUALITY_ISSUES), rows(INGESTION_COUNTS))
    shown = describe_accepted(accepted)
    assert shown["rows read"] == shown["dagster/row_count"] + shown["rows in quarantine"] + shown["exact duplicates"]
    assert shown["rows new to the lake"] == 5
