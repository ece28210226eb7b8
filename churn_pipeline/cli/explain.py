"""Why one score is what it is, with every reason."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.scoring.rebuild import Rebuilt, rebuild
from churn_pipeline.cli.run import parsed_day
from churn_pipeline.core.clock import midnight
from churn_pipeline.settings import Settings

NEGLIGIBLE = 0.0005
"""Pushes that would be shown as 0.000 are summed in one line."""


def explain(settings: Settings, trial: str, day: str, *, as_json: bool) -> None:
    """Print the score of a trial on a day and all that pushes it; status 1 where it is not the one that was given.

    Raises:
        RebuildError: there is no such score, or what it was made from is gone.
        RunFailed: the text is no day.
    """
    found = rebuild(
        Lake.of(settings),
        Warehouse.of(settings),
        ModelStore.of(settings),
        trial=trial,
        as_of=midnight(parsed_day(day)),
    )
    sys.stdout.write(
        (json.dumps(asdict(found) | {"as_of": found.as_of.isoformat()}) if as_json else told(found)) + "\n"
    )
    if found.differing:
        raise SystemExit(1)


def told(found: Rebuilt) -> str:
    """The score as a sum, a line a push, the largest first."""
    model = f"model {found.model_version}" if found.scored_by != found.model_version else found.scored_by
    shown = [reason for reason in found.reasons if abs(reason.push) >= NEGLIGIBLE]
    rest = [reason.push for reason in found.reasons if abs(reason.push) < NEGLIGIBLE]
    total = found.base_log_odds + sum(reason.push for reason in found.reasons)
    lines = [
        f"trial {found.trial_id}, {found.as_of:%Y-%m-%d}: {found.probability:.4f} by {model}",
        f"{found.base_log_odds:>+9.3f}  where every trial begins",
        *(f"{reason.push:>+9.3f}  {reason.words}" for reason in shown),
        *([f"{sum(rest):>+9.3f}  {len(rest)} other features"] if rest else []),
        f"{total:>+9.3f}  log-odds of {found.probability:.4f}",
    ]
    if found.differing:
        lines += ["", f"In scores stands {found.given:.4f}; these came out otherwise: {', '.join(found.differing)}"]
    return "\n".join(lines)
