"""What goes on in the sectors: a climate that moves conversions, and what the statisticians publish about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from churn_pipeline.capabilities.simulation.calendar import DAY, EPOCH, Floats, Whole, day_number
from churn_pipeline.capabilities.simulation.catalogue import SECTORS
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.population import Population

INDICATORS = ("business_climate", "vacancies")
"""Published for each sector and month. The first tells of the climate, the second of nothing that matters here."""
CLIMATE = 0.3
"""Log-odds of converting for one unit of the climate of the sector in the month in which the trial starts."""
PERSISTENCE = 0.9
"""Correlation of the climate from month to month."""
BEFORE_MONTHS = 12
"""Months before the first trial for which indicators exist."""
LEVEL, SWING = 100.0, 5.0
"""The index of an average month, and its points for one unit of climate."""
FIRST_ERROR = 1.5
"""Spread, in points, of the error of the first publication; the revision has none."""
FIRST_LAG_DAYS, REVISED_LAG_DAYS = 20, 50
"""Days from the end of a month to its first publication, and to its revision."""


@dataclass(frozen=True, slots=True)
class Climate:
    """Months by sectors: `index` is what the revision says, `first` what was published first, by indicator."""

    months: Whole
    """Day on which each month starts, since 1970-01-01, and the day after the last one."""
    climate: Floats
    """Standardised; in every month zero on the average over the trials' sectors."""
    index: dict[str, Floats]
    first: dict[str, Floats]

    def log_odds(self, population: Population) -> Floats:
        """What the climate adds to the log-odds of each trial."""
        month = np.searchsorted(self.months, population.start_day, side="right") - 1
        added: Floats = CLIMATE * self.climate[month, population.sector]
        return added

    def published(self, lag_days: int) -> Whole:
        """The moment at which each month is published."""
        moments: Whole = (self.months[1:] + lag_days) * DAY
        return moments


def draw_climate(parameters: Parameters, rng: np.random.Generator) -> Climate:
    """The climate of every month in which a trial may start, and of the year before.

    What one sector gains the others lose, so that the base rate stays what it is.
    """
    months = _months(parameters)
    shares = np.array([s.share for s in SECTORS])
    walk = {name: _walk(len(months) - 1, rng) for name in INDICATORS}
    climate = walk[INDICATORS[0]] - (walk[INDICATORS[0]] @ shares)[:, None]
    values = {INDICATORS[0]: climate, INDICATORS[1]: walk[INDICATORS[1]]}
    index = {name: np.round(LEVEL + SWING * value, 1) for name, value in values.items()}
    error = {name: FIRST_ERROR * rng.standard_normal(value.shape) for name, value in index.items()}
    return Climate(months, climate, index, {name: np.round(value + error[name], 1) for name, value in index.items()})


def _walk(months: int, rng: np.random.Generator) -> Floats:
    """Stationary series of first order, one a sector, with variance 1."""
    shocks = rng.standard_normal((months, len(SECTORS)))
    values = [shocks[0]]
    for shock in shocks[1:]:
        values.append(PERSISTENCE * values[-1] + np.sqrt(1 - PERSISTENCE**2) * shock)
    return np.array(values)


def _months(parameters: Parameters) -> Whole:
    first = parameters.first_day.year * 12 + parameters.first_day.month - 1 - BEFORE_MONTHS
    last_day = EPOCH.toordinal() + day_number(parameters.first_day) + parameters.days
    last = date.fromordinal(last_day).year * 12 + date.fromordinal(last_day).month
    return np.array([day_number(date(month // 12, month % 12 + 1, 1)) for month in range(first, last + 1)])
