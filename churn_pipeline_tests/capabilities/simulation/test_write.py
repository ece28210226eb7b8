from __future__ import annotations

import hashlib
import threading
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from churn_pipeline.adapters.engine import Engine
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import open_source
from churn_pipeline.capabilities.ingestion.staging import stage_table
from churn_pipeline.capabilities.simulation import write
from churn_pipeline.capabilities.simulation.dirt import COPY, FAULTS, LATE
from churn_pipeline.capabilities.simulation.write import Provided, SimulationError, provide
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline_tests.businesses import parameters, world

END = parameters().end
SMALL: dict[str, Any] = {"trials": 300}


def provided(home: Path, **changed: Any) -> Provided:
    return provide(parameters(**(SMALL | changed)), folder=home / "source", truth=home / "truth" / "truth.parquet")


def contents(home: Path) -> dict[str, str]:
    files = (path for path in home.rglob("*") if path.is_file())
    return {str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_folder_holds_the_tables_and_the_truth_lies_elsewhere(tmp_path: Path) -> None:
    assert provided(tmp_path).simulated
    assert sorted(p.name for p in (tmp_path / "source").glob("*.parquet")) == [
        *sorted(f"{table.name}.parquet" for table in RAW_TABLES)
    ]
    for table in RAW_TABLES:
        found = pq.read_table(tmp_path / "source" / f"{table.name}.parquet")
        assert found.schema.equals(arrow_schema(table))
        assert found.equals(getattr(world(**SMALL), table.name))
    assert pq.read_table(tmp_path / "truth" / "truth.parquet").equals(world(**SMALL).truth)


def test_the_same_parameters_give_the_same_bytes(tmp_path: Path) -> None:
    provided(tmp_path / "one")
    provided(tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_nothing_is_done_twice(tmp_path: Path) -> None:
    first = provided(tmp_path)
    written = (tmp_path / "source" / "events.parquet").stat().st_mtime_ns
    again = provided(tmp_path)
    assert (again.simulated, again.rows) == (False, first.rows)
    assert (tmp_path / "source" / "events.parquet").stat().st_mtime_ns == written


def test_other_parameters_replace_the_folder_as_a_whole(tmp_path: Path) -> None:
    provided(tmp_path)
    other = provided(tmp_path, until=date(2026, 3, 1))
    assert other.simulated
    provided(tmp_path / "fresh", until=date(2026, 3, 1))
    fresh = contents(tmp_path / "fresh")
    assert {name: digest for name, digest in contents(tmp_path).items() if not name.startswith("fresh")} == fresh


@pytest.mark.parametrize("lost", ["source/events.parquet", "truth/truth.parquet"])
def test_a_lost_or_cut_file_is_made_good(tmp_path: Path, lost: str) -> None:
    provided(tmp_path)
    whole = contents(tmp_path)
    (tmp_path / lost).write_bytes((tmp_path / lost).read_bytes()[:-1])
    assert provided(tmp_path).simulated
    (tmp_path / lost).unlink()
    assert provided(tmp_path).simulated
    assert contents(tmp_path) == whole


@pytest.mark.parametrize("step", ["write_text", "rename", "replace"])
def test_who_is_stopped_on_the_way_leaves_nothing_that_the_next_one_cannot_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    provided(tmp_path / "undisturbed", until=date(2026, 3, 1))
    provided(tmp_path / "home")

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, step, stop)
        with pytest.raises(KeyboardInterrupt):
            provided(tmp_path / "home", until=date(2026, 3, 1))
    provided(tmp_path / "home", until=date(2026, 3, 1))
    assert contents(tmp_path / "home") == contents(tmp_path / "undisturbed")


def test_somebodys_own_files_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "trials.csv").write_text("trial_id\n")
    with pytest.raises(SimulationError, match="holds files that were not simulated"):
        provided(tmp_path)
    assert (tmp_path / "source" / "trials.csv").read_text() == "trial_id\n"


def test_the_truth_is_never_written_where_the_pipeline_reads(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="which the pipeline reads"):
        provide(parameters(**SMALL), folder=tmp_path, truth=tmp_path / "truth.parquet")


def test_of_two_callers_at_once_one_simulates(tmp_path: Path) -> None:
    results: list[Provided] = []
    callers = [threading.Thread(target=lambda: results.append(provided(tmp_path))) for _ in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(result.simulated for result in results) == [False, True]


def test_a_changed_simulator_simulates_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provided(tmp_path)
    made_by = write._made_by(parameters(**SMALL)) | {"code": "another"}
    monkeypatch.setattr(write, "_made_by", lambda _: made_by)
    assert provided(tmp_path).simulated


def test_what_the_pipeline_quarantines_and_drops_is_what_was_planted(tmp_path: Path) -> None:
    dirty = {"again_share": 0.2, "damaged_share": 0.15}
    provided(tmp_path, **dirty)
    planted = pq.read_table(tmp_path / "truth" / "planted.parquet").to_pylist()
    lake = Lake(tmp_path / "lake", Engine("512MB", 1, tmp_path / "spill"))
    counted: dict[tuple[str, str], int] = {}
    for table in RAW_TABLES:
        stage_table(lake, open_source(tmp_path / "source"), table, as_of=END, read_at=END)
        staged = lake.read(f"staged_{table.name}", END, select="_broken[1] as rule, _copy").to_pylist()
        for row in staged:
            rule = COPY if row["_copy"] else row["rule"]
            if rule is not None:
                counted[table.name, rule] = counted.get((table.name, rule), 0) + 1
        good = sum(row["rule"] is None and not row["_copy"] for row in staged)
        assert good == getattr(world(**SMALL, **dirty), table.name).num_rows
    assert counted == {(row["table_name"], row["rule"]): row["rows"] for row in planted if row["rule"] != LATE}
    assert {rule for name, rule in counted if name == "events"} == {COPY, *(fault.rule for fault in FAULTS["events"])}
