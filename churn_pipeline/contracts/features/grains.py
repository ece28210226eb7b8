"""By what the records are counted while they are read, once."""

from churn_pipeline.contracts.features.feature import Grain

DAYS = Grain(
    "days",
    key="day",
    measures=(
        ("first_at", "min(moment)"),
        ("last_at", "max(moment)"),
        ("carried", "count(value)"),
        ("millionths", "sum(millionths)"),
    ),
    dense=True,
)
"""Days of the trial on which something was done. The numbers that events carry are summed as whole millionths, so that
the sum is the same in whatever order the threads come."""

HOURS = Grain("hours", key="hour_of_day")
"""Hours of the day (UTC)."""

NAMES = Grain(
    "names",
    key="event_name",
    measures=(("first_at", "min(moment)"),),
    needs=("events.event_name",),
)
"""Kinds of events."""

FEATURES_USED = Grain(
    "features_used",
    key="feature",
    measures=(("first_at", "min(moment)"), ("last_day", "max(day)")),
    needs=("events.feature",),
)
"""Features of the product."""

STEPS = Grain(
    "steps",
    key="step",
    measures=(("first_at", "min(moment)"), ("last_at", "max(moment)")),
)
"""Steps of the journey: the product feature that was used, or the kind of the event."""

TRANSITIONS = Grain(
    "transitions",
    key="transition",
    measures=(("gap", "sum(gap)"),),
    of="moves",
    needs=("events.session_id",),
    between=" > ",
)
"""Moves from one step to the next within a visit."""

SESSIONS = Grain(
    "sessions",
    key="session_id",
    measures=(("first_at", "min(moment)"), ("last_at", "max(moment)"), ("last_day", "max(day)")),
    needs=("events.session_id",),
    dense=True,
)
"""Visits."""

VISITS = Grain("visits", key="visit", of="visited", needs=("events.feature",))
"""Visits with the product features used in them; where visits are not known, days."""

PAIRS = Grain("pairs", key="pair", of="together", needs=("events.feature",), between=" + ")
"""Pairs of product features used in one visit."""

USERS = Grain(
    "users",
    key="user_id",
    measures=(("first_at", "min(moment)"), ("last_day", "max(day)")),
    needs=("events.user_id",),
    dense=True,
)
"""People."""

TOUCHED = Grain("touched", key="kind", measures=(("last_at", "max(moment)"),), of="sent", needs=("touches.touch_id",))
"""Kinds of touches by the company."""

TOUCH_DAYS = Grain("touch_days", key="day", of="sent", needs=("touches.touch_id",))
"""Days on which the company touched the trial."""
