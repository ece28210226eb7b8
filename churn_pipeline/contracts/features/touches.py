"""What the company did to the trial."""

from churn_pipeline.contracts.features.expressions import hours
from churn_pipeline.contracts.features.feature import Feature, NamedCounts
from churn_pipeline.contracts.features.grains import TOUCH_DAYS, TOUCHED

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
    Feature(
        name="touches_3d",
        family="touches",
        meaning="Times the company contacted the trial in the last three days.",
        over=TOUCH_DAYS,
        sql="sum(n) filter (day >= today - 3)",
        says="contacted {value:.0f} times in the last 3 days",
        unit="touches",
        window="3 d",
    ),
)

TOUCHES_BY_KIND = NamedCounts(
    name="touches_by_kind",
    prefix="touch_",
    family="touches",
    over=TOUCHED,
    meaning="Touches of each kind since the trial started.",
    says="{value:.0f} times contacted by {name}",
)
