from __future__ import annotations

import dagster as dg

from churn_pipeline.orchestration.metadata import counts, finding, link, model_page, picture, rows, run_page


def test_rows_are_a_table_whatever_stands_in_the_cells() -> None:
    shown = rows(("name", "says"), [("a|b", "two\nlines"), (None, 3)])
    assert shown == dg.MetadataValue.md("| name | says |\n|---|---|\n| a\\|b | two lines |\n|  | 3 |")


def test_counts_come_the_largest_first_and_equal_ones_by_name() -> None:
    assert list(counts({"b": 1, "c": 5, "a": 1}).items()) == [("c", 5), ("a", 1), ("b", 1)]


def test_a_picture_stands_in_the_text_itself_and_says_what_it_shows() -> None:
    shown = picture(b"\x89PNG", "A curve").value
    assert str(shown).startswith("![A curve](data:image/png;base64,")


def test_a_link_can_be_opened() -> None:
    assert link("http://localhost:3002/a.html") == dg.MetadataValue.url("http://localhost:3002/a.html")


def test_a_model_and_its_run_have_pages_in_mlflow() -> None:
    assert model_page("http://m:1", "churn_demo", "3") == link("http://m:1/#/models/churn_demo/versions/3")
    assert run_page("http://m:1", "abc") == link("http://m:1/#/runs/abc")


def test_a_finding_shows_all_that_was_found() -> None:
    found = finding("fit", passed=False, words="refused\nfile a, line 3", asset="raw_events", rows=7)
    assert (found.passed, found.description, found.severity) == (
        False,
        "refused  \nfile a, line 3",
        dg.AssetCheckSeverity.ERROR,
    )
    assert found.asset_key == dg.AssetKey("raw_events")
    assert found.metadata["because"].value == "```\nrefused\nfile a, line 3\n```"
    assert found.metadata["rows"].value == 7


def test_a_finding_that_blocks_nothing_is_a_warning() -> None:
    found = finding("by_model", passed=False, words="", blocks=False)
    assert (found.severity, found.description) == (dg.AssetCheckSeverity.WARN, None)
