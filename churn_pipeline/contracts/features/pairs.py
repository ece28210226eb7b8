"""Pairs of words as whole numbers: the keys of grains that have something `between` two words.

The words are numbered in their order (`core.featurize.moves`), so that a pair lies among the numbers where the pair of words would
lie. Features count and rank the numbers; `pair_words` and `spelt` give the words back where a pair is shown. All of it reads the
columns of `spelling`.
"""

from __future__ import annotations

from churn_pipeline.contracts.features.feature import Grain

SIGNS = ">+"
"""What stands between two words. Two pairs may read alike where a word holds one."""
_LARGEST = (1 << 63) - 1
_IN_ALL = "word_base * word_base"


def spelling(words: str) -> str:
    """SQL: one row about all words, out of a relation of each `word` with its `number` (1, 2, ...)."""
    signs = f"coalesce(bool_or(regexp_matches(word, '[{SIGNS}]')), false)"
    return f"select list(word order by number) as words_in_order, count(*) + 1 as word_base, {signs} as words_hold_signs from {words}"


def pair(one: str, two: str) -> str:
    """SQL: the number of a pair of words, out of their numbers."""
    return f"({one} * word_base + {two})"


def commonest(grain: Grain, most: int) -> str:
    """SQL, an aggregate over a grain of pairs: its `most` commonest, ties in the order of their words.

    A list of numbers that `pair_words`, `times` and `spelt` read. How often a pair may occur is bounded by what fits into 8 bytes beside it:
    9e12 times with a thousand words, nine million times with a million.
    """
    # max(number, most) would give the same, and takes its whole size for every row it begins with
    return f"list_reverse_sort(list({ranked(grain)}))[:{most}]"


def ranked(grain: Grain) -> str:
    """SQL: a pair and how often there was it as one number, the larger the commoner."""
    return f"least(n, {_LARGEST} // ({_IN_ALL}) - 1) * {_IN_ALL} + ({_IN_ALL} - 1 - {grain.key})"


def pair_words(one: str, grain: Grain) -> str:
    """SQL: the two words of one of the `commonest`."""
    return _words(_pair(one), grain)


def times(one: str) -> str:
    """SQL: how often there was one of the `commonest`."""
    return f"({one} // ({_IN_ALL}))"


def spelt(found: str, grain: Grain) -> str:
    """SQL: the `commonest` as a map from their words to how often there was each, in order of the words.

    Pairs that read alike are one.
    """
    assert (grain.between or "no").strip() in SIGNS, grain.name
    in_order = (
        f"list_sort(list_transform({found}, lambda one: (cast({_pair('one')} as hugeint) << 63) + {times('one')}))"
    )
    number, of_it = "cast(one >> 63 as bigint)", f"cast(one & {_LARGEST} as bigint)"
    told = f"list_transform({in_order}, lambda one: ({_words(number, grain)}, {of_it}))"
    names = "list_sort(list_distinct(list_transform(told, lambda one: one[1])))"
    of_name = "list_sum(list_transform(list_filter(told, lambda one: one[1] = name), lambda one: one[2]))"
    alike_together = f"list_transform([{told}], lambda told: list_transform({names}, lambda name: (name, cast({of_name} as bigint))))[1]"
    return f"map_from_entries(case when words_hold_signs then {alike_together} else {told} end)"


def _pair(one: str) -> str:
    return f"({_IN_ALL} - 1 - {one} % ({_IN_ALL}))"


def _words(number: str, grain: Grain) -> str:
    return f"words_in_order[({number}) // word_base] || '{grain.between}' || words_in_order[({number}) % word_base]"
