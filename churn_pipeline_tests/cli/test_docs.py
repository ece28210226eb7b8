from __future__ import annotations

from pathlib import Path

import pytest

from churn_pipeline.cli import docs
from churn_pipeline.cli.main import app
from churn_pipeline.settings import Settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(docs, "FOLDER", tmp_path / "docs")
    return tmp_path / "docs"


def test_pages_are_written_and_are_then_up_to_date(folder: Path) -> None:
    docs.generate(app, check=False)
    assert {path.name for path in folder.iterdir()} == set(docs.pages(app))
    docs.generate(app, check=True)


def test_every_stale_or_missing_page_is_named_and_none_is_touched(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    docs.generate(app, check=False)
    (folder / "settings.md").write_text("old")
    (folder / "commands.md").unlink()
    with pytest.raises(SystemExit) as ended:
        docs.generate(app, check=True)
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("stale in docs/: settings.md, commands.md\n  do: make docs")
    assert (folder / "settings.md").read_text() == "old"


def test_each_setting_stands_with_its_variable_default_and_bounds() -> None:
    page = docs.settings_page()
    assert "| `CHURN_GRACE_DAYS` | `7` | >= 0, <= 365 | Days after the planned end" in page
    assert "| `CHURN_DATA_DIR` | `data` |" in page
    assert "| `CHURN_LANDMARKS` | `1, 3, 7," in page
    assert page.count("| `CHURN_") == len(Settings.model_fields)


def test_each_command_stands_with_its_options() -> None:
    page = docs.commands_page(app)
    assert "## churn source check" in page
    assert "- `SOURCE`: Folder of raw files, or address of a database." in page
    assert "- `--as-of`: Day (YYYY-MM-DD)" in page
    assert "--help" not in page
