from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from churn_pipeline.cli import environment, quarantine
from churn_pipeline.cli.quarantine_app import quarantine_app
from churn_pipeline.settings import Settings

# looking needs a business that is there; putting back and closing need one of raw records
KNOWN: tuple[str, dict[str, bool]] = ("prepare_known", {})
OF_RECORDS = ("prepare_records", {"known": True})
ASKED = {
    ("list", "--table", "events"): (KNOWN, "list_issues", (), {"table": "events", "rule": None, "as_json": False}),
    ("show", "ab", "cd", "--csv"): (KNOWN, "show_issues", (["ab", "cd"],), {"form": "csv"}),
    ("replay", "--issue", "ab", "--set", "plan=pro"): (
        OF_RECORDS,
        "replay",
        (),
        {"files": [], "issue": "ab", "values": ["plan=pro"], "table": None, "rule": None, "as_of": None},
    ),
    ("replay", "events.csv"): (
        OF_RECORDS,
        "replay",
        (),
        {"files": [Path("events.csv")], "issue": None, "values": [], "table": None, "rule": None, "as_of": None},
    ),
    ("dismiss", "ab", "--why", "noise"): (
        OF_RECORDS,
        "dismiss",
        (["ab"],),
        {"table": None, "rule": None, "why": "noise", "as_of": None},
    ),
}


@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_a_command_asks_the_function_of_its_name_about_the_business_that_is_named(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    (prepare, more), function, given, options = ASKED[words]
    seen: list[Any] = []
    settings = Settings()

    def prepared(**named: Any) -> Settings:
        seen.append(named)
        return settings

    monkeypatch.setattr(environment, prepare, prepared)
    monkeypatch.setattr(quarantine, function, lambda *of, **others: seen.append((of, others)))
    result = CliRunner().invoke(quarantine_app, [*words, "--source", "here"])
    assert result.exit_code == 0, result.output
    assert seen == [{"source": "here", "mapping": None, **more}, ((settings, *given), options)]
