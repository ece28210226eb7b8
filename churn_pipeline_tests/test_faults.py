"""What a source may do to us, and what we say. Nothing is lost, nothing comes twice, and each has a message.

| fault | what is tried | what becomes of it |
|---|---|---|
| source database killed mid-read | the server's own session ended while its rows stream | the reading ends with a message (adapters/sources/test_database) |
| table altered or emptied mid-read | `alter table`, `truncate` from a second session | the other session waits (adapters/sources/test_database) |
| source changed meanwhile | rows inserted and deleted between two tables | not seen: one snapshot (adapters/sources/test_database) |
| disk full | the copy goes to /dev/full; the lake too | a message, nothing staged or landed |
| two loads at once | a second run while a first holds the lock | refused with who is at work (orchestration/test_writers) |
| a load is killed | after staging, after landing | the next makes it whole (test_databases) |
| clock skew | an event received before it happened; one of tomorrow; a cursor ahead | quarantined with the rule; read when its time has come (test_databases) |
| a large CSV with one broken line | one stray quote, one line short, one that is no text | exactly these lines in quarantine, by their numbers |
| 200 columns | a table that is mostly unknown columns | kept, the rest in `properties` |
| NUL bytes | in a text, in a key | that row in quarantine |
| encodings | UTF-16, cp1252 by name; Latin-1 taken for UTF-8 | read; else only the lines concerned |
| BOM, CRLF, blank lines, no last line break | all at once | read |
| days on which clocks change | local times that come twice or never, with and without offset | moments in UTC |
| mixed time zones | Z, offsets, none, in one column | one moment each |
| truncated files | .gz, .zst, .parquet cut in half | the batch is refused before a row of it is used |
| a column that comes or goes | an export with one more, or one fewer | more: kept; fewer: a message that names it |
| the same rows twice | a file beside a copy of itself | exact copies, counted |
"""

from __future__ import annotations

import errno
import gzip
import os
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import Source, open_source
from churn_pipeline.capabilities.validation.acceptance import Accepted
from churn_pipeline.capabilities.validation.batch import check_batch
from churn_pipeline.contracts.raw import EVENTS, TRIALS
from churn_pipeline_tests.batches import AS_OF, clean_source, empty_lake, event, stage, staged_rows, take_in, write_csv

pytestmark = pytest.mark.flow
HEADER = "event_id,trial_id,occurred_at,event_name"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A clean source of 40 trials with one event each."""
    return clean_source(tmp_path / "source")


def landed(tmp_path: Path, source: Source) -> tuple[Accepted, Lake]:
    """The events after reading and landing; the row law holds whatever happened."""
    lake = empty_lake(tmp_path)
    accepted = take_in(lake, source, [TRIALS, EVENTS])["events"]
    assert accepted.read == accepted.kept + accepted.quarantined + accepted.duplicate
    return accepted, lake


def rejected(lake: Lake) -> dict[int, str]:
    """Line and first broken rule of each rejected event."""
    return {row["_line"]: row["_broken"][0] for row in staged_rows(lake, EVENTS) if row["_broken"]}


def moments(lake: Lake) -> list[str]:
    """When each event happened, in the order of the file."""
    return [row["occurred_at"].astimezone(UTC).isoformat() for row in staged_rows(lake, EVENTS)]


def line(number: int, at: str = "2024-05-21T10:00:00Z") -> str:
    """A good line of an events file."""
    return f"x{number},t1,{at},login"


def write(source: Source, *lines: str, encoding: str = "utf-8", end: str = "\n") -> None:
    """Write the events file."""
    (source.folder / "events.csv").write_bytes(end.join([HEADER, *lines]).encode(encoding))


GIGABYTE = pytest.param(
    8_000_000,
    marks=pytest.mark.skipif(
        "CHURN_TEST_GIGABYTE" not in os.environ, reason="THE FILE OF 1 GB takes minutes: CHURN_TEST_GIGABYTE=1 tries it"
    ),
)


@pytest.mark.parametrize("rows", [20_000, GIGABYTE])
def test_of_a_large_file_with_broken_lines_exactly_these_are_rejected(
    rows: int, source: Source, tmp_path: Path
) -> None:
    """The slow one is a file of about a gigabyte."""
    path = source.folder / "events.csv"
    pad = "y" * 90 if rows > 1_000_000 else ""
    duckdb.connect().execute(
        f"copy (select 'x' || i as event_id, 't' || i % 40 as trial_id, '2024-05-21T10:00:00Z' as occurred_at, "
        f"'login{pad}' as event_name from range({rows}) as r(i)) to '{path}' (header)"
    )
    with path.open("ab") as file:
        file.write(b'"open,t1,2024-05-21,login\nshort,t1\n\xff\xfe,t1,2024-05-21,login\nlast,t1,2024-05-21,login\n')
    accepted, lake = landed(tmp_path, source)
    assert (accepted.kept, accepted.quarantined) == (rows + 1, 3)
    with lake.engine.connection() as connection:
        staged = lake.rows("staged_events", AS_OF)
        found = connection.execute(
            f"select _line, _broken[1] from ({staged}) where _broken is not null order by 1"
        ).fetchall()
    assert found == [(rows + 2 + n, "unreadable_line") for n in range(3)]


def test_two_hundred_columns_are_kept(source: Source, tmp_path: Path) -> None:
    write_csv(source.folder / "events.csv", [event(n) | {f"c{i}": f"v{i}" for i in range(200)} for n in range(40)])
    accepted, lake = landed(tmp_path, source)
    assert accepted.kept == 40
    assert all('"c199":"v199"' in row["properties"] for row in staged_rows(lake, EVENTS))


def test_a_zero_character_costs_its_own_row(source: Source, tmp_path: Path) -> None:
    write(source, line(1), "x\0,t1,2024-05-21,login", "x3,t1,2024-05-21,lo\0gin", line(4))
    accepted, lake = landed(tmp_path, source)
    assert accepted.kept == 2
    assert rejected(lake) == {3: "wrong_type_event_id", 4: "wrong_type_event_name"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_marks_of_encodings_and_ends_of_lines_make_no_difference(
    encoding: str, end: str, source: Source, tmp_path: Path
) -> None:
    write(source, line(1), "", f"ü{line(2)}", encoding=encoding, end=end)
    accepted, lake = landed(tmp_path, source)
    assert (accepted.kept, accepted.quarantined) == (2, 0)
    assert {row["event_id"] for row in staged_rows(lake, EVENTS)} == {"x1", "üx2"}


def test_a_named_encoding_is_read_and_one_that_was_not_named_costs_only_the_lines_concerned(
    source: Source, tmp_path: Path
) -> None:
    write(source, line(1), f"é{line(2)}", encoding="cp1252")
    accepted, lake = landed(tmp_path / "not named", source)
    assert rejected(lake) == {3: "unreadable_line"}
    assert accepted.kept == 1
    (tmp_path / "acme.yaml").write_text("tables: {events: {from: events.csv, encoding: cp1252}}")
    named = open_source(source.folder, tmp_path / "acme.yaml")
    assert landed(tmp_path / "named", named)[0].kept == 2


def test_moments_of_mixed_zones_and_of_the_days_on_which_clocks_change_are_one_moment_each(
    source: Source, tmp_path: Path
) -> None:
    given = {
        "2023-10-29T02:30:00+02:00": "2023-10-29T00:30:00+00:00",  # the first half past two of that night in Berlin
        "2023-10-29T02:30:00+01:00": "2023-10-29T01:30:00+00:00",  # the second
        "2024-03-31 02:30:00": "2024-03-31T02:30:00+00:00",  # never shown by a clock in Berlin; without a zone it is UTC
        "2024-05-21T10:00:00Z": "2024-05-21T10:00:00+00:00",
        "2024-05-21 10:00:00+05:30": "2024-05-21T04:30:00+00:00",
        "2024-05-21": "2024-05-21T00:00:00+00:00",
    }
    write(source, *(line(n, at) for n, at in enumerate(given)))
    _, lake = landed(tmp_path, source)
    assert moments(lake) == list(given.values())


def test_clocks_that_disagree_cost_their_own_rows(source: Source, tmp_path: Path) -> None:
    late = event(3, received_at="2024-05-04T09:00:00Z")
    write_csv(
        source.folder / "events.csv", [event(1), late, event(5, occurred_at="2031-01-01", received_at="2031-01-01")]
    )
    accepted, lake = landed(tmp_path, source)
    assert accepted.kept == 1
    assert rejected(lake) == {3: "occurred_at_after_received_at", 4: "in_the_future"}


def _zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(content)
    return bytes(sink.getvalue())


def _parquet(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"event_id": content.splitlines()}), sink)
    return bytes(sink.getvalue())


@pytest.mark.parametrize(("suffix", "pack"), [(".csv.gz", gzip.compress), (".csv.zst", _zstd), (".parquet", _parquet)])
def test_a_file_that_was_cut_off_stops_the_batch_with_its_name(
    suffix: str, pack: Callable[[bytes], bytes], source: Source, tmp_path: Path
) -> None:
    (source.folder / "events.csv").unlink()
    whole = pack("\n".join([HEADER, *(line(n) for n in range(5_000))]).encode())
    (source.folder / f"events{suffix}").write_bytes(whole[: len(whole) // 2])
    lake = empty_lake(tmp_path)
    stage(lake, source, [TRIALS, EVENTS])
    verdict = check_batch(lake, EVENTS, as_of=AS_OF, max_bad_share=0.2, sample_rows=0)
    assert not verdict.passed
    assert f"events{suffix}, rule damaged_file: the file is damaged" in str(verdict)


def test_a_column_that_is_gone_is_named_and_one_that_comes_is_kept(source: Source, tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    take_in(lake, source, [TRIALS, EVENTS])
    write_csv(source.folder / "events.csv", [event(n, browser="firefox") for n in range(40)])
    assert take_in(lake, source, [TRIALS, EVENTS])["events"].quarantined == 0
    write_csv(
        source.folder / "events.csv", [{k: v for k, v in event(n).items() if k != "event_name"} for n in range(40)]
    )
    stage(lake, source, [TRIALS, EVENTS])
    verdict = check_batch(lake, EVENTS, as_of=AS_OF, max_bad_share=0.2, sample_rows=0)
    assert "column event_name, rule missing_column" in str(verdict)


def test_a_file_beside_a_copy_of_itself_counts_once(source: Source, tmp_path: Path) -> None:
    (source.folder / "events-copy.csv").write_bytes((source.folder / "events.csv").read_bytes())
    accepted, _ = landed(tmp_path, source)
    assert (accepted.kept, accepted.duplicate) == (40, 40)


def test_a_full_disk_ends_the_step_and_leaves_the_lake_as_it_was(source: Source, tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    take_in(lake, source, [TRIALS, EVENTS])
    before = lake.file("staged_events", AS_OF).read_bytes()
    (lake.root / "staged_events" / f"{AS_OF:%Y-%m-%d}.new").symlink_to("/dev/full")
    with pytest.raises((OSError, duckdb.IOException)) as ended:
        stage(lake, source, [TRIALS, EVENTS])
    assert _says_full(ended.value)
    assert lake.file("staged_events", AS_OF).read_bytes() == before


def _says_full(error: Any) -> bool:
    return getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
