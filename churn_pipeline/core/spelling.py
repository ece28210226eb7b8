"""What a person may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """A question to put behind an error about a name; empty where nothing is like it.

    >>> did_you_mean("threds", ["threads", "seed"])
    '; did you mean threads?'
    >>> did_you_mean("colour", ["threads", "seed"])
    ''
    """
    near = get_close_matches(word, list(allowed), n=1)
    return f"; did you mean {near[0]}?" if near else ""
