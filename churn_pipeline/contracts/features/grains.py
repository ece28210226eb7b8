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
)
"""Days of the trial on which something was done. The numbers that events carry are summed as whole millionths, so that
the sum is the same in whatever order the threads come."""

NAMES = Grain("names", key="event_name", needs=("events.event_name",))
"""Kinds of events."""

FEATURES_USED = Grain("features_used", key="feature", measures=(("last_day", "max(day)"),), needs=("events.feature",))
"""Features of the product."""

SESSIONS = Grain("sessions", key="session_id", measures=(("last_day", "max(day)"),), needs=("events.session_id",))
"""Visits."""

USERS = Grain("users", key="user_id", measures=(("last_day", "max(day)"),), needs=("events.user_id",))
"""People."""

TOUCHED = Grain("touched", key="kind", measures=(("last_at", "max(moment)"),), of="sent", needs=("touches.touch_id",))
"""Kinds of touches by the company."""
