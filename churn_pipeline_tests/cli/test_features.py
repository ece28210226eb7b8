from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from churn_pipeline.adapters.lake import Lake, LakeError
from churn_pipeline.capabilities.features.foresight import Foresight
from churn_pipeline.cli import features
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.settings import Settings
from churn_pipeline_tests.worlds import BEGIN, crowd, land

pytestmark = pytest.mark.flow


def business(folder: Path) -> Settings:
    """A business whose lake holds a crowd of trials that began within two weeks."""
    settings = Settings(data_dir=folder, business="crowd", threads=1)
    lake = Lake.of(settings)
    with lake.engine.connection() as connection:
        for table in RAW_TABLES:
            land(lake, connection, table, crowd(2).rows(table))
    return settings


def test_the_looks_of_four_past_days_are_what_they_were(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features.check(business(tmp_path))
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 4
    assert all(("no feature knows the future" in line) != ("nothing to compare" in line) for line in said)
    assert any("no feature knows the future" in line for line in said)


def test_features_of_ones_own_are_told_with_their_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "ever.sql").write_text("-- meaning: Events.\n-- says: {value:.0f} events\ncount(*)")
    with pytest.raises(SystemExit):  # so early there is no past look
        features.check(business(tmp_path).model_copy(update={"own_features": tmp_path / "mine"}), as_of="2024-03-14")
    said = capsys.readouterr().out.splitlines()
    assert said[-3] == "features of your own as of 2024-03-14:"
    assert said[-2].startswith("  ever: least "), said


def test_a_feature_that_knows_the_future_ends_the_command_with_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def foretold(*_: object, days: Sequence[datetime], **__: object) -> Iterator[Foresight]:
        for day in days:
            said.append(capsys.readouterr().out)
            yield Foresight(3, {"luck": 2} if day < BEGIN + timedelta(days=1) else {})

    said: list[str] = []

    monkeypatch.setattr(features, "foresight", foretold)
    with pytest.raises(SystemExit) as ended:
        features.check(business(tmp_path), as_of="2024-04-01")
    assert ended.value.code == 1
    assert [len(text.splitlines()) for text in said] == [0, 1, 1, 1], "each day is told before the next is looked at"
    assert "luck (2)" in "".join(said) + capsys.readouterr().out


@pytest.mark.parametrize("as_of", [None, "2026-11-01"])
def test_before_anything_was_read_there_is_nothing_to_check(as_of: str | None, tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="holds no events yet"):
        features.check(Settings(data_dir=tmp_path, business="crowd"), as_of=as_of)


def test_where_no_look_could_be_compared_nothing_is_proven(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        features.check(business(tmp_path), as_of="2023-01-01")
    assert capsys.readouterr().out.splitlines()[-1] == "nothing was compared, so nothing is proven"
