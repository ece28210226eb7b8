"""What a team would take instead, on the rows that `benchmarks/quality.py split` wrote; nothing of ours is imported.

    OTHERS/bin/python benchmarks/quality_others.py FOLDER [--only NAME,NAME]

scikit-learn's logistic regression (scaled, one-hot, C = 1), LightGBM and CatBoost with default settings and native categories, XGBoost tuned by a random search
over thirty settings with five folds, and AutoGluon (`best_quality`) with as much wall time as ours took, at least a minute. Needs an environment with catboost, lightgbm,
xgboost, scikit-learn and autogluon.tabular.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

LEAST_SECONDS = 60.0
THREADS = 2
TRIES = 30


def categorical(frame: pd.DataFrame, kinds: dict[str, str]) -> pd.DataFrame:
    """Texts as pandas categories."""
    made = frame.copy()
    for name, kind in kinds.items():
        if kind == "category":
            made[name] = pd.Categorical(made[name])
    return made


def logistic(x: pd.DataFrame, y: Any, judged: pd.DataFrame, kinds: dict[str, str], _: float) -> Any:
    """Scaled numbers with the median for nulls, categories one-hot."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [n for n, k in kinds.items() if k == "number"]
    words = [n for n, k in kinds.items() if k == "category"]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            (
                "words",
                make_pipeline(
                    SimpleImputer(strategy="constant", fill_value="missing", missing_values=None),
                    OneHotEncoder(handle_unknown="ignore"),
                ),
                words,
            ),
        ]
    )
    return make_pipeline(columns, LogisticRegression(max_iter=5_000)).fit(x, y).predict_proba(judged)[:, 1]


def lightgbm_default(x: pd.DataFrame, y: Any, judged: pd.DataFrame, kinds: dict[str, str], _: float) -> Any:
    """Default settings, native categories."""
    import lightgbm

    both = categorical(pd.concat([x, judged]), kinds)
    model = lightgbm.LGBMClassifier(n_jobs=THREADS, verbose=-1, random_state=0).fit(both.iloc[: len(x)], y)
    return model.predict_proba(both.iloc[len(x) :])[:, 1]


def catboost_default(x: pd.DataFrame, y: Any, judged: pd.DataFrame, kinds: dict[str, str], _: float) -> Any:
    """Default settings, native categories."""
    import catboost

    words = [n for n, k in kinds.items() if k == "category"]
    model = catboost.CatBoostClassifier(thread_count=THREADS, random_seed=0, verbose=False, allow_writing_files=False)
    fill = dict.fromkeys(words, "missing")
    model.fit(x.fillna(fill), y, cat_features=words)
    return model.predict_proba(judged.fillna(fill))[:, 1]


def xgboost_tuned(x: pd.DataFrame, y: Any, judged: pd.DataFrame, kinds: dict[str, str], _: float) -> Any:
    """The best of a random search, by log loss over five folds."""
    import xgboost
    from scipy.stats import loguniform, randint, uniform
    from sklearn.model_selection import RandomizedSearchCV

    both = pd.get_dummies(
        pd.concat([x, judged]), columns=[n for n, k in kinds.items() if k == "category"], dummy_na=True
    )
    both.columns = [str(place) for place in range(both.shape[1])]
    space = {
        "learning_rate": loguniform(0.02, 0.3),
        "max_depth": randint(2, 8),
        "min_child_weight": loguniform(1, 50),
        "subsample": uniform(0.6, 0.4),
        "colsample_bytree": uniform(0.4, 0.6),
        "reg_lambda": loguniform(0.1, 50),
        "n_estimators": randint(50, 600),
    }
    model = xgboost.XGBClassifier(n_jobs=THREADS, tree_method="hist", random_state=0)
    search = RandomizedSearchCV(model, space, n_iter=TRIES, scoring="neg_log_loss", cv=5, random_state=0)
    return search.fit(both.iloc[: len(x)], y).predict_proba(both.iloc[len(x) :])[:, 1]


def autogluon(x: pd.DataFrame, y: Any, judged: pd.DataFrame, kinds: dict[str, str], seconds: float) -> Any:
    """`best_quality`, for log loss, within the time that ours took."""
    from autogluon.tabular import TabularPredictor

    place = Path(tempfile.mkdtemp())
    try:
        model = TabularPredictor(label="__label", eval_metric="log_loss", path=str(place), verbosity=0)
        model.fit(
            categorical(x, kinds).assign(__label=y),
            presets="best_quality",
            time_limit=max(seconds, LEAST_SECONDS),
            num_cpus=THREADS,
            ag_args_ensemble={"fold_fitting_strategy": "sequential_local"},
        )
        return model.predict_proba(categorical(judged, kinds))[1].to_numpy()
    finally:
        shutil.rmtree(place, ignore_errors=True)


WAYS = {
    "logistic regression": logistic,
    "LightGBM, defaults": lightgbm_default,
    "CatBoost, defaults": catboost_default,
    "XGBoost, tuned": xgboost_tuned,
    "AutoGluon, equal time": autogluon,
}


def main() -> None:
    """See the head of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default=",".join(WAYS))
    arguments = parser.parse_args()
    for place in sorted(arguments.folder.iterdir()):
        if not (place / "rows.parquet").exists():
            continue
        rows, kinds = pd.read_parquet(place / "rows.parquet"), json.loads((place / "kinds.json").read_text())
        learnt, judged = rows[~rows["__judged"]], rows[rows["__judged"]]
        ours = json.loads((place / "ours.json").read_text())["seconds"] if (place / "ours.json").exists() else 0.0
        for name, way in WAYS.items():
            if not any(word and word in name for word in arguments.only.split(",")):
                continue
            began = time.perf_counter()
            said = way(learnt[list(kinds)], learnt["__label"].to_numpy(), judged[list(kinds)], kinds, ours)
            seconds = time.perf_counter() - began
            written = {"seconds": seconds, "probability": np.asarray(said, dtype=float).tolist()}
            (place / f"{name}.json").write_text(json.dumps(written))
            sys.stderr.write(f"{place.name}: {name} in {seconds:.0f} s\n")


if __name__ == "__main__":
    main()
