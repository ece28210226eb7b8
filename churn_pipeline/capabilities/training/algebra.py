"""Linear algebra that gives the same bytes wherever it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it, linear algebra has one thread, whatever the environment says: with more, sums are rounded otherwise.

    What has threads of its own, as the boosters do, keeps them.
    """
    import scipy.linalg  # noqa: F401 - a library that is loaded later would not be held to it
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield
