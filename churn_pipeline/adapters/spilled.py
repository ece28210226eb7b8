"""Rows that memory should not have to hold: written to a file as they come, read as if they were in memory."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def spilled(schema: pa.Schema, blocks: Iterable[pa.Table], *, folder: Path) -> pa.Table:
    """The rows of all blocks, in order, as one table whose bytes lie in a file of `folder`.

    The file has no name: it goes with the table, and with the process, however that ends. Its pages count as resident once they were
    read, and are the system's to take back.
    """
    import pyarrow as pa

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        with pa.ipc.new_file(file, schema) as writer:
            for block in blocks:
                writer.write_table(block)
        file.flush()
        return pa.ipc.open_file(pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))).read_all()
