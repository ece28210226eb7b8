"""Which way it is going: day over day, and short against longer windows."""

from churn_pipeline.contracts.features.feature import Feature
from churn_pipeline.contracts.features.grains import DAYS


def _last(days: int, *, after: int = 0) -> str:
    """SQL: events of so many days, those before the last `after` days."""
    until = f" and day < today - {after}" if after else ""
    return f"coalesce(sum(n) filter (day >= today - {days + after}{until}), 0)"


MOMENTUM = (
    Feature(
        name="velocity_1d",
        family="momentum",
        meaning="Events of the last day minus events of the day before.",
        over=DAYS,
        sql=f"{_last(1)} - {_last(1, after=1)}",
        says="{value:+.0f} actions yesterday against the day before",
        unit="events",
        window="2 d",
    ),
    Feature(
        name="momentum_3d",
        family="momentum",
        meaning="Events of the last three days minus events of the three before.",
        over=DAYS,
        sql=f"{_last(3)} - {_last(3, after=3)}",
        says="{value:+.0f} actions in the last 3 days against the 3 before",
        unit="events",
        window="6 d",
    ),
    Feature(
        name="recent_share",
        family="momentum",
        meaning="Events of the last three days as a share of all.",
        over=DAYS,
        sql=f"{_last(3)} / sum(n)",
        says="{value:.0%} of all actions fell in the last 3 days",
        unit="share",
        window="3 d",
        absent="nothing done yet",
    ),
)
