"""How good the models are on public tables: ours against what a team would take instead, on the same split, with intervals.

    python benchmarks/quality.py split FOLDER          # CHURN_REALDATA names the sets; writes what all of them see
    python benchmarks/quality.py ours FOLDER
    OTHERS/bin/python benchmarks/quality_others.py FOLDER    # an environment of its own: catboost, autogluon.tabular[lightgbm,catboost,xgboost]
    python benchmarks/quality.py table FOLDER

Each set is split once, stratified, 80 % to learn and 20 % to judge (scikit-learn's `train_test_split`, seed 0). Everybody gets the columns that
feature-table mode would use, with their types, and nothing else. Ours is what `churn run --table` trains, with the judged rows as its test
cohort: tuning, choice and calibration come out of the 80 %. AutoGluon has as much wall time as ours took, at least a minute. Intervals: 95 %, paired bootstrap
over rows, of the other's loss less ours: above 0 ours is better with evidence, below 0 the other is.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from churn_pipeline.adapters.engine import Engine
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import open_source
from churn_pipeline.adapters.sources.mapping import TableSpec
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.capabilities.ingestion.feature_table import stage_feature_table
from churn_pipeline.capabilities.training.fitting import fit
from churn_pipeline.capabilities.training.recipe import Recipe
from churn_pipeline.core.gain import gain
from churn_pipeline.core.metrics import auc, brier, ece, losses
from churn_pipeline.core.schema import ModelFeature
from churn_pipeline.settings import Settings

DAY = datetime(2026, 1, 1, tzinfo=UTC)
JUDGED = 0.2
RESAMPLES = 2_000
OURS = "ours"


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A public table: its file below CHURN_REALDATA, and what a person would say of it."""

    name: str
    file: str
    label: str
    positive: str
    id: str | None = None
    drop: tuple[str, ...] = ()


SETS = (
    PublicSet("telco_churn", "telco_churn/WA_Fn-UseC_-Telco-Customer-Churn.csv", "Churn", "Yes", id="customerID"),
    PublicSet("bank_marketing", "bank_marketing/bank-additional-full.csv.gz", "y", "yes", drop=("duration",)),
    PublicSet("online_shoppers", "online_shoppers/online_shoppers_intention.csv", "Revenue", "TRUE"),
    PublicSet(
        "trial_workforce_saas",
        "trial_workforce_saas/org_features_gogoharrison.csv",
        "converted",
        "True",
        id="ORGANIZATION_ID",
        drop=("converted_at", "days_to_convert", "last_event_ts"),  # known only afterwards
    ),
    PublicSet("ravenstack_saas", "ravenstack_saas/ravenstack_accounts.csv", "churn_flag", "True", id="account_id"),
    PublicSet("hillstrom", "hillstrom/hillstrom.csv.gz", "visit", "1", drop=("conversion", "spend")),
)


def split(folder: Path) -> None:
    """Write `<set>/rows.parquet` (id, judged, label, features) and `<set>/kinds.json` of every set that is there."""
    from sklearn.model_selection import train_test_split

    real = Path(os.environ["CHURN_REALDATA"])
    for one in SETS:
        place = folder / one.name
        place.mkdir(parents=True, exist_ok=True)
        path = real / one.file
        spec = TableSpec.model_validate(
            {"from": path.name, "id": one.id, "label": one.label, "positive": one.positive, "drop": one.drop}
        )
        lake = Lake(place / "lake", Engine("4GB", 2, place / "spill"))
        looked, _ = stage_feature_table(lake, open_source(path.parent), spec, as_of=DAY, read_at=DAY)
        table = looked.table
        rows = lake.read("staged_feature_table", DAY).to_pandas()
        rows = rows[rows["_broken"].isna() & rows[one.label].notna()]
        y = (rows[one.label] == one.positive).to_numpy()
        _, judged = train_test_split(np.arange(len(rows)), test_size=JUDGED, stratify=y, random_state=0)
        frame = rows[[c.name for c in table.features]].copy()
        for column in table.features:
            if column.kind == "category":
                frame[column.name] = frame[column.name].astype(object).where(frame[column.name].notna(), None)
        frame.insert(0, "__id", rows[table.id].astype(str))
        frame.insert(1, "__judged", np.isin(np.arange(len(rows)), judged))
        frame.insert(2, "__label", y.astype(int))
        frame.to_parquet(place / "rows.parquet", index=False)
        (place / "kinds.json").write_text(json.dumps({c.name: c.kind for c in table.features}))
        out = {c.name: c.because for c in table.left_out}
        sys.stderr.write(f"{one.name}: {len(rows):,} rows, {y.mean():.1%}; left out: {out}\n")


def ours(folder: Path, settings: Settings) -> None:
    """Train as `churn run --table` does and write the probabilities of the judged rows."""
    for place, rows, kinds in _sets(folder):
        began = time.perf_counter()
        judged = rows["__judged"].to_numpy()
        catalogue = [ModelFeature(name, kind) for name, kind in kinds.items()]
        frame = rows[list(kinds)].copy()
        frame["trial_id"], frame["converted"], frame["trial_day"] = rows["__id"], rows["__label"] > 0, 0
        order = pd.util.hash_pandas_object(rows["__id"], index=False).to_numpy() % 1_000_000
        # the judged rows begin after all others, so that they are the test cohort
        frame["started_at"] = DAY + pd.to_timedelta(order, unit="us") + pd.to_timedelta(judged.astype(int), unit="D")
        frame["as_of"] = DAY + timedelta(days=3)
        recipe = Recipe.of(settings.model_copy(update={"test_share": float(judged.mean())}))
        fitted = fit(
            frame,
            catalogue=catalogue,
            recipe=recipe,
            studies=Studies(f"sqlite:///{place}/studies.db"),
            as_of=DAY + timedelta(days=3),
            code="benchmark",
            business="benchmark",
            threads=settings.threads,
        )
        seconds = time.perf_counter() - began
        _write(place, OURS, fitted.scorer.probability(frame[judged]), seconds)
        sys.stderr.write(f"{place.name}: {fitted.facts['chosen']} {fitted.facts['weights']} in {seconds:.0f} s\n")


def _sets(folder: Path) -> list[tuple[Path, pd.DataFrame, dict[str, Any]]]:
    return [
        (place, pd.read_parquet(place / "rows.parquet"), json.loads((place / "kinds.json").read_text()))
        for place in (folder / one.name for one in SETS)
        if (place / "rows.parquet").exists()
    ]


def _write(place: Path, name: str, probability: np.ndarray[Any, Any], seconds: float) -> None:
    (place / f"{name}.json").write_text(json.dumps({"seconds": seconds, "probability": probability.tolist()}))


def table(folder: Path) -> None:
    """Print a Markdown table of every set and way, and the mean ranks by log loss."""
    ranks: dict[str, list[float]] = {}
    lines = [
        "| set | way | AUC | log loss | Brier | ECE | log loss less ours (95 %) | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for place, rows, _ in _sets(folder):
        y = rows.loc[rows["__judged"], "__label"].to_numpy()
        said = {
            path.stem: json.loads(path.read_text()) for path in sorted(place.glob("*.json")) if path.stem != "kinds"
        }
        p = {name: np.array(one["probability"]) for name, one in said.items()}
        lost = {name: losses(one, y) for name, one in p.items()}
        order = sorted(p, key=lambda name: lost[name].mean())
        for rank, name in enumerate(order, start=1):
            ranks.setdefault(name, []).append(rank)
            apart = ""
            if name != OURS:
                rng = np.random.default_rng(0)
                apart = str(
                    gain(
                        lost[name], lost[OURS], groups=np.arange(len(y)), rng=rng, resamples=RESAMPLES, confidence=0.95
                    )
                )
            lines.append(
                f"| {place.name} | {name} | {auc(p[name], y):.4f} | {lost[name].mean():.4f} | {brier(p[name], y):.4f} | "
                f"{ece(p[name], y):.4f} | {apart} | {said[name]['seconds']:.0f} |"
            )
    ranked = sorted(ranks, key=lambda name: np.mean(ranks[name]))
    lines += ["", "Mean rank by log loss: " + ", ".join(f"{name} {np.mean(ranks[name]):.2f}" for name in ranked) + "."]
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> None:
    """See the head of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("split", "ours", "table"))
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    if arguments.step == "split":
        split(arguments.folder)
    elif arguments.step == "ours":
        ours(arguments.folder, Settings())
    else:
        table(arguments.folder)


if __name__ == "__main__":
    main()
