"""How regularly: evenness over days and hours, and the gaps between active days."""

from churn_pipeline.contracts.features.expressions import entropy
from churn_pipeline.contracts.features.feature import Feature
from churn_pipeline.contracts.features.grains import DAYS, HOURS

NOTHING = "nothing done yet"

REGULARITY = (
    Feature(
        name="day_evenness",
        family="regularity",
        meaning="Entropy of the events over the days so far: how evenly the work is spread.",
        over=DAYS,
        sql=entropy(),
        says="work spread over days by {value:.2f} nats",
        unit="nats",
        absent=NOTHING,
    ),
    Feature(
        name="hour_evenness",
        family="regularity",
        meaning="Entropy of the events over the hours of the day (UTC).",
        over=HOURS,
        sql=entropy(),
        says="work spread over the hours of the day by {value:.2f} nats",
        unit="nats",
        absent=NOTHING,
    ),
    Feature(
        name="office_hours_share",
        family="regularity",
        meaning="Share of the events between 8:00 and 18:00 UTC.",
        over=HOURS,
        sql="coalesce(sum(n) filter (hour_of_day between 8 and 17), 0) / sum(n)",
        says="{value:.0%} of all actions between 8 and 18 o'clock UTC",
        unit="share",
        absent=NOTHING,
    ),
    Feature(
        name="days_active",
        family="regularity",
        meaning="The active days, in order.",
        over=DAYS,
        sql="list_sort(list(day))",
        says="",
        absent=NOTHING,
        hidden=True,
    ),
    Feature(
        name="longest_gap_days",
        family="regularity",
        meaning="Longest run of days from one active day to the next.",
        sql="list_max([days_active[place + 1] - days_active[place] for place in range(1, len(days_active))])",
        says="was once away for {value:.0f} days",
        unit="days",
        absent="active on fewer than two days",
    ),
)
