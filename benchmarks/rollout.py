"""Rollouts in a replay of 60 days each, by the assets of the daily job, on a simulated business whose champion was trained early.

    python benchmarks/rollout.py [--trials 12000] [--days 60] [--data DIR]

1. A canary that is degraded on purpose: trained on a past in which three of five trials have another's outcome.
2. One that a person takes back after three days.
3. A challenger that was trained on all of the past and has passed the gate.

Printed are the days on which something changed, the A/B, and whether any trial changed sides but once, to the canary.
Exit status 0 if the first went back before the second step, the second was gone at the next scoring, and the third became champion.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np

from churn_pipeline.adapters.embedded_postgres import stop_server
from churn_pipeline.adapters.frames import snapshot_frame
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.ledger import end_trial, put_on_trial, read_ledger
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.training.fitting import fit
from churn_pipeline.capabilities.training.recipe import Recipe
from churn_pipeline.capabilities.training.train import logged, material
from churn_pipeline.contracts.lake import TRAINING_SET
from churn_pipeline.core.clock import midnight
from churn_pipeline.core.ledger import canary_on, production_on
from churn_pipeline.definitions import build
from churn_pipeline.settings import Settings

EARLY, FIRST, SECOND, THIRD = date(2026, 2, 15), date(2026, 5, 1), date(2026, 7, 15), date(2026, 8, 1)
DAILY = (
    "snapshots", "labels", "rollout_verdicts", "rollout_plan", "canary", "scores", "rollout_scores", "score_outcomes",
    "model_performance", "rollout_arms",
)  # fmt: skip
DAMAGED = 0.6
SIDES = "select trial_id, as_of, scored_by from scores where as_of >= $1 and as_of < $2 order by trial_id, as_of"
ARMS = """
select arm, scored_by, trials, moved, matured, conversion, conversion_low, conversion_high, log_loss, auc, difference, difference_low,
  difference_high
from rollout_arms where as_of = (select max(as_of) from rollout_arms where model_version = $1) and model_version = $1 order by arm desc
"""


@dataclass(frozen=True)
class Business:
    """A business that is run through day by day."""

    settings: Settings
    lake: Lake
    warehouse: Warehouse
    models: ModelStore

    def run(self, job: str, day: date, only: tuple[str, ...] | None = None) -> None:
        """Run a job, or some of its assets, as of a day."""
        definitions = build(self.settings, warehouse=self.warehouse)
        keys = [dg.AssetKey(name) for name in only] if only else None
        with dg.DagsterInstance.ephemeral() as instance:
            definitions.resolve_job_def(job).execute_in_process(
                partition_key=day.isoformat(), asset_selection=keys, instance=instance
            )

    def replay(self, first: date, days: int) -> list[tuple[int, float | None, str]]:
        """Run the daily assets for so many days; gives day, share and verdict wherever the share changed, and the last."""
        told: list[tuple[int, float | None, str]] = []
        before: float | None = -1.0
        for number in range(days):
            day = first + timedelta(days=number)
            self.run("daily_scoring", day, DAILY)
            share = self.share(day)
            found = self.warehouse.read("select verdict from rollout_verdicts where as_of = $1", [midnight(day)])
            words = found["verdict"].to_pylist()
            if share != before or number == days - 1:
                told.append((number, share, words[0] if words else "no rollout goes on"))
                sys.stderr.write(f"{day} {told[-1]}\n")
            before = share
        return told

    def share(self, day: date) -> float | None:
        """The share that a canary has on a day."""
        canary = canary_on(read_ledger(self.warehouse), midnight(day))
        return canary.share if canary else None

    def start(self, version: str, day: date) -> None:
        """Put a version on trial by hand, at the first step."""
        put_on_trial(
            version, share=self.settings.rollout_steps[0] / 100, warehouse=self.warehouse, models=self.models, from_as_of=midnight(day),
            by="person", verdict="a replay", decided_at=datetime.now(UTC), run_id="replay",
        )  # fmt: skip

    def degraded(self, day: date) -> str:
        """A version trained as of a day on a past whose outcomes belong to other trials in three of five cases."""
        as_of, recipe = midnight(day), Recipe.of(self.settings)
        looks = snapshot_frame(self.lake, TRAINING_SET.name, as_of, (), also=("converted",))
        frame, catalogue = material(self.lake, looks, as_of=as_of, recipe=recipe, settings=self.settings)
        rng = np.random.default_rng(1)
        outcome = frame.drop_duplicates("trial_id").set_index("trial_id")["converted"]
        wrong = rng.random(len(outcome)) < DAMAGED
        dealt = outcome.to_numpy().copy()
        dealt[wrong] = rng.permutation(dealt[wrong])
        frame["converted"] = frame["trial_id"].map(dict(zip(outcome.index, dealt, strict=True)))
        fitted = fit(
            frame, catalogue=catalogue, recipe=recipe, studies=Studies.of(self.settings), as_of=as_of, code="degraded",
            business=self.settings.business, threads=self.settings.threads,
        )  # fmt: skip
        return self.models.log(logged(fitted, draw=False, noun="trials")).version

    def flips(self, first: date, days: int) -> int:
        """How many trials changed sides more than once, or from the canary to the champion, while a rollout went on."""
        rows = self.warehouse.read(SIDES, [midnight(first), midnight(first + timedelta(days=days))]).to_pandas()
        rows["canary"] = rows["scored_by"] == "canary"
        changed = rows["canary"].astype(int).groupby(rows["trial_id"]).diff().fillna(0)
        back = (changed < 0).groupby(rows["trial_id"]).sum()
        often = (changed != 0).groupby(rows["trial_id"]).sum()
        return int(((back > 0) | (often > 1)).sum())


def table(title: str, told: list[tuple[int, float | None, str]]) -> str:
    """What happened, as Markdown."""
    lines = [f"| {number} | {'-' if share is None else f'{share:.0%}'} | {words} |" for number, share, words in told]
    return "\n".join([f"\n**{title}**\n", "| day | canary scores | the day's look |", "|---:|---:|---|", *lines])


def arms(business: Business, version: str) -> str:
    """The A/B as Markdown."""
    rows = business.warehouse.read(ARMS, [version]).to_pylist()
    lines = [
        f"| {row['arm']} | {row['trials']:,} ({row['moved']:,} moved on) | {row['matured']:,} | {row['conversion']:.1%} "
        f"({row['conversion_low']:.1%} to {row['conversion_high']:.1%}) | {row['log_loss']:.3f} |"
        for row in rows
        if row["conversion"] is not None
    ]
    end = (
        f"\nDifference {rows[0]['difference']:.1%} ({rows[0]['difference_low']:.1%} to {rows[0]['difference_high']:.1%})."
        if lines
        else ""
    )
    return "\n".join(["\n| arm | trials | matured | converted | log loss |", "|---|---:|---:|---:|---:|", *lines, end])


def main() -> None:
    """See the head of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=12_000)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as beside:
        settings = Settings(
            data_dir=arguments.data or Path(beside), demo_trials=arguments.trials, tuning_trials=8, reports=False
        )
        try:
            sys.exit(0 if replayed(settings, arguments.days) else 1)
        finally:
            if arguments.data is None:
                stop_server(settings.data_dir)


def replayed(settings: Settings, days: int) -> bool:
    """Run the three; whether each ended as it should."""
    business = Business(settings, Lake.of(settings), Warehouse.of(settings), ModelStore.of(settings))
    business.warehouse.create()
    business.run("everything", EARLY)
    champion = production_on(read_ledger(business.warehouse), midnight(EARLY))
    gradual = Business(
        settings.model_copy(update={"promotion": "gradual"}), business.lake, business.warehouse, business.models
    )

    business.run("retrain", FIRST, ("labels", "landmark_snapshots", "training_set"))
    bad = business.degraded(FIRST)
    business.start(bad, FIRST)
    told = business.replay(FIRST, days)
    steps = [share for _, share, _ in told]
    gone = told[1][0] if len(told) > 1 else days
    flips = business.flips(FIRST, gone)
    sys.stdout.write(table(f"Degraded: model {bad} beside champion {champion}", told) + arms(business, bad))
    sys.stdout.write(f"\n\nTrials that changed sides back and forth: {flips}.\n")
    well = steps[:2] == [0.1, None] and flips == 0

    business.start(bad, SECOND)
    business.replay(SECOND, 3)
    end_trial(
        warehouse=business.warehouse, models=business.models, from_as_of=midnight(SECOND + timedelta(days=3)), by="person",
        verdict="taken back in a replay", decided_at=datetime.now(UTC), run_id="replay",
    )  # fmt: skip
    business.replay(SECOND + timedelta(days=3), 1)
    sides = business.warehouse.read(
        "select as_of, scored_by, count(*) as n from scores where as_of >= $1 and as_of <= $2 group by 1, 2 order by 1, 2",
        [midnight(SECOND), midnight(SECOND + timedelta(days=3))],
    ).to_pylist()
    by_day = [f"{row['as_of']:%m-%d} {row['scored_by']} {row['n']}" for row in sides]
    sys.stdout.write(f"\n**Taken back by command on the fourth day**: {'; '.join(by_day)}\n")
    well = well and {row["scored_by"] for row in sides if row["as_of"] == midnight(SECOND + timedelta(days=3))} == {
        "champion"
    }

    gradual.run(
        "retrain",
        THIRD,
        ("labels", "landmark_snapshots", "training_set", "challenger", "model_verdicts", "promotion_plan", "champion"),
    )
    good = business.models.versions()[-1].version
    verdict = business.warehouse.read(
        "select verdict from model_verdicts where as_of = $1", [midnight(THIRD)]
    ).to_pylist()
    if gradual.share(THIRD) is None:
        business.start(good, THIRD)
    told = business.replay(THIRD, days)
    grown = next((number for number, share, _ in told if share is None), days)
    flips = business.flips(THIRD, grown)
    sys.stdout.write(table(f"Good: model {good}; the gate: {verdict[0]['verdict'] if verdict else 'none'}", told))
    sys.stdout.write(arms(business, good) + f"\n\nTrials that changed sides back and forth: {flips}.\n")
    holder = production_on(read_ledger(business.warehouse), midnight(THIRD + timedelta(days=days)))
    return well and flips == 0 and holder == good


if __name__ == "__main__":
    main()
