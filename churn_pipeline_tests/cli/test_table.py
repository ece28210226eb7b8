from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from churn_pipeline.adapters.warehouse import Warehouse, WarehouseError
from churn_pipeline.cli.table import print_table, show
from churn_pipeline.contracts.analytics import ACTIONS, SCORES
from churn_pipeline.settings import Settings
from churn_pipeline_tests.rows import rows


def printed(table: pa.Table, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "100")
    print_table(table)
    return capsys.readouterr().out


def test_a_narrow_table_has_a_line_for_each_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = printed(pa.table({"trial": ["a", "b"], "score": [0.123456, None]}), capsys, monkeypatch)
    assert re.search(r"a +│ 0\.1235 +│", out)
    assert re.search(r"b +│ +│", out)


def test_a_wide_table_has_a_line_for_each_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = printed(pa.table({f"c{n}": [n, n + 10] for n in range(9)}), capsys, monkeypatch)
    assert "row 2" in out
    assert "of 2 rows" not in out
    assert re.search(r"c8 +│ 8 +│ 18 +│", out)


def test_a_wide_table_shows_as_many_rows_as_fit_and_says_how_to_see_the_others(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = printed(pa.table({f"c{n}": list(range(50)) for n in range(9)}), capsys, monkeypatch)
    assert "2 of 50 rows; --limit, --json or a SELECT of a few columns shows more of them\n" in out
    assert max(map(len, out.splitlines())) <= 100


def test_every_row_that_was_asked_for_is_a_block_where_the_screen_is_too_narrow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    print_table(pa.table({f"c{n}": [n, n + 10, n + 20] for n in range(9)}), total=7, every=True)
    first, second, third, more = re.split(r"\n\s*\n", capsys.readouterr().out.strip())
    assert [block.split()[:2] for block in (first, second, third)] == [["c0", "0"], ["c0", "10"], ["c0", "20"]]
    assert more == "3 of 7 rows; --limit 7 asks for all"
    monkeypatch.setenv("COLUMNS", "200")
    print_table(pa.table({f"c{n}": [n, n + 10, n + 20] for n in range(9)}), every=True)
    assert "row 3" in capsys.readouterr().out, "side by side where there is room"


def test_midnights_are_shown_as_days_and_no_rows_as_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = [datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 1, 9, 30, tzinfo=UTC)]
    out = printed(pa.table({"at": moments}), capsys, monkeypatch)
    assert re.search(r"│ 2024-05-01 +│", out)
    assert "2024-05-01 09:30:00" in out
    assert "no rows yet" in printed(pa.table({"at": moments}).slice(0, 0), capsys, monkeypatch)


WORDS = {
    "table": ["subscriptions", "events"],
    "rule": ["out_of_bounds_event_name", "missing_key"],
    "open": ["1,204", "0"],
    "resolved": ["12", "7"],
    "first seen": ["2026-11-01 10:00:00", "2026-11-02 11:00:00"],
    "last new": ["2026-11-01 10:00:00", "2026-11-02 11:00:00"],
    "because [note]": ["key column trial_id is null; do: fill it in", ""],
}


@pytest.mark.parametrize("width", [160, 100, 80, 60])
def test_no_word_is_broken_however_narrow_the_screen(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_table(pa.table(WORDS))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= width
    words = {word for name, values in WORDS.items() for cell in (name, *values) for word in cell.split()}
    assert words <= set(out.split())


def test_a_word_longer_than_the_screen_is_shown_whole_nevertheless(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_table(pa.table({"id": ["t1"], "row": ["x" * 90]}))
    assert capsys.readouterr().out.count("x") == 90


@pytest.mark.flow
def test_a_table_or_a_select_is_shown_up_to_a_limit(
    warehouse: Warehouse, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    day = datetime(2024, 5, 1, tzinfo=UTC)
    given = [{"trial_id": f"t{n}", "as_of": day, "conversion_probability": n / 10} for n in range(5)]
    warehouse.append(ACTIONS, rows(ACTIONS, *given))
    show(settings, "actions", limit=2, as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["trial_id"] for line in lines] == ["t0", "t1"]
    assert lines[0]["as_of"].startswith("2024-05-01")
    show(settings, " select trial_id from actions order by 1 desc ; ", limit=1, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"trial_id": "t4"}
    show(settings, "select trial_id from actions", limit=2, as_json=False)
    assert "2 of 5 rows; --limit 5 asks for all\n" in capsys.readouterr().out
    show(settings, "select trial_id from actions", limit=5, as_json=False)
    assert "rows" not in capsys.readouterr().out


@pytest.mark.flow
def test_columns_of_one_name_keep_their_values(
    warehouse: Warehouse, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert warehouse.read("select * from actions").num_rows == 0
    show(settings, "select 1 as x, 2 as x, 3 as x_2, 4 as x", limit=5, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"x": 1, "x_3": 2, "x_2": 3, "x_4": 4}
    show(settings, "select count(*), count(distinct trial_id) + 7 as count from actions", limit=5, as_json=False)
    assert re.search(r"│ 0 +│ 7 +│", capsys.readouterr().out)


@pytest.mark.flow
def test_an_answer_says_of_which_business(
    warehouse: Warehouse, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert warehouse.read("select * from actions").num_rows == 0
    show(settings, "select trial_id from actions where false", limit=5, as_json=False)
    assert capsys.readouterr().out.startswith("no rows; columns: trial_id\n")
    show(settings, "actions", limit=5, as_json=False)
    assert capsys.readouterr().out.endswith("business: demo (of another: --source or --mapping)\n")
    warehouse.append(ACTIONS, rows(ACTIONS, {"trial_id": "t"}))
    show(settings, "select trial_id from actions", limit=5, as_json=False)
    assert capsys.readouterr().out.endswith("business: demo (of another: --source or --mapping)\n")


@pytest.mark.flow
def test_before_the_first_run_a_table_is_not_taken_for_a_misspelling(settings: Settings) -> None:
    with pytest.raises(WarehouseError, match=r"there is no table analytics\.scores\."):
        show(settings, "select * from analytics.scores", limit=5, as_json=False)
    with pytest.raises(WarehouseError) as refused:
        show(settings, "scores_latest", limit=5, as_json=False)
    first, do = str(refused.value).splitlines()
    assert first == "nothing that makes it has been run yet on business `demo`: there is no table scores_latest."
    assert re.fullmatch(r"  do: \S*churn run", do)


@pytest.mark.flow
def test_a_view_is_a_table_to_people(
    warehouse: Warehouse, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse.append(SCORES, rows(SCORES, {"trial_id": "t"}))
    show(settings, "scores_latest", limit=5, as_json=False)
    assert "trial_id" in capsys.readouterr().out


@pytest.mark.flow
@pytest.mark.parametrize("query", ["select nonsense", "drop table actions", "select 1; drop table actions"])
def test_what_the_server_does_not_answer_is_told_with_the_tables_there_are(
    warehouse: Warehouse, settings: Settings, query: str
) -> None:
    with pytest.raises(WarehouseError, match="cannot be answered") as refused:
        show(settings, query, limit=5, as_json=False)
    assert "scores_latest" in str(refused.value)
    assert warehouse.read("select * from actions").num_rows == 0


@pytest.mark.flow
def test_a_misspelt_column_or_table_of_a_select_is_told_with_what_was_meant(
    warehouse: Warehouse, settings: Settings
) -> None:
    assert warehouse.read("select * from scores").num_rows == 0
    for query in ("select scorebucket from scores", "select s.scorebucket from scores s"):
        with pytest.raises(WarehouseError, match=r"^there is no column \S+; did you mean score_bucket\?\n") as refused:
            show(settings, query, limit=5, as_json=False)
        assert "\n  allowed: of scores: trial_id, " in str(refused.value)
    with pytest.raises(WarehouseError, match=r"^there is no table score; did you mean scores\?\n"):
        show(settings, "select trial_id from score", limit=5, as_json=False)


@pytest.mark.flow
def test_a_table_that_is_not_there_is_told_with_those_that_are(warehouse: Warehouse, settings: Settings) -> None:
    with pytest.raises(WarehouseError) as refused:
        show(settings, "score", limit=5, as_json=False)
    first, allowed, do = str(refused.value).splitlines()
    assert first == "there is no table score; did you mean scores?"
    assert allowed.startswith("  allowed: a SELECT, or one of scores, ")
    assert do.startswith("  do: ")
