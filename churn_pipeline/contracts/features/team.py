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
    Feature(
        name="users_joined_later",
        family="team",
        meaning="People whose first event came more than 24 hours after the start: accepted invitations, as far as they are used.",
        over=USERS,
        sql="count(*) filter (first_at > began + 86400000000)",
        says="{value:.0f} people joined after the first day",
        unit="people",
    ),
    Feature(
        name="main_user_share",
        family="team",
        meaning="Share of the busiest person among the events of people.",
        over=USERS,
        sql="max(n) / sum(n)",
        says="{value:.0%} of all actions by one person",
        unit="share",
        absent="nobody known",
    ),
    Feature(
        name="team_concentration",
        family="team",
        meaning="Sum of the squared shares of each person in the events: 1 where one does all (Herfindahl 1950).",
        over=USERS,
        sql="cast(sum(n * n) as double) / sum(n) / sum(n)",
        says="work among people is concentrated by {value:.2f} (1 is one person)",
        unit="share",
        absent="nobody known",
    ),
)
