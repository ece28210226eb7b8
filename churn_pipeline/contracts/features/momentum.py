"""Which way it is going: day over day, and short against longer windows."""

from churn_pipeline.contracts.features.feature import Feature


def _between(far: int, near: int) -> str:
    return f"count(*) filter (occurred_at >= as_of - interval {far} day and occurred_at < as_of - interval {near} day)"


def _last(days: int) -> str:
    return f"count(*) filter (occurred_at >= as_of - interval {days} day)"


MOMENTUM = (
    Feature(
        name="velocity_1d",
        family="momentum",
        meaning="Events of the last day minus events of the day before.",
        sql=f"{_last(1)} - {_between(2, 1)}",
        says="{value:+.0f} actions yesterday against the day before",
        unit="events",
        window="2 d",
    ),
    Feature(
        name="momentum_3d",
        family="momentum",
        meaning="Events of the last three days minus events of the three before.",
        sql=f"{_last(3)} - {_between(6, 3)}",
        says="{value:+.0f} actions in the last 3 days against the 3 before",
        unit="events",
        window="6 d",
    ),
    Feature(
        name="recent_share",
        family="momentum",
        meaning="Events of the last three days as a share of all.",
        sql=f"{_last(3)} / nullif(count(*), 0)",
        says="{value:.0%} of all actions fell in the last 3 days",
        unit="share",
        window="3 d",
        absent="nothing done yet",
    ),
)
