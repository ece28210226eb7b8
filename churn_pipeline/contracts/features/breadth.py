"""How much of the product, in how many visits."""

from churn_pipeline.contracts.features.feature import Feature, NamedCounts
from churn_pipeline.contracts.features.grains import FEATURES_USED, NAMES, SESSIONS

BREADTH = (
    Feature(
        name="features_used",
        family="breadth",
        meaning="Different product features used.",
        over=FEATURES_USED,
        sql="count(*)",
        says="uses {value:.0f} product features",
        unit="features",
    ),
    Feature(
        name="features_used_3d",
        family="breadth",
        meaning="Different product features used in the last three days.",
        over=FEATURES_USED,
        sql="count(*) filter (last_day >= today - 3)",
        says="used {value:.0f} product features in the last 3 days",
        unit="features",
        window="3 d",
    ),
    Feature(
        name="kinds_of_events",
        family="breadth",
        meaning="Different kinds of events.",
        over=NAMES,
        sql="count(*)",
        says="did {value:.0f} different kinds of things",
        unit="kinds",
    ),
    Feature(
        name="sessions_total",
        family="breadth",
        meaning="Visits since the trial started.",
        over=SESSIONS,
        sql="count(*)",
        says="{value:.0f} visits",
        unit="visits",
    ),
    Feature(
        name="sessions_7d",
        family="breadth",
        meaning="Visits in the seven days before the snapshot.",
        over=SESSIONS,
        sql="count(*) filter (last_day >= today - 7)",
        says="{value:.0f} visits in the last 7 days",
        unit="visits",
        window="7 d",
    ),
)

USES_BY_FEATURE = NamedCounts(
    name="uses_by_feature",
    prefix="feature_",
    family="breadth",
    over=FEATURES_USED,
    meaning="Uses of each product feature since the trial started.",
    says="used {name} {value:.0f} times",
)
