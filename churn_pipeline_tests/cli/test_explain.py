from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.scoring.rebuild import Reason, Rebuilt
from churn_pipeline.cli import explain as explaining
from churn_pipeline.cli.explain import explain, told
from churn_pipeline.settings import Settings

REASONS = (
    Reason("invites", "3", 1.5, "invited 3 teammates: pushes up"),
    Reason("days_left", "2", -0.25, "2 days are left: pushes down"),
    Reason("plan", "team", 0.0003, "plan is team: pushes up"),
    Reason("country", None, 0.0, "country is unknown: has no effect"),
)
FOUND = Rebuilt("t_1", datetime(2026, 10, 1, tzinfo=UTC), "champion", "3", 0.56, 0.56, -1.0, REASONS, ())


def test_a_score_is_told_as_a_sum() -> None:
    assert told(FOUND).splitlines() == [
        "trial t_1, 2026-10-01: 0.5600 by model 3",
        "   -1.000  where every trial begins",
        "   +1.500  invited 3 teammates: pushes up",
        "   -0.250  2 days are left: pushes down",
        "   +0.000  2 other features",
        "   +0.250  log-odds of 0.5600",
    ]


def test_what_came_out_otherwise_is_told_and_ends_with_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Rebuilt("t_1", FOUND.as_of, "rules", "rules", 0.4, 0.56, -1.0, REASONS, ("conversion_probability",))
    assert told(other).splitlines()[0].endswith("by rules")
    assert told(other).endswith("In scores stands 0.4000; these came out otherwise: conversion_probability")
    for kind in (Lake, Warehouse, ModelStore):
        monkeypatch.setattr(kind, "of", lambda _: None)
    monkeypatch.setattr(explaining, "rebuild", lambda *_, **__: other)
    with pytest.raises(SystemExit) as ended:
        explain(Settings(), "t_1", "2026-10-01", as_json=True)
    assert ended.value.code == 1
    assert json.loads(capsys.readouterr().out)["differing"] == ["conversion_probability"]
