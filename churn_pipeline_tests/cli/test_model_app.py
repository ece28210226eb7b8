from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from churn_pipeline.cli import environment, model
from churn_pipeline.cli.model_app import model_app
from churn_pipeline.settings import Settings

ASKED = {
    ("list",): ("list_models", (), {"as_json": False}),
    ("show", "3"): ("show_model", ("3",), {"as_json": False}),
    ("reproduce", "3", "--json"): ("reproduce_model", ("3",), {"as_json": True}),
    ("promote", "3", "--because", "better"): ("promote_model", ("3",), {"because": "better", "as_of": None}),
    ("rollback", "--as-of", "2026-11-01"): (
        "roll_back",
        (),
        {"because": "rolled back by hand", "as_of": "2026-11-01"},
    ),
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
    monkeypatch.setattr(model, function, lambda *of, **more: seen.append((of, more)))
    result = CliRunner().invoke(model_app, [*words, "--source", "here"])
    assert result.exit_code == 0, result.output
    assert seen == [{"source": "here", "mapping": None}, ((settings, *given), options)]
