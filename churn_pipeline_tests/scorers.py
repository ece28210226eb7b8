"""Small fitted scorers over a made-up business, with nulls, a rare category and a feature that says nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from churn_pipeline.core.calibration import FITS, Calibrator, Kind
from churn_pipeline.core.log_odds import fit_linear, probability
from churn_pipeline.core.members import Member
from churn_pipeline.core.members.lightgbm import LightGBMMember
from churn_pipeline.core.members.logistic import LogisticMember
from churn_pipeline.core.members.network import Inputs, Layers, NetworkMember, silu
from churn_pipeline.core.members.xgboost import XGBoostMember
from churn_pipeline.core.schema import FeatureSchema, ModelFeature
from churn_pipeline.core.scorer import Scorer

if TYPE_CHECKING:
    from numpy.typing import NDArray

CATALOGUE = (
    ModelFeature("events_3d", "number", says="{value:.0f} actions in the last 3 days"),
    ModelFeature("invites", "number", says="invited {value:.0f} teammates"),
    ModelFeature("company_size", "number", says="{value:,.0f} employees"),
    ModelFeature("hours_idle", "number"),
    ModelFeature("sector", "category", says="in sector {value}"),
    ModelFeature("plan", "category"),
    ModelFeature("started_weekday", "number"),
)


def trials(count: int, seed: int) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Features of as many trials, and whether they converted."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "events_3d": rng.negative_binomial(1, 0.1, count).astype(np.float64),
            "invites": rng.poisson(1.5, count).astype(np.float64),
            "company_size": np.where(rng.random(count) < 0.3, np.nan, rng.lognormal(4, 1.5, count)),
            "hours_idle": np.where(rng.random(count) < 0.1, np.nan, rng.exponential(40, count)),
            "sector": rng.choice(
                np.array(["retail", "health", "law", None], dtype=object), count, p=[0.5, 0.3, 0.1, 0.1]
            ),
            "plan": rng.choice(np.array(["team", "solo"], dtype=object), count),
            "started_weekday": rng.integers(1, 8, count).astype(np.float64),
        }
    )
    truth = (
        -1.5
        + 0.4 * np.log1p(frame["events_3d"])
        + 0.3 * frame["invites"] * (frame["plan"] == "team")
        - 0.02 * frame["hours_idle"].fillna(80)
        + 0.5 * frame["company_size"].isna()
        + (frame["sector"] == "health")
    )
    return frame, (rng.random(count) < probability(truth)).astype(np.float64)


def xgboost_member(x: NDArray[np.float64], labels: NDArray[np.float64], rounds: int = 40) -> XGBoostMember:
    import xgboost

    parameters = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.2, "nthread": 1, "seed": 1}
    return XGBoostMember.of(xgboost.train(parameters, xgboost.DMatrix(x, labels, nthread=1), rounds))


def lightgbm_member(x: NDArray[np.float64], labels: NDArray[np.float64], rounds: int = 40) -> LightGBMMember:
    import lightgbm

    parameters = {
        "objective": "binary",
        "num_leaves": 12,
        "num_threads": 1,
        "verbose": -1,
        "deterministic": True,
        "seed": 1,
    }
    return LightGBMMember.of(lightgbm.train(parameters, lightgbm.Dataset(x, labels), rounds))


def network_member(x: NDArray[np.float64], labels: NDArray[np.float64], rounds: int = 40) -> NetworkMember:
    """A network of so many units, whose weights are drawn and whose slopes are fitted (Rahimi and Recht 2008)."""
    inputs, rng = Inputs.learn(x), np.random.default_rng(1)
    weights, biases = rng.normal(size=(len(inputs.centre), rounds)) / 2, rng.normal(size=rounds)
    reached = silu(inputs.apply(x) @ weights + biases)
    intercept, *slopes = fit_linear(np.column_stack([np.ones(len(x)), reached]), labels, penalty=1.0).coefficients
    return NetworkMember.of(inputs, Layers(weights, biases, np.array(slopes), float(intercept)))


@cache
def fitted(kind: Kind = "centred isotonic") -> Scorer:
    """A blend in which all four members have weight, calibrated that way."""
    frame, labels = trials(1500, seed=1)
    schema = FeatureSchema.learn(frame, CATALOGUE)
    x = schema.encode(frame)
    members: tuple[Member, ...] = (
        xgboost_member(x, labels),
        lightgbm_member(x, labels),
        network_member(x, labels),
        LogisticMember.fit(x, labels, strength=1.0),
    )
    frame, labels = trials(1500, seed=2)
    raw = Scorer(schema, members, (0.3, 0.3, 0.2, 0.4), 0.1, Calibrator("temperature", (0.0,), (0.0,), 1.0, 1.0))
    return replace(raw, calibrator=FITS[kind](raw.margin(schema.encode(frame)), labels))
