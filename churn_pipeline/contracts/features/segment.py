"""The trial against its like at the same day of the trial: those on its plan, of its channel, in its sector."""

from churn_pipeline.contracts.features.breadth import BREADTH
from churn_pipeline.contracts.features.feature import Feature, Peers
from churn_pipeline.contracts.features.volume import VOLUME

ACTIVITY = next(feature for feature in VOLUME if feature.name == "events_total")
USES = next(feature for feature in BREADTH if feature.name == "features_used")
WHOM = {
    "plan": "trials on its plan",
    "channel": "trials of its channel",
    "sector": "trials in its sector",
}
SAME_DAY = "at the same trial day, of those that started in the four weeks before its own"
FEW = "fewer than 20 such trials"


def _peers(of: Feature, segment: str) -> Peers:
    return Peers(of.name, segment, needs=(*of.needs, f"trials.{segment}"))


def _spread(of: Feature, segment: str, name: str, what: str) -> Feature:
    """(x - mean) / standard deviation, both of the peers; from whole sums, so that their order does not matter."""
    return Feature(
        name=f"{name}_z_by_{segment}",
        family="segment x behaviour",
        meaning=f"Standard deviations by which {what} differ from the mean of {WHOM[segment]} {SAME_DAY}.",
        over=_peers(of, segment),
        sql="(peers * value - total) / sqrt(cast(nullif(peers * squares - total * total, 0) as double))",
        says=f"{{value:+.1f}} standard deviations of {what} from the usual among {WHOM[segment]} at this day",
        unit="standard deviations",
        absent=f"`{segment}` not known, {FEW}, or all alike",
    )


def _rank(of: Feature, segment: str, name: str, what: str) -> Feature:
    return Feature(
        name=f"{name}_rank_by_{segment}",
        family="segment x behaviour",
        meaning=f"Share of {WHOM[segment]} with fewer {what} {SAME_DAY}; those with as many count half.",
        over=_peers(of, segment),
        sql="case when peers * squares > total * total then (below + alike / 2) / peers end",
        says=f"more {what} than {{value:.0%}} of {WHOM[segment]} at this day",
        unit="share",
        absent=f"`{segment}` not known, {FEW}, or all alike",
    )


SEGMENT = tuple(
    compared(of, segment, name, what)
    for of, name, what in ((ACTIVITY, "events", "events"), (USES, "features_used", "product features used"))
    for segment in WHOM
    for compared in (_spread, _rank)
)
