from __future__ import annotations

from pathlib import Path

from churn_pipeline.adapters.postgres_place import Place


def test_every_part_lies_in_the_data_directory_and_is_told_by_its_name() -> None:
    """So that whoever clears up knows the server's files from all others."""
    place = Place(Path("data"))
    assert len(set(place.parts)) == 6
    assert {part.parent for part in place.parts} == {Path("data")}
    assert {part.name.split(".")[0] for part in place.parts} == {"postgres"}
