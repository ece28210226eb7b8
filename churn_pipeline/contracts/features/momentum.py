"""Which way it is going: day over day, and short against longer windows."""

from churn_pipeline.contracts.features.expressions import last
from churn_pipeline.contracts.features.feature import Feature
from churn_pipeline.contracts.features.grains import DAYS

MOMENTUM = (
    Feature(
        name="velocity_1d",
        family="momentum",
        meaning="Events of the last day minus events of the day before.",
        over=DAYS,
        sql=f"{last(1)} - {last(1, after=1)}",
        says="{value:+.0f} actions yesterday against the day before",
        unit="events",
        window="2 d",
    ),
    Feature(
        name="momentum_3d",
        family="momentum",
        meaning="Events of the last three days minus events of the three before.",
        over=DAYS,
        sql=f"{last(3)} - {last(3, after=3)}",
        says="{value:+.0f} actions in the last 3 days against the 3 before",
        unit="events",
        window="6 d",
    ),
    Feature(
        name="recent_share",
        family="momentum",
        meaning="Events of the last three days as a share of all.",
        over=DAYS,
        sql=f"{last(3)} / sum(n)",
        says="{value:.0%} of all actions fell in the last 3 days",
        unit="share",
        window="3 d",
        absent="nothing done yet",
    ),
    Feature(
        name="momentum_7d",
        family="momentum",
        meaning="Events of the last seven days minus events of the seven before.",
        over=DAYS,
        sql=f"{last(7)} - {last(7, after=7)}",
        says="{value:+.0f} actions in the last 7 days against the 7 before",
        unit="events",
        window="14 d",
    ),
    Feature(
        name="day_moment",
        family="momentum",
        meaning="Sum over events of the days from the look back to them.",
        over=DAYS,
        sql="sum(n * (day - today))",
        says="",
        unit="days",
        hidden=True,
    ),
    Feature(
        name="trend",
        family="momentum",
        meaning="Slope of the least-squares line through the events of each day so far, silent days counted as 0.",
        # days are -T .. -1 with mean -(T + 1) / 2 and sum of squares T (T * T - 1) / 12
        sql="(day_moment + events_total * (trial_day + 1) / 2) * 12 / nullif(trial_day * (trial_day * trial_day - 1), 0)",
        says="{value:+.2f} actions a day from one day to the next",
        unit="events a day, per day",
        absent="fewer than two days so far",
    ),
    Feature(
        name="pace",
        family="momentum",
        meaning="Events a day in the last three days as a multiple of the mean so far.",
        sql="(events_3d / least(greatest(trial_day, 1), 3)) / nullif(events_total / greatest(trial_day, 1), 0)",
        says="{value:.1f} times the usual pace in the last 3 days",
        unit="times",
        window="3 d",
        absent="nothing done yet",
    ),
)
