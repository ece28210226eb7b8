"""The whole chain on real data that nobody here made; the folder is named by CHURN_REALDATA."""

from __future__ import annotations

import csv
import gzip
import os
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.cli.feature_table import TableOptions, write_mapping
from churn_pipeline.core.clock import midnight
from churn_pipeline.core.metrics import auc
from churn_pipeline.settings import PROJECT, Settings
from churn_pipeline_tests.chains import NOW, run, tables

pytestmark = [pytest.mark.flow, pytest.mark.slow]
QUICK: dict[str, Any] = {
    "tuning_trials": 2,
    "gate_resamples": 500,
    # what chance does is drawn the oftener, the rarer a false alarm may be
    "drift_false_alarm": 0.1,
    # tests run side by side
    "threads": 1,
    # drawn of two of the sets
    "reports": False,
}


def real(name: str) -> Path:
    """The folder of a real set; skips, loudly, where there is none."""
    folder = Path(os.environ.get("CHURN_REALDATA", "nowhere")) / name
    if not folder.is_dir():
        pytest.skip(f"CHURN_REALDATA names no folder with the real set {name}: the chain is not tested on it")
    return folder


def settings_for(name: str, data_dir: Path, database: str, **other: Any) -> Settings:
    """Settings for a real set with the mapping that is shipped for it; where no `other` is named those that are shipped."""
    mapping = PROJECT / "data" / "mappings" / f"{name}.yaml"
    return Settings(data_dir=data_dir, postgres_url=database, source=real(name), mapping=mapping, **other)


def counts(settings: Settings) -> dict[str, dict[str, Any]]:
    """The row law of the last run, by table."""
    return {row["table_name"]: row for row in tables(settings)["ingestion_counts"]}


def test_workforce_trials_are_counted_against_the_files_and_the_system_does_not_pretend(
    tmp_path: Path, database: str
) -> None:
    settings = settings_for("trial_workforce_saas", tmp_path, database)
    assert run(settings, day=date(2024, 7, 15)).success
    with (real("trial_workforce_saas") / "org_features_gogoharrison.csv").open() as file:
        converted = {row["ORGANIZATION_ID"]: row["converted"] == "True" for row in csv.DictReader(file)}
    with (real("trial_workforce_saas") / "trial_funnel_events_first_touch.csv").open() as file:
        events = sum(row["activity_name"] != "Converted" for row in csv.DictReader(file))
    read = counts(settings)
    assert read["trials"]["rows_kept"] == len(converted) == 966
    assert read["subscriptions"]["rows_kept"] == sum(converted.values()) == 206
    assert read["events"]["rows_kept"] == events
    labels = Lake.of(settings).read("labels", midnight(date(2024, 7, 15))).to_pylist()
    assert {row["trial_id"]: row["converted"] for row in labels} == converted
    (verdict,) = tables(settings)["model_verdicts"]
    promoted = verdict["promote"]
    assert promoted == (verdict["gain_low"] > settings.gate_min_gain and verdict["log_loss"] < verdict["base_log_loss"])
    facts = ModelStore.of(settings).load("1").facts
    assert facts["note"] == "few conversions yet" or facts["cohorts"]["fit"]["conversions"] >= settings.few_conversions


def test_cdnow_is_not_below_a_plain_logistic_regression_on_the_same_split(tmp_path: Path, database: str) -> None:
    settings = settings_for("cdnow", tmp_path, database, **QUICK)
    day = date(1998, 7, 1)
    assert run(settings, day=day).success
    with gzip.open(real("cdnow") / "CDNOW_master.txt.gz", "rt") as file:
        purchases = [line.split() for line in file][1:]
    read = counts(settings)
    assert read["events"]["rows_kept"] == len(purchases) == 69_659
    assert read["trials"]["rows_kept"] == len({row[0] for row in purchases}) == 23_570
    labels = Lake.of(settings).read("labels", midnight(day))
    assert np.mean(labels["converted"].to_numpy(zero_copy_only=False)) == pytest.approx(0.193, abs=5e-4)
    ours = ModelStore.of(settings).load("1").facts["test"]["by_day"]["30"]
    theirs = plain_logistic(Lake.of(settings), day)
    assert ours["trials"] == theirs["trials"]
    assert round(ours["auc"]["mid"], 3) >= 0.668
    assert ours["auc"]["mid"] >= theirs["auc"] - 5e-4
    (promotion,) = tables(settings)["model_promotions"]
    assert promotion["model_version"] == "1"
    assert Warehouse.of(settings).read("select * from scores").num_rows == 0


@pytest.mark.parametrize(
    ("file", "said", "rows"),
    [
        (
            "telco_churn/WA_Fn-UseC_-Telco-Customer-Churn.csv",
            {"id": "customerID", "label": "Churn", "positive": "Yes"},
            7_043,
        ),
        ("bank_marketing/bank-additional-full.csv.gz", {"label": "y", "positive": "yes", "drop": "duration"}, 41_188),
        ("online_shoppers/online_shoppers_intention.csv", {"label": "Revenue", "positive": "TRUE"}, 12_330),
    ],
)
def test_a_public_feature_table_goes_from_its_file_to_scores(
    file: str, said: dict[str, Any], rows: int, tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_DATA_DIR", str(tmp_path))
    name, _, table = file.partition("/")
    mapping = write_mapping(TableOptions(str(real(name) / table), **said), source=None)
    quick = {**QUICK, "reports": name == "telco_churn"}
    settings = Settings(data_dir=tmp_path, postgres_url=database, mapping=mapping, **quick)
    assert run(settings, day=NOW.date()).success
    assert counts(settings)["feature_table"]["rows_kept"] == rows
    found = tables(settings)
    assert abs(len(found["scores"]) / rows - settings.test_share) < 0.001
    (verdict,) = found["model_verdicts"]
    assert verdict["promote"]
    assert found["score_outcomes"] == [], "what was known already is no record of the scores"
    facts = ModelStore.of(settings).load("1").facts
    least = {"telco_churn": 0.83, "bank_marketing": 0.78, "online_shoppers": 0.91}[name]
    assert facts["test"]["overall"]["auc"]["mid"] > least
    assert not {"duration", "customerID", "row_number"} & set(facts["features"])


def plain_logistic(lake: Lake, day: date) -> dict[str, Any]:
    """Scikit-learn on count, value, active days and recency as of day 30; first 75 % of customers train, the last test."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    columns = "events_total, coalesce(value_total, 0) as value, active_days, hours_since_last_event"
    frame = lake.read(
        "training_set", midnight(day), select=f"trial_id, started_at, trial_day, converted, {columns}"
    ).to_pandas()
    frame = frame[frame["trial_day"] == 30].sort_values(["started_at", "trial_id"])
    cut = int(0.75 * len(frame))
    x = np.log1p(frame[["events_total", "value", "active_days", "hours_since_last_event"]].to_numpy(dtype=float))
    y = frame["converted"].to_numpy(dtype=bool)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[:cut], y[:cut])
    return {"trials": len(frame) - cut, "auc": auc(model.predict_proba(x[cut:])[:, 1], y[cut:])}
