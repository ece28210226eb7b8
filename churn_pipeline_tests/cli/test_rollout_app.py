from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from churn_pipeline.cli import environment, rollout
from churn_pipeline.cli.rollout_app import rollout_app
from churn_pipeline.settings import Settings

ASKED = {
    ("start", "3", "--because", "agreed", "--share", "20"): (
        "start",
        ("3",),
        {"because": "agreed", "share": 20, "as_of": None},
    ),
    ("status", "--json"): ("status", (), {"as_of": None, "as_json": True}),
    ("advance", "--because", "well", "--as-of", "2026-11-01"): (
        "advance",
        (),
        {"because": "well", "as_of": "2026-11-01"},
    ),
    ("abort", "--because", "odd"): ("abort", (), {"because": "odd", "as_of": None}),
}


@pytest.mark.parametrize("words", ASKED, ids=lambda words: words[0])
def test_a_command_asks_the_function_of_its_name_about_the_business_that_is_named(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    function, given, options = ASKED[words]
    seen: list[Any] = []
    settings = Settings()

    def prepared(**named: Any) -> Settings:
        seen.append(named)
        return settings

    monkeypatch.setattr(environment, "prepare_known", prepared)
    monkeypatch.setattr(rollout, function, lambda *of, **more: seen.append((of, more)))
    result = CliRunner().invoke(rollout_app, [*words, "--source", "here"])
    assert result.exit_code == 0, result.output
    assert seen == [{"source": "here", "mapping": None}, ((settings, *given), options)]
