from __future__ import annotations

from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from churn_pipeline.capabilities.ingestion.columns import Seen, judged, leaking, look, useless
from churn_pipeline.contracts.feature_table import TableColumn, Use
from churn_pipeline.contracts.features.feature import Kind
from churn_pipeline_tests.tables import team_table

PLAIN = Seen(
    rows=1_000,
    filled=1_000,
    distinct=40,
    numbers=1,
    integers=1,
    moments=0,
    span=40,
    filled_converted=300,
    filled_others=700,
    converted=300,
    others=700,
    auc=0.6,
)


def seen(frame: pd.DataFrame, label: str = "churned", positive: str = "no") -> dict[str, Seen]:
    connection = duckdb.connect(config={"threads": "1"})
    texts = frame.astype(object).where(frame.notna(), None).map(lambda value: None if value is None else str(value))
    connection.register("given", texts)
    columns = ", ".join(f'"{c}"::varchar as "{c}"' for c in frame.columns)
    connection.execute(f"create table rows_of as select {columns} from given")
    features = tuple(str(c) for c in frame.columns if c != label)
    return look(connection, "rows_of", features, label=label, positive=positive)


def test_ids_constants_and_planted_leaks_are_named_and_nothing_else_is() -> None:
    found = {name: judged(name, one) for name, one in seen(team_table()).items()}
    out = {name: column.because for name, column in found.items() if column.use is Use.LEFT_OUT}
    assert {name: because.split(":")[0] for name, because in out.items()} == {
        "customer_id": "it looks like an id",
        "account_uuid": "it looks like an id",
        "version": "it is always the same",
        "final_invoice": "it may be a leak",
        "churn_reason": "it may be a leak",
    }
    assert "AUC of 1.000" in out["final_invoice"]
    assert "only in rows that did not convert" in out["churn_reason"]
    assert {name: c.kind for name, c in found.items() if name not in out} == {
        "visits": "number", "plan": "category", "Noise, of no use": "number"
    }  # fmt: skip


def test_a_person_has_the_last_word() -> None:
    found = seen(team_table())["final_invoice"]
    kept = judged("final_invoice", found, keep=frozenset({"final_invoice"}))
    assert (kept.use, kept.because[:20]) == (Use.FEATURE, "kept although it may")
    dropped = judged("visits", PLAIN, drop=frozenset({"visits"}))
    assert (dropped.use, dropped.because) == (Use.LEFT_OUT, "asked for")
    assert judged("visits", PLAIN, kinds={"visits": "category"}).kind == "category"
    empty = judged("visits", replace(PLAIN, filled=0), keep=frozenset({"visits"}))
    assert (empty.use, empty.because) == (Use.LEFT_OUT, "it is empty")


@pytest.mark.parametrize(
    ("name", "other", "because"),
    [
        ("visits", {}, ""),
        ("customer_id", {"distinct": 950}, "it looks like an id"),
        ("customerID", {"distinct": 950}, "it looks like an id"),
        ("paid", {"distinct": 950}, ""),
        ("plan_id", {}, ""),
        ("row", {"distinct": 1_000, "span": 999.0}, "it numbers the rows"),
        ("balance", {"distinct": 1_000, "span": 1e6}, ""),
        ("remark", {"distinct": 600, "numbers": 0.1}, "it is text of which 60%"),
        ("since", {"moments": 1.0, "numbers": 0.0}, "it holds moments"),
        ("customer_id", {"filled": 10, "distinct": 10}, ""),
    ],
)
def test_what_tells_one_row_from_all_others_teaches_nothing(name: str, other: dict[str, Any], because: str) -> None:
    said = useless(name, replace(PLAIN, **other))
    assert said.startswith(because)
    assert bool(said) == bool(because)


def test_a_column_filled_for_one_outcome_is_a_leak_only_where_chance_would_not_do_that() -> None:
    assert leaking(replace(PLAIN, filled=3, filled_converted=0, filled_others=3)) == ""
    assert "did not convert" in leaking(replace(PLAIN, filled=60, filled_converted=0, filled_others=60))
    assert "converted" in leaking(replace(PLAIN, filled=60, filled_converted=60, filled_others=0))
    assert leaking(replace(PLAIN, auc=None)) == leaking(replace(PLAIN, auc=0.98)) == ""


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "2.5", " ", "NaN", "?", "-3"], "number"),
        (["1", "2", "three"], "category"),
        (["yes", "no", None], "category"),
        (["1e400", "1"], "category"),
    ],
)
def test_blanks_and_words_for_not_known_do_not_make_a_number_a_text(texts: list[str | None], kind: Kind) -> None:
    found = seen(pd.DataFrame({"x": texts, "churned": ["no"] * len(texts)}))["x"]
    assert (found.kind, found.rows) == (kind, len(texts))


def test_a_column_that_no_row_to_score_has_is_a_leak() -> None:
    told = replace(PLAIN, rows=1_100, filled=900, filled_converted=270, filled_others=630)
    assert "in none of those to score" in leaking(told)
    assert leaking(replace(told, filled=901)) == ""
    assert leaking(replace(told, rows=1_000)) == "", "there is no row to score"


def test_what_a_column_was_it_stays_unless_a_person_says_otherwise() -> None:
    was = TableColumn("code", "category", Use.FEATURE)
    leaks = replace(PLAIN, auc=0.99)
    now = judged("code", leaks, before=was)
    assert (now.kind, now.use, now.because[:21]) == ("category", Use.FEATURE, "kept although it may ")
    assert judged("code", leaks).use is Use.LEFT_OUT
    assert judged("code", PLAIN, before=was, kinds={"code": "number"}).kind == "number"
    assert judged("code", PLAIN, before=was, drop=frozenset({"code"})).use is Use.LEFT_OUT


@pytest.mark.parametrize(("positive", "labelled"), [("no", 8), ("NA", 12)])
def test_a_label_that_says_it_is_not_known_is_none(positive: str, labelled: int) -> None:
    frame = pd.DataFrame({"x": range(12), "churned": ["no"] * 5 + ["yes"] * 3 + ["NA"] * 4})
    found = seen(frame, positive=positive)["x"]
    assert found.converted + found.others == labelled


def test_a_leak_is_found_whatever_shape_it_has() -> None:
    rng = np.random.default_rng(3)
    y = rng.random(400) < 0.3
    code = np.where(y, 2, rng.choice([1, 3], 400))
    frame = pd.DataFrame(
        {
            "code": code,
            "word": np.where(y, "gone", rng.choice(["a", "b"], 400)),
            "null tells": np.where(y, np.nan, rng.random(400)),
            "backwards": np.where(y, 0, 1) + rng.random(400) / 10,
            "chance": rng.integers(0, 50, 400),
            "churned": np.where(y, "no", "yes"),
        }
    )
    found = seen(frame)
    areas = {name: one.auc or 0 for name, one in found.items()}
    assert min(areas[name] for name in ("code", "word", "null tells", "backwards")) > 0.98
    assert areas["chance"] < 0.65


def test_with_few_labels_nothing_is_called_a_leak() -> None:
    found = seen(team_table(30, unlabelled=20))
    assert {one.auc for one in found.values()} == {None}
    assert [leaking(one) for one in found.values()] == [""] * len(found)
