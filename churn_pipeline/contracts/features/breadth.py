"""How much of the product, in how many visits, by how many people."""

from churn_pipeline.contracts.features.feature import Feature, NamedCounts

BREADTH = (
    Feature(
        name="features_used",
        family="breadth",
        meaning="Different product features used.",
        sql="count(distinct feature)",
        says="uses {value:.0f} product features",
        unit="features",
        needs=("events.feature",),
    ),
    Feature(
        name="features_used_3d",
        family="breadth",
        meaning="Different product features used in the last three days.",
        sql="count(distinct feature) filter (occurred_at >= as_of - interval 3 day)",
        says="used {value:.0f} product features in the last 3 days",
        unit="features",
        window="3 d",
        needs=("events.feature",),
    ),
    Feature(
        name="kinds_of_events",
        family="breadth",
        meaning="Different kinds of events.",
        sql="count(distinct event_name)",
        says="did {value:.0f} different kinds of things",
        unit="kinds",
    ),
    Feature(
        name="sessions_total",
        family="breadth",
        meaning="Visits since the trial started.",
        sql="count(distinct session_id)",
        says="{value:.0f} visits",
        unit="visits",
        needs=("events.session_id",),
    ),
    Feature(
        name="sessions_7d",
        family="breadth",
        meaning="Visits in the seven days before the snapshot.",
        sql="count(distinct session_id) filter (occurred_at >= as_of - interval 7 day)",
        says="{value:.0f} visits in the last 7 days",
        unit="visits",
        window="7 d",
        needs=("events.session_id",),
    ),
    Feature(
        name="users_total",
        family="team",
        meaning="Different people who did something.",
        sql="count(distinct user_id)",
        says="{value:.0f} people use it",
        unit="people",
        needs=("events.user_id",),
    ),
    Feature(
        name="users_7d",
        family="team",
        meaning="Different people who did something in the seven days before the snapshot.",
        sql="count(distinct user_id) filter (occurred_at >= as_of - interval 7 day)",
        says="{value:.0f} people used it in the last 7 days",
        unit="people",
        window="7 d",
        needs=("events.user_id",),
    ),
)

NAMED_COUNTS = (
    NamedCounts(
        name="events_by_name",
        prefix="event_",
        family="volume",
        column="event_name",
        meaning="Events of each kind since the trial started.",
        says="{value:.0f} times `{name}`",
        needs=("events.event_name",),
    ),
    NamedCounts(
        name="uses_by_feature",
        prefix="feature_",
        family="breadth",
        column="feature",
        meaning="Uses of each product feature since the trial started.",
        says="used {name} {value:.0f} times",
        needs=("events.feature",),
    ),
)
