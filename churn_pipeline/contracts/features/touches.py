"""What the company did to the trial."""

from churn_pipeline.contracts.features.feature import Feature
from churn_pipeline.contracts.features.grains import TOUCHED
from churn_pipeline.contracts.features.recency import hours

TOUCHES = (
    Feature(
        name="touches_total",
        family="touches",
        meaning="Times the company contacted the trial.",
        over=TOUCHED,
        sql="sum(n)",
        says="contacted {value:.0f} times",
        unit="touches",
    ),
    Feature(
        name="hours_since_last_touch",
        family="touches",
        meaning="Hours from the last contact to the snapshot.",
        over=TOUCHED,
        sql=hours("any_value(now) - max(last_at)"),
        says="last contacted {value:.0f} hours ago",
        unit="hours",
        absent="never contacted",
    ),
)
