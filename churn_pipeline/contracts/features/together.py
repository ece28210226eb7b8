"""Which features of the product are used together."""

from churn_pipeline.contracts.features.feature import Feature, NamedCounts
from churn_pipeline.contracts.features.grains import PAIRS, VISITS

TOGETHER = (
    Feature(
        name="features_per_visit",
        family="cross-feature",
        meaning="Mean number of different product features used in a visit (a day, where visits are not known) with any.",
        over=VISITS,
        sql="sum(n) / count(*)",
        says="uses {value:.1f} product features a visit",
        unit="features",
        absent="no product feature used yet",
    ),
    Feature(
        name="pairs_used",
        family="cross-feature",
        meaning="Different pairs of product features used in one visit.",
        over=PAIRS,
        sql="count(*)",
        says="uses {value:.0f} pairs of product features together",
        unit="pairs",
    ),
)

PAIR_COUNTS = NamedCounts(
    name="pairs_together",
    prefix="together_",
    family="cross-feature",
    over=PAIRS,
    meaning="Visits in which two product features were used, of each trial the 30 commonest pairs.",
    says="used {name} together in {value:.0f} visits",
    most=30,
    words=12,
)
