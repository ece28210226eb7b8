import threading
from collections.abc import Iterator
from contextlib import ExitStack

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.locks import WRITERS, Busy
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.definitions import build
from churn_pipeline.orchestration import writers
from churn_pipeline.orchestration.writers import (
    BY_HAND,
    BY_MATERIALIZE,
    TAG,
    alive,
    only_writer,
    writing_lake,
    writing_warehouse,
)
from churn_pipeline.settings import Settings

pytestmark = pytest.mark.flow


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def test_a_second_writer_is_told_who_is_at_work_and_comes_in_when_the_first_is_gone(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    with (
        only_writer(warehouse, instance, run_id=None),
        pytest.raises(Busy, match=r"another process is at work \(lock `writers`\): process \d+ on "),
        only_writer(warehouse, instance, run_id=None),
    ):
        pytest.fail("two writers at once")
    with only_writer(warehouse, instance, run_id=None):
        pass


def test_the_lock_falls_when_the_block_fails(warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
    with pytest.raises(ZeroDivisionError), only_writer(warehouse, instance, run_id=None):
        _ = 1 / 0
    with only_writer(warehouse, instance, run_id=None):
        pass


def test_runs_whose_process_was_killed_are_buried_and_nobody_else(
    warehouse: Warehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "SECOND_LOOK_SECONDS", 0.01)
    waiting, started = dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED
    written = {TAG: "day"}
    begun = [create_run_for_test(instance, status=state, tags=written | BY_HAND) for state in (waiting, started)]
    launched, mine, other = (create_run_for_test(instance, status=started, tags=written) for _ in range(3))
    ad_hoc = create_run_for_test(instance, job_name=f"{BY_MATERIALIZE}_0", status=started)
    reader = create_run_for_test(instance, job_name="reader", status=started)
    queued = create_run_for_test(instance, status=waiting, tags=written)
    with warehouse.lock(alive(other.run_id)), only_writer(warehouse, instance, run_id=mine.run_id):
        dead = [run for run in (*begun, launched, ad_hoc) if status(instance, run) is dg.DagsterRunStatus.FAILURE]
        assert dead == [*begun, launched, ad_hoc]
        assert [status(instance, run) for run in (mine, other, reader)] == [started] * 3
        assert status(instance, queued) is waiting


def test_a_launched_run_that_has_only_just_begun_gets_a_second_look(
    warehouse: Warehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = create_run_for_test(instance, status=dg.DagsterRunStatus.STARTED, tags={TAG: "day"})
    with ExitStack() as held:
        monkeypatch.setattr(writers, "sleep", lambda _: held.enter_context(warehouse.lock(alive(run.run_id))))
        with only_writer(warehouse, instance, run_id=None):
            assert status(instance, run) is dg.DagsterRunStatus.STARTED


def test_who_cannot_get_in_buries_nobody(warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
    alive = create_run_for_test(instance, status=dg.DagsterRunStatus.STARTED, tags={TAG: "day"})
    with warehouse.lock(WRITERS), pytest.raises(Busy), only_writer(warehouse, instance, run_id=None):
        pytest.fail("two writers at once")
    assert status(instance, alive) is dg.DagsterRunStatus.STARTED


def test_who_has_patience_waits_until_the_other_is_done(warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
    inside, release, order = threading.Event(), threading.Event(), list[str]()

    def first() -> None:
        with warehouse.lock(WRITERS):
            inside.set()
            release.wait(30)
            order.append("first is done")

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(30)
    threading.Timer(0.3, release.set).start()
    with only_writer(warehouse, instance, run_id=None, patience_seconds=30):
        order.append("second is in")
    thread.join()
    assert order == ["first is done", "second is in"]


def test_a_run_that_a_schedule_launched_holds_the_lock_from_its_first_step_to_its_last(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    free: list[bool] = []

    @dg.asset
    def writes(warehouse: dg.ResourceParam[Warehouse]) -> None:
        try:
            with warehouse.lock(WRITERS):
                free.append(True)
        except Busy:
            free.append(False)

    made = dg.materialize([writes], resources={"tables": warehouse, "warehouse": writing_warehouse}, instance=instance)
    assert made.success
    assert free == [False]
    with warehouse.lock(WRITERS):
        pass


def test_who_only_writes_the_lake_holds_the_lock_too_and_it_is_taken_once(
    warehouse: Warehouse, instance: dg.DagsterInstance, settings: Settings
) -> None:
    free: list[bool] = []

    def look() -> None:
        try:
            with warehouse.lock(WRITERS):
                free.append(True)
        except Busy:
            free.append(False)

    @dg.asset
    def lands(lake: dg.ResourceParam[Lake]) -> None:
        assert lake == Lake.of(settings)
        look()

    @dg.asset(deps=[lands])
    def lands_and_writes(lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]) -> None:
        look()

    outside = {"settings": settings, "tables": warehouse, "warehouse": writing_warehouse, "lake": writing_lake}
    assert dg.materialize([lands], resources=outside, instance=instance).success
    assert dg.materialize([lands, lands_and_writes], resources=outside, instance=instance).success
    assert free == [False] * 3


def test_every_asset_and_check_holds_the_lock_whoever_started_it() -> None:
    defs = build(Settings())
    lock = {"lake", "warehouse"}
    nodes = [node for node in defs.resolve_asset_graph().assets_defs if node.is_executable]
    assert {"raw_tables_fit", "promotion_plan_planned_model_is_whole", "snapshots", "demo_source"} <= {
        node.node_def.name for node in nodes
    }
    assert [node.node_def.name for node in nodes if not node.required_resource_keys & lock] == []
    assert defs.resources is not None
    assert (defs.resources["lake"], defs.resources["warehouse"]) == (writing_lake, writing_warehouse)
    assert "warehouse" in writing_lake.required_resource_keys


def test_the_job_of_button_materialize_is_known_by_its_name() -> None:
    jobs = {job.name for job in build(Settings()).resolve_all_job_defs()}
    assert any(name.startswith(BY_MATERIALIZE) for name in jobs)
