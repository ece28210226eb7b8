import subprocess
import sys
from collections.abc import Callable, Iterator
from time import sleep
from typing import Any

import dagster as dg
import pytest

from churn_pipeline.orchestration.memory import EVERY_SECONDS, MEGABYTE, measured, watched
from churn_pipeline.settings import PROJECT

BLOCK = 200 * MEGABYTE


def take_and_give_back() -> None:
    """Hold a block for long enough to be seen, every page of it touched."""
    held = bytearray(BLOCK)
    held[::4096] = b"x" * len(held[::4096])
    sleep(10 * EVERY_SECONDS)


def in_a_process_of_its_own(function: Callable[[], None]) -> None:
    """One that has run much else may give back more than is held here, at any moment."""
    code = f"from churn_pipeline_tests.orchestration import test_memory as t; t.{function.__name__}()"
    ended = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]


def test_the_peak_is_what_was_held_in_between_and_a_new_stretch_begins_without_it() -> None:
    in_a_process_of_its_own(the_peak)


def the_peak() -> None:
    with watched() as memory:
        take_and_give_back()
        assert memory.peak - memory.start > 0.8 * BLOCK
        memory.restart()
        sleep(5 * EVERY_SECONDS)
        assert memory.peak - memory.start < 0.5 * BLOCK


def test_nothing_is_watched_after_the_block() -> None:
    with watched() as memory:
        pass
    seen = memory.peak
    take_and_give_back()
    assert memory.peak == seen


@dg.asset
@measured
def parrots(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg] # no value
    """Counted."""
    take_and_give_back()
    return dg.MaterializeResult(metadata={"rows": 2}, check_results=[])


@dg.multi_asset(specs=[dg.AssetSpec("eggs"), dg.AssetSpec("nests")])
@measured
def found() -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg] # no value
    """Found one after the other."""
    take_and_give_back()
    yield dg.MaterializeResult("eggs")
    yield dg.MaterializeResult("nests", metadata={"rows": 3})


@pytest.mark.flow
def test_each_table_of_a_run_says_what_its_own_stretch_of_work_took() -> None:
    in_a_process_of_its_own(each_table)


def each_table() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([parrots, found], instance=instance)
    made: dict[str, dict[str, Any]] = {
        made.asset_key.to_user_string(): {name: value.value for name, value in made.metadata.items()}
        for made in (e.step_materialization_data.materialization for e in result.get_asset_materialization_events())
    }
    assert (made["parrots"]["rows"], made["nests"]["rows"]) == (2, 3)
    grown: dict[str, int] = {table: told["peak_rss_mb"] - told["start_rss_mb"] for table, told in made.items()}
    assert grown["parrots"] > 150
    assert grown["eggs"] > 150
    assert grown["nests"] < 100


def test_a_failure_is_no_figure() -> None:
    @measured
    def breaks() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        breaks()
