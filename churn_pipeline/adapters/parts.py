"""Datasets that are kept in parts: a part is computed once, and a day is a list of parts.

    <dataset>/parts/<part>.parquet    rows; never changed once written, for its name says what they were computed from
    <dataset>/<day>.parts             the names of the parts that make up a day, one a line

A part that is there is right, so a killed writer leaves nothing to mend and what it finished is not computed again. To forget
a day, remove its list; what no list names goes with the next `sweep`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import quoted

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one dataset, in its folder."""

    folder: Path

    def has(self, part: str) -> bool:
        """Whether the part has been written."""
        return self._place(part).exists()

    def write(self, connection: duckdb.DuckDBPyConnection, query: str, parts: Iterable[str], *, beside: Path) -> None:
        """Write the parts: the rows of `query`, each into the part that its column `part` names; a part may have none.

        `beside` is an empty folder of the same file system to write in first.
        """
        connection.execute(
            f"copy ({query}) to {quoted(beside)} (format parquet, compression zstd, partition_by (part), overwrite_or_ignore)"
        )
        for part in parts:
            folder = beside / f"part={part}"
            if not folder.exists():
                folder.mkdir()
                nothing = f"select * exclude (part) from ({query}) limit 0"
                connection.execute(f"copy ({nothing}) to {quoted(folder / 'part.parquet')} (format parquet)")
            (file,) = folder.iterdir()
            file.replace(self._made(self._place(part)))

    def publish(self, as_of: datetime, parts: Iterable[str]) -> None:
        """Say of which parts a day consists, in the place of what was said of it before; then `sweep`."""
        place = self._made(self._listed(as_of))
        new = place.with_suffix(".new")
        new.write_text("".join(f"{part}\n" for part in parts))
        new.replace(place)
        self.sweep()

    def of(self, as_of: datetime) -> list[Path]:
        """The files of a day; none where no list of it has been written."""
        listed = self._listed(as_of)
        return [self._place(part) for part in listed.read_text().split()] if listed.exists() else []

    def sweep(self) -> None:
        """Remove the parts that no day names any more; there is one writer, so nobody is about to name them."""
        named = {part for listed in self.folder.glob("*.parts") for part in listed.read_text().split()}
        for part in self.folder.glob("parts/*.parquet"):
            if part.stem not in named:
                part.unlink()

    def _place(self, part: str) -> Path:
        return self.folder / "parts" / f"{part}.parquet"

    def _listed(self, as_of: datetime) -> Path:
        return self.folder / f"{as_of:%Y-%m-%d}.parts"

    @staticmethod
    def _made(place: Path) -> Path:
        place.parent.mkdir(parents=True, exist_ok=True)
        return place
