"""What a person may have meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


def listed(names: Sequence[str], most: int = 10) -> str:
    """The names in a row, the first of them where there are more than `most`.

    >>> listed(["a", "b", "c", "d"], most=2)
    'a, b and 2 more'
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "nothing") + more


def unknown_names(given: Iterable[str], known: Iterable[str], *, what: str, prefix: str = "") -> list[str]:
    """A line for each of the names that begin with `prefix`, in any case, and are not known, with the one that was perhaps meant.

    >>> unknown_names(["X_SED", "PATH"], ["X_SEED"], what="setting", prefix="X_")
    ['X_SED: no such setting; did you mean X_SEED?']
    """
    allowed = frozenset(known)
    lost = sorted(name for name in given if name.upper().startswith(prefix) and name.upper() not in allowed)
    return [f"{name}: no such {what}{did_you_mean(name.upper(), allowed, prefix=prefix)}" for name in lost]
