"""What follows on what in a visit, and what is used together in one: pairs of words, counted as whole numbers.

Visits are brought in order as lists of whole numbers: a third of what a window over strings takes (decision 0011).
"""

from __future__ import annotations

from churn_pipeline.contracts.features.pairs import pair, spelling
from churn_pipeline.core.clock import DAY

_WORD_BITS = 31
_MOMENT_BITS = 46
"""Of microseconds: 814 days, from a year before the first look (within which its trial began) on.

37 bits of the time of day of the arrival, these, and those of a word make 114: a whole number of 16 bytes has 127.
"""
_YEAR = 366 * DAY


def following(name: str, *, word: str, key: str) -> dict[str, str]:
    """SQL: relation `name` of moves from one `word` (SQL over `acts`) to the next of a visit, and the relation it is made of.

    Moves are in order of arrival within the day of arrival, so that what arrives later changes no earlier one. Columns: trial,
    known_on, gap (microseconds) and the pair of words as `key`.
    """
    number = f"{(1 << _WORD_BITS) - 1}"
    moment = f"(({{}} >> {_WORD_BITS}) & {(1 << _MOMENT_BITS) - 1})"
    return {
        f"{name}_in_order": f"""{name}_in_order as (
  select trial, known_on, list_sort(list(
    (((cast(arrived as hugeint) << {_MOMENT_BITS}) + (moment + {_YEAR})) << {_WORD_BITS}) + number
  )) as acts
  from acts join words on word = {word} where session_id is not null group by trial, session_id, known_on
)""",
        name: f"""{name} as (
  select trial, known_on, abs(cast({moment.format("one")} - {moment.format("next")} as bigint)) as gap,
    {pair(f"cast(one & {number} as bigint)", f"cast(next & {number} as bigint)")} as {key}
  from (select trial, known_on, unnest(acts[:-2]) as one, unnest(acts[2:]) as next from {name}_in_order)
  cross join spelling
)""",
    }


DERIVED: dict[str, str] = {
    # the number of a word is its place among them
    "words": """words as materialized (
  select word, row_number() over (order by word) as number
  from (select distinct unnest([event_name, feature]) as word from (select distinct event_name, feature from acts)) where word is not null
)""",
    "spelling": f"spelling as materialized ({spelling('words')})",
    **following("moves", word="coalesce(feature, event_name)", key="transition"),
    # no more than 12 a visit, so that pairs do not grow with the square of what a visit may hold
    "visited": """visited as materialized (
  select trial, coalesce(session_id, hash(day)) as visit, number as feature, min(known_on) as known_on
  from acts join words on word = feature group by trial, visit, number
  qualify row_number() over (partition by trial, visit order by min(known_on), number) <= 12
)""",
    "together": f"""together as (
  select a.trial, greatest(a.known_on, b.known_on) as known_on, {pair("a.feature", "b.feature")} as pair
  from visited a join visited b on a.trial = b.trial and a.visit = b.visit and a.feature < b.feature
  cross join spelling
)""",
}
"""What is made of `acts`, in this order."""
