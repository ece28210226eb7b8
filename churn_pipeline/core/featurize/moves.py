"""What follows on what in a visit, and what is used together in one: pairs of words, counted as whole numbers.

The words (names of events, product features) are numbered in their order, so a pair of them is a whole number too and lies
where the pair of words would; it gets its words back where it is shown (`spelt`). Visits are brought in order as lists of whole
numbers: a third of what a window over strings takes (docs/benchmarks.md).
"""

from __future__ import annotations

from churn_pipeline.contracts.features.feature import Grain

DAY = 86_400_000_000
"""Microseconds."""
WORDS = 1 << 20
"""Words are numbered from 1 to below this; those that come later share the last number."""
_PAIRS = WORDS * WORDS
_TIMES = 1 << 23
"""Pairs are counted up to below this where the commonest are looked for."""
_MOMENTS = 1 << 46
"""Microseconds, about 814 days: those from a year before the first look, within which its trial began."""
_YEAR = 366 * DAY

MOVES: dict[str, str] = {
    "gap": "abs(came - went)",
    "transition": f"coalesce(nullif(gone & {WORDS - 1}, 0), gone >> 20) * {WORDS} + coalesce(nullif(come & {WORDS - 1}, 0), come >> 20)",
    "bigram": f"(gone >> 20) * {WORDS} + (come >> 20)",
}
"""Columns of `moves`: from an event to the next of a visit."""


def _moment(arrived: str) -> str:
    return f"cast(({arrived} >> 40) & {_MOMENTS - 1} as bigint)"


DERIVED: dict[str, str] = {
    "words": f"""words as materialized (
  select word, least(row_number() over (order by word), {WORDS - 1}) as number
  from (select distinct unnest([event_name, feature]) as word from acts) where word is not null
)""",
    "spelling": "spelling as (select list(word order by word) as words from words)",
    # in order of arrival, within the day of arrival: what arrives later changes no earlier move
    "courses": f"""courses as (
  select trial, known_on, list_sort(list(
    (cast(arrived as hugeint) * {_MOMENTS} + (moment + {_YEAR})) * {_PAIRS} + named.number * {WORDS} + coalesce(used.number, 0)
  )) as course
  from acts join words named on named.word = event_name left join words used on used.word = feature
  where session_id is not null group by trial, session_id, known_on
)""",
    "moves": f"""moves as (
  select trial, known_on, <columns> from (
    select trial, known_on, cast(one & {_PAIRS - 1} as bigint) as gone, cast(next & {_PAIRS - 1} as bigint) as come,
      {_moment("one")} as went, {_moment("next")} as came
    from (select trial, known_on, unnest(course[:-2]) as one, unnest(course[2:]) as next from courses)
  )
)""",
    # no more than 12 a visit, so that pairs do not grow with the square of what a visit may hold
    "visited": """visited as materialized (
  select trial, coalesce(session_id, hash(day)) as visit, number as feature, min(known_on) as known_on
  from acts join words on word = feature group by trial, visit, number
  qualify row_number() over (partition by trial, visit order by min(known_on), number) <= 12
)""",
    "together": f"""together as (
  select a.trial, greatest(a.known_on, b.known_on) as known_on, a.feature * {WORDS} + b.feature as pair
  from visited a join visited b on a.trial = b.trial and a.visit = b.visit and a.feature < b.feature
)""",
}
"""What is made of `acts`, in this order."""


def commonest(grain: Grain, most: int) -> str:
    """SQL, an aggregate over a grain of pairs: its `most` commonest, ties by their words, as whole numbers for `spelt`."""
    return f"max(least(n, {_TIMES - 1}) * {_PAIRS} + {_PAIRS - 1} - {grain.key}, {most})"


def spelt(found: str, grain: Grain) -> str:
    """SQL: the commonest pairs as a map from their words to how often there was each, in order of the words."""
    in_order = f"list_sort(list_transform({found}, lambda one: {_pair('one')} * {_TIMES} + {times('one')}))"
    spelt_out = f"lambda one: ({_words(f'one // {_TIMES}', grain)}, one % {_TIMES})"
    return f"map_from_entries(list_transform({in_order}, {spelt_out}))"


def words(one: str, grain: Grain) -> str:
    """SQL: the words of one of the commonest pairs, out of the column `words` of `spelling`."""
    return _words(_pair(one), grain)


def times(one: str) -> str:
    """SQL: how often there was one of the commonest pairs."""
    return f"({one} >> 40)"


def _pair(one: str) -> str:
    return f"({_PAIRS - 1} - ({one} & {_PAIRS - 1}))"


def _words(pair: str, grain: Grain) -> str:
    return f"words[({pair}) >> 20] || '{grain.between}' || words[({pair}) & {WORDS - 1}]"
