from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.adapters.sources import open_source
from churn_pipeline.adapters.sources.reading import RowLawError
from churn_pipeline.capabilities.ingestion.staging import stage_table
from churn_pipeline.capabilities.validation.acceptance import accept
from churn_pipeline.contracts.raw import EVENTS, SUBSCRIPTIONS, TRIALS
from churn_pipeline_tests.batches import (
    AS_OF,
    READ_AT,
    clean_source,
    empty_lake,
    take_in,
    trial,
    write_csv,
)
from churn_pipeline_tests.mappings import mapping


def test_what_was_found_is_said(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    write_csv(source.folder / "trials.csv", [trial(1)], ["trial_id", "started_at", "trial_days"])
    staged = stage_table(empty_lake(tmp_path), source, TRIALS, as_of=AS_OF, read_at=READ_AT)
    assert (staged.rows, staged.missing) == (1, ("account_id",))
    assert "plan" in staged.absent
    assert [f.file for f in staged.files] == ["trials.csv"]


def test_a_table_that_the_source_does_not_have_is_staged_as_one_without_rows(tmp_path: Path) -> None:
    lake, source = empty_lake(tmp_path), clean_source(tmp_path / "source")
    stage_table(lake, source, TRIALS, as_of=AS_OF, read_at=READ_AT)

    def staged() -> tuple[int, list[tuple[str, str]]]:
        stage_table(lake, source, SUBSCRIPTIONS, as_of=AS_OF, read_at=READ_AT)
        with lake.engine.connection() as connection:
            columns = connection.execute(f"describe {lake.rows('staged_subscriptions', AS_OF)}").fetchall()
            return lake.read("staged_subscriptions", AS_OF).num_rows, [(name, of) for name, of, *_ in columns]

    there, columns = staged()
    (source.folder / "subscriptions.csv").unlink()
    assert (there, staged()) == (10, (0, columns))


def test_rows_of_a_select_that_names_no_file_do_not_vanish(tmp_path: Path) -> None:
    lake, folder = empty_lake(tmp_path), clean_source(tmp_path / "source").folder
    text = "tables: {trials: {select: \"select 't' as trial_id, 'a' as account_id, '2024-05-01' as started_at, 14 as trial_days\"}}"
    stage_table(lake, open_source(folder, mapping(tmp_path, text)), TRIALS, as_of=AS_OF, read_at=READ_AT)
    assert lake.read("staged_trials", AS_OF)["trial_id"].to_pylist() == ["t"]
    with pytest.raises(RowLawError, match="0 rows were read from the source, 1 were staged"):
        accept(lake, TRIALS, as_of=AS_OF, read_at=READ_AT, run_id="r")


@pytest.mark.flow
@settings(max_examples=20, deadline=None)
@given(
    noise=st.lists(
        st.one_of(
            st.binary(max_size=40), st.sampled_from([b'"', b",", b"\n", b'",', b"e1,t1,2024-05-02,login", b"\r\n"])
        )
    )
)
def test_whatever_the_bytes_are_rows_read_are_kept_quarantined_or_copies(noise: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = clean_source(folder / "source", trials=2)
        body = b"event_id,trial_id,occurred_at,event_name\n" + b"\n".join(noise) + b"\ngood,t1,2024-05-03,login\n"
        (source.folder / "events.csv").write_bytes(body)
        events = take_in(empty_lake(folder), source, [TRIALS, EVENTS])["events"]
        assert events.read == events.kept + events.quarantined + events.duplicate
