"""The truth about each trial, which no source and no feature holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.capabilities.simulation.arrow import words
from churn_pipeline.capabilities.simulation.business import Business
from churn_pipeline.capabilities.simulation.calendar import Whole
from churn_pipeline.capabilities.simulation.outcome import Outcome
from churn_pipeline.capabilities.simulation.records import currency, trial_id
from churn_pipeline.capabilities.simulation.revenue import lifetime_value
from churn_pipeline.capabilities.simulation.touches import KINDS, Touches, usual_touch

if TYPE_CHECKING:
    import pyarrow as pa


def truth(business: Business, outcome: Outcome, which: Whole) -> pa.Table:
    """One row a trial: what it would do under each single touch, what that costs, and what it is worth.

    Columns: trial_id; probability (with business as usual); p_none and p_<kind> (if nothing but that touch, on its
    usual day, is meant for it); converts_none and converts_<kind> (what then becomes of it); cost_<kind> (EUR);
    lifetime_value and its currency (if it converts); best_touch and persuadability (what that adds to p_none).
    """
    import pyarrow as pa

    population = business.population
    nobody = business.outcome(Touches.none())
    arms = [business.outcome(usual_touch(population, place)) for place in range(len(KINDS))]
    gains = np.stack([arm.probability - nobody.probability for arm in arms])
    names = [kind.name for kind in KINDS]
    best = np.where(gains.max(axis=0) > 0, gains.argmax(axis=0), len(names))
    columns = {
        "probability": outcome.probability,
        "p_none": nobody.probability,
        **{f"p_{name}": arm.probability for name, arm in zip(names, arms, strict=True)},
        "converts_none": nobody.converted,
        **{f"converts_{name}": arm.converted for name, arm in zip(names, arms, strict=True)},
        **{f"cost_{kind.name}": np.full(len(population), kind.cost) for kind in KINDS},
        "lifetime_value": lifetime_value(business.parameters, population),
        "persuadability": np.maximum(gains.max(axis=0), 0),
    }
    return pa.table(
        {
            "trial_id": trial_id(which),
            **{name: column[which] for name, column in columns.items()},
            "best_touch": words(best[which], [*names, "none"]),
            "currency": currency(population, which),
        }
    )
