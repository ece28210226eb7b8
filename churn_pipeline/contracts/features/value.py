"""Time to first value, and how far the trial has come on the path that converters take."""

from churn_pipeline.contracts.features.expressions import hours
from churn_pipeline.contracts.features.feature import Learnt, NamedValues
from churn_pipeline.contracts.features.grains import STEPS

REACHED = NamedValues(
    name="reached_steps",
    prefix="reached_",
    family="time to value",
    meaning="Hours from the start of the trial to the first time each step was taken: a product feature, or a kind of event.",
    says="first {name} after {value:.0f} hours",
    absent="not done yet",
    over=STEPS,
    sql=hours("greatest(first_at - began, 0)"),
    words=0,
    unit="hours",
    window="since the start",
)

FIRST_VALUE = Learnt(
    name="hours_to_first_value",
    family="time to value",
    meaning="Hours from the start to the milestone: the step named by the setting `first_value`, else the one that told conversions apart best.",
    sql="list_min([reached_steps[step] for step in {steps}])",
    says="first {name} after {value:.0f} hours",
    unit="hours",
    absent="not reached yet",
    lacks="no {name} yet",
)

PATH_PROGRESS = Learnt(
    name="path_progress",
    family="time to value",
    meaning="Share of the steps taken that are typical of converters.",
    sql="len([step for step in {steps} if reached_steps[step] is not null]) / len({steps})",
    says="took {value:.0%} of the steps that converters take ({name})",
    unit="share",
)

LEARNT = (FIRST_VALUE, PATH_PROGRESS)
