from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from churn_pipeline.adapters.spilled import spilled

ROWS = pa.table({"word": ["a", None, "c", "d"], "number": [1.5, 2.5, None, 4.5]})


@pytest.mark.parametrize("rows", [1, 3, 4])
def test_the_blocks_are_one_table_that_no_name_in_the_folder_tells_of(tmp_path: Path, rows: int) -> None:
    blocks = (ROWS.slice(at, rows) for at in range(0, 4, rows))
    found = spilled(ROWS.schema, blocks, folder=tmp_path / "spill")
    gc.collect()
    assert found.equals(ROWS)
    assert list((tmp_path / "spill").iterdir()) == []


def test_no_block_is_a_table_without_rows(tmp_path: Path) -> None:
    assert spilled(ROWS.schema, [], folder=tmp_path).equals(ROWS.slice(0, 0))


def test_the_rows_are_not_in_the_memory_of_the_process(tmp_path: Path) -> None:
    block = pa.table({"number": pa.array([1.0] * 100_000)})
    before = pa.total_allocated_bytes()
    found = spilled(block.schema, [block] * 20, folder=tmp_path)
    assert found.nbytes == 20 * block.nbytes
    assert pa.total_allocated_bytes() - before < block.nbytes


def test_what_goes_wrong_with_a_block_is_what_the_caller_sees(tmp_path: Path) -> None:
    def broken() -> Iterator[pa.Table]:
        yield ROWS
        raise ValueError("the second block")

    with pytest.raises(ValueError, match="the second block"):
        spilled(ROWS.schema, broken(), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
