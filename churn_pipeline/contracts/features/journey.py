"""The way a trial takes: where it began, where it is, from what it goes to what."""

from churn_pipeline.contracts.features.expressions import entropy, hours, minutes
from churn_pipeline.contracts.features.feature import Feature, NamedCounts
from churn_pipeline.contracts.features.grains import STEPS, TRANSITIONS

NOTHING = "nothing done yet"

JOURNEY = (
    Feature(
        name="first_step",
        family="journey",
        meaning="The first thing done: a product feature, or the kind of an event.",
        over=STEPS,
        sql="min({'moment': first_at, 'step': step}).step",
        says="began with {value}",
        kind="category",
        absent=NOTHING,
    ),
    Feature(
        name="last_step",
        family="journey",
        meaning="The last thing done: a product feature, or the kind of an event.",
        over=STEPS,
        sql="max({'moment': last_at, 'step': step}).step",
        says="last did {value}",
        kind="category",
        absent=NOTHING,
    ),
    Feature(
        name="steps_taken",
        family="journey",
        meaning="Different things done: product features, or kinds of events.",
        over=STEPS,
        sql="count(*)",
        says="took {value:.0f} different steps",
        unit="steps",
    ),
    Feature(
        name="hours_between_new_steps",
        family="journey",
        meaning="Mean hours from doing one thing for the first time to doing the next for the first time.",
        over=STEPS,
        sql=f"{hours('max(first_at) - min(first_at)')} / nullif(count(*) - 1, 0)",
        says="takes a new step every {value:.0f} hours",
        unit="hours",
        absent="fewer than two different steps",
    ),
    Feature(
        name="moves_evenness",
        family="journey",
        meaning="Entropy of the moves from one step to the next within visits: low for a beaten path, high for wandering.",
        over=TRANSITIONS,
        sql=entropy(),
        says="moves between steps spread by {value:.2f} nats",
        unit="nats",
        absent="no two steps in one visit",
    ),
    Feature(
        name="minutes_between_steps",
        family="journey",
        meaning="Mean minutes from one step to the next within visits.",
        over=TRANSITIONS,
        sql=f"{minutes('sum(gap)')} / sum(n)",
        says="{value:.1f} minutes from one step to the next",
        unit="minutes",
        absent="no two steps in one visit",
    ),
)

TRANSITION_COUNTS = NamedCounts(
    name="transitions",
    prefix="transition_",
    family="journey",
    over=TRANSITIONS,
    meaning="Moves from one step to the next within visits, of each trial the 30 commonest.",
    says="went {value:.0f} times from {name}",
    most=30,
    words=12,
)
