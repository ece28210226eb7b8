"""A made-up past: matured trials at their landmarks, with features that tell something of who converts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from churn_pipeline.core.schema import ModelFeature

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
LANDMARKS = (1, 3, 7, 14)
CATALOGUE = (
    ModelFeature("trial_day", "number", says="day {value:.0f} of the trial"),
    ModelFeature("events", "number", says="{value:.0f} actions so far"),
    ModelFeature("gap", "number", says="{value:.1f} days since the last action"),
    ModelFeature("noise", "number"),
    ModelFeature("sector", "category"),
)


def past(trials: int, *, seed: int = 1, signal: float = 1.0, a_day: int = 10) -> pd.DataFrame:
    """Landmark snapshots of so many trials, `a_day` starting each day; those that converted early have fewer."""
    rng = np.random.default_rng(seed)
    intent = rng.normal(size=trials)
    sector = rng.choice(["retail", "health", "law"], size=trials)
    margin = signal * (1.3 * intent + 0.6 * (sector == "law") - 0.4 * intent**2) - 0.6
    converted = rng.random(trials) < 1 / (1 + np.exp(-margin))
    leaves = np.where(converted, rng.integers(2, 20, size=trials), 99)
    frames = [_look(rng, day, intent, sector, converted, a_day)[leaves >= day] for day in LANDMARKS]
    return pd.concat(frames).sort_values(["started_at", "trial_id", "as_of"]).reset_index(drop=True)


def _look(
    rng: np.random.Generator,
    day: int,
    intent: np.ndarray,
    sector: np.ndarray,
    converted: np.ndarray,
    a_day: int,
) -> pd.DataFrame:
    trials = len(intent)
    started = [BEGIN + timedelta(days=int(number)) for number in np.arange(trials) // a_day]
    gap = rng.exponential(np.exp(-intent / 2))
    gap[rng.random(trials) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "trial_id": [f"t{number:06d}" for number in range(trials)],
            "as_of": pd.Series([start + timedelta(days=day) for start in started]).dt.as_unit("us"),
            "started_at": pd.Series(started).dt.as_unit("us"),
            "trial_day": day,
            "converted": converted,
            "events": rng.poisson(day * np.exp(intent / 2)).astype(float),
            "gap": gap,
            "noise": rng.normal(size=trials),
            "sector": pd.Series(sector, dtype=object),
        }
    )
