"""The simulated business as a folder of files, and its truth in files that no source holds.

Each raw table is a Parquet file. What is delivered a second time lies in a CSV file beside it, since a damaged record
fits no typed column: `events.parquet` and `events-again.csv`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_pipeline.capabilities.simulation.dirt import DELIVERED_AGAIN, header, planted
from churn_pipeline.capabilities.simulation.parameters import Parameters

if TYPE_CHECKING:
    import pyarrow as pa

    from churn_pipeline.capabilities.simulation.world import World

MANIFEST = ".simulated.json"
"""Hidden, so that a reader of the folder's tables does not take it for one."""
SORTED = ("occurred_at", "received_at", "started_at", "paid_at", "sent_at", "assigned_at")
"""Moments that hardly step back from row to row: stored as differences."""
UNLIKE = ("event_id", "subscription_id", "account_id", "invoice_id", "touch_id", "contact_id", "email")
"""Columns without a value twice: a dictionary would only cost."""


class SimulationError(Exception):
    """The simulated business cannot be written where it was asked for."""


@dataclass(frozen=True, slots=True)
class Provided:
    """What is on disk now, and whether it had to be simulated."""

    simulated: bool
    rows: dict[str, int]
    """Rows by table."""


def provide(parameters: Parameters, *, folder: Path, truth: Path) -> Provided:
    """Make sure that `folder` holds the world of these parameters and `truth` its truth; nothing is done twice.

    Beside the file `truth` lies `planted.parquet`: how many rows of each table were delivered late, twice or damaged.

    The same parameters give the same bytes. The folder appears as a whole: whoever is killed on the way leaves the old
    one, or none, and the next call makes it good. Of two callers at once the second waits and finds it there.

    Raises:
        SimulationError: the folder holds something that was not simulated, or the truth would lie inside it.
    """
    folder, truth = folder.absolute(), truth.absolute()
    _refuse_what_would_do_harm(folder, truth)
    made_by = _made_by(parameters)
    with _alone(folder):
        rows = _rows_there(made_by, folder, truth)
        if rows is not None:
            return Provided(simulated=False, rows=rows)
        from churn_pipeline.capabilities.simulation.world import simulate

        return Provided(simulated=True, rows=write(simulate(parameters), made_by, folder=folder, truth=truth))


def write(world: World, made_by: dict[str, Any], *, folder: Path, truth: Path) -> dict[str, int]:
    """Replace `folder` by the tables of the world and the file `truth` by its truth; gives the rows by table.

    `made_by` is kept in the manifest: what the world was made from.
    """
    new, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    for left_over in (new, old):
        shutil.rmtree(left_over, ignore_errors=True)
    new.mkdir(parents=True)
    files = {f"{name}.parquet": _write_table(table, new / f"{name}.parquet") for name, table in world.raw.items()}
    files |= {name: _write_lines(lines, new / name) for name, lines in _delivered_again(world).items()}
    truth.parent.mkdir(parents=True, exist_ok=True)
    for table, path in ((world.truth, truth), (planted(world.events, world.dirt), _planted_beside(truth))):
        beside = path.with_name(path.name + ".new")
        files[path.name] = _write_table(table, beside)
        beside.replace(path)
    (new / MANIFEST).write_text(json.dumps({"made_by": made_by, "files": files}, indent=1, sort_keys=True))
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return _rows(files)


def _planted_beside(truth: Path) -> Path:
    return truth.with_name("planted.parquet")


def _rows(files: dict[str, dict[str, int]]) -> dict[str, int]:
    """Rows by name of file, without its ending."""
    return {name.split(".")[0]: file["rows"] for name, file in files.items()}


def _delivered_again(world: World) -> dict[str, pa.Array]:
    """The lines of the files of second deliveries, their header first; no file where there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = {}
    for table in DELIVERED_AGAIN:
        lines = world.dirt.filter(pc.equal(world.dirt["table_name"], table.name))["line"].combine_chunks()
        if len(lines):
            found[f"{table.name}-again.csv"] = pa.concat_arrays([pa.array([header(table)]), lines])
    return found


def _write_lines(lines: pa.Array, path: Path) -> dict[str, int]:
    """Write the file, and give its rows (without the header) and bytes."""
    path.write_text("\n".join(lines.to_pylist()) + "\n")
    return {"rows": len(lines) - 1, "bytes": path.stat().st_size}


def _write_table(table: pa.Table, path: Path) -> dict[str, int]:
    """Write the file, and give its rows and bytes."""
    import pyarrow.parquet as pq

    plain = {*SORTED, *UNLIKE}
    pq.write_table(
        table,
        path,
        compression="zstd",
        use_dictionary=[name for name in table.column_names if name not in plain],
        column_encoding={name: "DELTA_BINARY_PACKED" for name in SORTED if name in table.column_names},
    )
    return {"rows": table.num_rows, "bytes": path.stat().st_size}


def _made_by(parameters: Parameters) -> dict[str, Any]:
    """All that the bytes depend on: parameters, this package's code, the contract, and the libraries that draw and write."""
    import numpy as np
    import pyarrow as pa

    from churn_pipeline.contracts.derive.arrow import arrow_schema
    from churn_pipeline.contracts.raw import RAW_TABLES

    code = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        code.update(file.read_bytes())
    for table in RAW_TABLES:
        code.update(arrow_schema(table).serialize())
    plain = {
        name: value if isinstance(value, int | float) else str(value) for name, value in asdict(parameters).items()
    }
    return {"parameters": plain, "code": code.hexdigest(), "numpy": np.__version__, "pyarrow": pa.__version__}


def _rows_there(made_by: dict[str, Any], folder: Path, truth: Path) -> dict[str, int] | None:
    """Rows by table if the folder holds this very world, complete; none where it has to be simulated."""
    if not (folder / MANIFEST).exists():
        return None
    manifest = json.loads((folder / MANIFEST).read_text())
    elsewhere = {truth.name: truth, _planted_beside(truth).name: _planted_beside(truth)}
    places = {name: elsewhere.get(name, folder / name) for name in manifest["files"]}
    whole = all(p.exists() and p.stat().st_size == manifest["files"][name]["bytes"] for name, p in places.items())
    if manifest["made_by"] != made_by or not whole:
        return None
    return _rows(manifest["files"])


def _refuse_what_would_do_harm(folder: Path, truth: Path) -> None:
    """Raise where writing would overwrite somebody's data or show the truth to the pipeline."""
    foreign = folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).exists()
    offences = [
        *([f"{folder} holds files that were not simulated, and would be replaced"] if foreign else []),
        *([f"{truth} lies in {folder}, which the pipeline reads"] if truth.is_relative_to(folder) else []),
    ]
    if offences:
        raise SimulationError(
            "the simulated business cannot be written: " + "; ".join(offences) + ".\n"
            "  allowed: a folder that does not exist, is empty, or was simulated before; a truth outside of it\n"
            "  do:      name another folder, or move its files away"
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; it falls with the process, however that ends."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
