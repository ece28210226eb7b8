"""What a person may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, allowed: Iterable[str], *, prefix: str = "") -> str:
    """A question to put behind an error about a name; empty where nothing is like it.

    That two names begin with `prefix` makes them no more alike.

    >>> did_you_mean("threds", ["threads", "seed"])
    '; did you mean threads?'
    >>> did_you_mean("colour", ["threads", "seed"])
    ''
    """
    near = get_close_matches(word.removeprefix(prefix), [name.removeprefix(prefix) for name in allowed], n=1)
    return f"; did you mean {prefix}{near[0]}?" if near else ""
