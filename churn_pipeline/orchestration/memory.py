"""How much memory a step took, told in the metadata of what it materialized.

Measured is the resident set of this process: its own heap, what libraries hold (DuckDB's buffers, models, frames) and the code
that is loaded, shared pages included; not that of the database server, nor of other processes. It is sampled by a thread
of its own, so a rise and fall within `EVERY_SECONDS` may go unseen. What earlier steps of the run left behind is in it:
`start_rss_mb` says how much was there before.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import Event, Lock, Thread
from typing import Any

import dagster as dg
import psutil

EVERY_SECONDS = 0.02
MEGABYTE = 1_000_000


class Memory:
    """The resident set of this process (bytes): as it was at the start of a stretch of work, and the largest since then."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._looking = Lock()
        self.restart()

    def restart(self) -> None:
        """Begin a new stretch of work."""
        with self._looking:  # else a look that began before would end after, and bring the old peak along
            self.start = self.peak = self._process.memory_info().rss

    def sample(self) -> None:
        """Look once more."""
        with self._looking:
            self.peak = max(self.peak, self._process.memory_info().rss)


@contextmanager
def watched() -> Iterator[Memory]:
    """The memory of this process, sampled while the block runs."""
    memory, over = Memory(), Event()

    def watch() -> None:
        while not over.wait(EVERY_SECONDS):
            memory.sample()

    thread = Thread(target=watch, name="memory", daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        over.set()
        thread.join()


def measured(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function of an asset, with `peak_rss_mb` and `start_rss_mb` added to the metadata of each result.

    Where one step materializes several tables, one after the other, each has the figures of its own stretch of work.
    """
    if inspect.isgeneratorfunction(function):

        @wraps(function)
        def several(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with watched() as memory:
                for result in function(*args, **kwargs):
                    yield _told(result, memory)
                    memory.restart()

        return several

    @wraps(function)
    def one(*args: Any, **kwargs: Any) -> Any:
        with watched() as memory:
            return _told(function(*args, **kwargs), memory)

    return one


def _told(result: Any, memory: Memory) -> Any:
    memory.sample()
    figures = {"peak_rss_mb": memory.peak // MEGABYTE, "start_rss_mb": memory.start // MEGABYTE}
    assert isinstance(result, dg.MaterializeResult), result
    return result._replace(metadata={**(result.metadata or {}), **figures})
