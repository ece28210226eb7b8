from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.capabilities.rollout.arms import arms, difference, rows
from churn_pipeline.contracts.production import ROLLOUT_ARMS

DAY = datetime(2026, 5, 1, tzinfo=UTC)


def looks(*given: tuple[int, str, bool]) -> pd.DataFrame:
    """Looks at matured trials: trial, arm, converted; the champion says .2 of everybody, the canary .6."""
    frame = pd.DataFrame(given, columns=["trial", "by_canary", "converted"])
    frame["by_canary"] = frame["by_canary"] == "canary"
    return frame.assign(score=np.where(frame["by_canary"], 0.6, 0.2))


def test_a_trial_counts_in_the_arm_in_which_it_was_first_scored_and_its_scores_while_it_was_in_it() -> None:
    known = looks((0, "champion", True), (1, "canary", False), (0, "canary", True), (1, "canary", False))
    champion, canary = arms({"champion": 2, "canary": 1, "moved": 1}, known, champion="4", canary="5")
    assert (champion.trials, champion.moved, champion.matured, champion.conversions) == (2, 1, 1, 1)
    assert (canary.trials, canary.moved, canary.matured, canary.conversions) == (1, 0, 1, 0)
    assert champion.mean_score == pytest.approx(0.2)
    assert canary.mean_score == pytest.approx(0.6)
    assert champion.log_loss == pytest.approx(-np.log(0.2))
    assert champion.auc is None


def test_the_difference_is_that_of_the_arms_with_its_interval() -> None:
    known = looks(*((n, "canary" if n % 2 else "champion", n % 4 == 1) for n in range(400)))
    found = arms({"champion": 200, "canary": 200, "moved": 0}, known, champion="4", canary="5")
    between = difference(*found)
    assert between is not None
    assert between.mid == pytest.approx(0.5)
    # Newcombe (1998), method 10, by hand: Wilson's intervals are .4314...5686 of 100 in 200, and 0....0188 of 0 in 200
    assert between.low == pytest.approx(0.4288, abs=2e-4)
    assert between.high == pytest.approx(0.5686, abs=2e-4)
    table = rows(found, as_of=DAY, run_id="r")
    assert table.column_names == list(ROLLOUT_ARMS.names)
    assert table["model_version"].to_pylist() == ["5", "5"]
    assert table["difference"].to_pylist() == [pytest.approx(0.5)] * 2


def test_where_nothing_has_matured_there_are_no_figures() -> None:
    counted = {"champion": 1, "canary": 1, "moved": 0}
    found = arms(counted, looks((0, "champion", False)).iloc[:0], champion="4", canary="5")
    assert [(arm.trials, arm.matured, arm.conversion, arm.log_loss) for arm in found] == [(1, 0, None, None)] * 2
    assert difference(*found) is None
    assert rows(found, as_of=DAY, run_id="r")["difference"].to_pylist() == [None, None]
    assert rows(None, as_of=DAY, run_id="r").num_rows == 0
