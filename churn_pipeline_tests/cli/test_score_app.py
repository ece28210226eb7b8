from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from churn_pipeline.cli import environment, explain, run
from churn_pipeline.cli.main import app
from churn_pipeline.settings import Settings


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the commands hand on."""
    seen: list[Any] = []

    def prepared(**named: Any) -> Settings:
        seen.append(named)
        return Settings()

    monkeypatch.setattr(environment, "prepare_known", prepared)
    monkeypatch.setattr(run, "score_days", lambda _, **more: seen.append(more))
    monkeypatch.setattr(explain, "explain", lambda _, *of, **more: seen.append((of, more)))
    return seen


def test_days_are_scored_from_the_first_to_the_last(asked: list[Any]) -> None:
    result = CliRunner().invoke(app, ["score", "--as-of", "2026-10-01", "--source", "here"])
    assert result.exit_code == 0, result.output
    assert asked == [
        {"source": "here", "mapping": None},
        {"first": "2026-10-01", "last": "2026-10-01", "as_json": False},
    ]


def test_a_score_is_explained_of_the_business_that_is_named(asked: list[Any]) -> None:
    result = CliRunner().invoke(app, ["score", "explain", "t_1", "2026-10-01", "--source", "here", "--json"])
    assert result.exit_code == 0, result.output
    assert asked == [{"source": "here", "mapping": None}, (("t_1", "2026-10-01"), {"as_json": True})]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["score"], "Missing option '--as-of'"),
        (["score", "--source", "here", "explain", "t_1", "2026-10-01"], "Options of 'explain' stand after it"),
        (["explain", "t_1"], "Did you mean churn score explain"),
    ],
)
def test_what_is_missing_or_in_the_wrong_place_is_named(
    words: list[str], complaint: str, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    result = CliRunner().invoke(app, words, prog_name="churn")
    assert result.exit_code == 2
    assert complaint in result.output
    assert asked == []
