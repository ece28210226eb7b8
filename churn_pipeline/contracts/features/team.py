"""By how many people, and how evenly."""

from churn_pipeline.contracts.features.feature import Feature
from churn_pipeline.contracts.features.grains import USERS

TEAM = (
    Feature(
        name="users_total",
        family="team",
        meaning="Different people who did something.",
        over=USERS,
        sql="count(*)",
        says="{value:.0f} people use it",
        unit="people",
    ),
    Feature(
        name="users_7d",
        family="team",
        meaning="Different people who did something in the seven days before the snapshot.",
        over=USERS,
        sql="count(*) filter (last_day >= today - 7)",
        says="{value:.0f} people used it in the last 7 days",
        unit="people",
        window="7 d",
    ),
)
