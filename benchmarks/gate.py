"""How often the gate is wrong: with challengers that were trained, not made up.

    python benchmarks/gate.py [--worlds 20] [--seeds 5]

For each made-up past (1,500 trials at five landmarks, every tenth of twenty features tells something) models are trained that differ in their seed alone, by the function that the
`challenger` asset calls. What is counted, with the rule of the settings:

- A/A: of the pairs (20 pasts x 5 seeds x 4 others) the challengers that are promoted over a champion that is as good;
- a worse one: each of them again with noise on its log-odds, as much as costs 0.02 of AUC;
- shuffled labels: a model trained on labels that were dealt out anew, against the base rate;
- guard rails: the share of either kind that calibration or one of twelve segments (drawn, so that they tell nothing) speaks against;
- worse in one segment: 100 draws where the challenger is better by 0.04 nats, but says the base rate in one of the twelve segments, without guard rails and with them;
- a real gain: 100 draws of 5,000 trials for which the truth is known, where the challenger is better by 0.01 nats of log loss.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.training import BEGIN, past
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.capabilities.promotion.gate import BASE_RATE, Judged, Rule, judge
from churn_pipeline.capabilities.promotion.guards import Limits, Seen, of_scores
from churn_pipeline.capabilities.training.fitting import Fitted, fit
from churn_pipeline.capabilities.training.recipe import Recipe
from churn_pipeline.core.base_rate import BaseRate
from churn_pipeline.core.log_odds import log_odds, probability
from churn_pipeline.core.metrics import auc, log_loss
from churn_pipeline.core.schema import ModelFeature
from churn_pipeline.core.splits import Bound, after
from churn_pipeline.settings import Settings

ROWS, FEATURES = 7_500, 20
WORSE_BY, GAIN, DRAWN, TRIALS = 0.02, 0.01, 100, 5_000
SEGMENTS = {"plan": 3, "channel": 4, "sector": 5}
GAIN_ELSEWHERE = 0.04
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Past:
    """A made-up past and the models of it: what they say of the rows that none has seen."""

    trial_id: NDArray[np.object_]
    converted: NDArray[np.bool_]
    base: Numbers
    said: list[Numbers]
    floor: list[Numbers]

    def judged(self, challenger: Numbers, compared: Numbers, floor: Numbers) -> Judged:
        """The rows as the gate sees them."""
        of = segments(self.trial_id)
        return Judged(self.trial_id, self.converted, challenger, compared, floor, self.base, of)


def segments(trial_id: NDArray[np.object_]) -> dict[str, NDArray[np.object_]]:
    """Attributes of the trials that tell nothing."""
    rng = np.random.default_rng(len(trial_id))
    names, code = np.unique(trial_id.astype(str), return_inverse=True)
    return {
        name: rng.choice(np.array([*"abcde"[:values]], dtype=object), len(names))[code]
        for name, values in SEGMENTS.items()
    }


def trained(world: int, seeds: int, folder: Path, *, shuffled: bool = False) -> Past:
    """Train so many models of a past, or of one whose labels were dealt out anew among the trials."""
    frame = past(ROWS, FEATURES, seed=world)
    if shuffled:
        of = frame.drop_duplicates("trial_id").set_index("trial_id")["converted"]
        dealt = dict(zip(of.index, np.random.default_rng(world).permutation(of.to_numpy()), strict=True))
        frame["converted"] = frame["trial_id"].map(dealt)
    fitted = [_fit(frame, world, seed, folder) for seed in range(seeds)]
    rows = frame[after(frame, Bound.from_json(fitted[0].facts["calibrated_until"]))]
    return Past(
        rows["trial_id"].to_numpy(dtype=object),
        rows["converted"].to_numpy(dtype=bool),
        BaseRate.from_json(fitted[0].facts["base_rate"]).probability(rows["trial_day"]),
        [one.scorer.probability(rows) for one in fitted],
        [one.floor.probability(rows) for one in fitted],
    )


def _fit(frame: pd.DataFrame, world: int, seed: int, folder: Path) -> Fitted:
    recipe = replace(Recipe.of(Settings()), seed=seed, tuning_trials=4)
    return fit(
        frame,
        catalogue=[ModelFeature(f"f{number:03}", "number") for number in range(FEATURES)],
        recipe=recipe,
        studies=Studies(f"sqlite:///{folder}/studies.db"),
        as_of=BEGIN + timedelta(days=3_000),
        code="benchmark",
        business=f"benchmark {world}",
    )


def worse(said: Numbers, converted: NDArray[np.bool_], rng: np.random.Generator) -> Numbers:
    """Scores with so much noise on their log-odds that the AUC is lower by `WORSE_BY`."""
    margin, noise = log_odds(said), rng.normal(size=len(said))
    wanted = auc(said, converted) - WORSE_BY
    low, high = 0.0, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if auc(margin + middle * noise, converted) > wanted else (low, middle)
    return probability(margin + high * noise)


def planted(rng: np.random.Generator, gain: float = GAIN) -> Judged:
    """Trials of which the truth is known: the challenger says it, the champion misses it by so much that it loses so many nats."""
    truth = rng.normal(-0.7, 1.2, TRIALS)
    y = rng.random(TRIALS) < probability(truth)
    noise = rng.normal(size=TRIALS)
    low, high = 0.0, 3.0
    for _ in range(40):
        middle = (low + high) / 2
        p, q = probability(truth), probability(truth + middle * noise)
        lost = float((p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).mean())
        low, high = (middle, high) if lost < gain else (low, middle)
    champion = probability(truth + high * noise)
    base = np.full(TRIALS, y.mean())
    names = np.arange(TRIALS).astype(str).astype(object)
    return Judged(names, y, probability(truth), champion, base, base, segments(names))


def off_in_one(rows: Judged) -> Judged:
    """The same, where in one segment the challenger knows nothing and says the base rate."""
    return replace(rows, challenger=np.where(rows.segments["sector"] == "c", rows.base, rows.challenger))


def main() -> None:
    """See the head of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    settings = Settings()
    rule = Rule(settings.gate_confidence, settings.gate_min_gain, settings.gate_min_conversions, 2_000)

    limits = Limits(
        settings.gate_confidence,
        settings.gate_min_conversions,
        settings.gate_max_latency_ms,
        settings.gate_max_reasons_lost,
    )

    def broken(judged: Judged) -> tuple[str, ...]:
        return Seen(0.0, of_scores(judged, "1", limits)).broken(limits)

    def promoted(judged: Judged, over: str = "1", *, guarded: bool = True) -> bool:
        rng = np.random.default_rng(1)
        champion = None if over == BASE_RATE else over
        found = broken(judged) if champion and guarded else ()
        return judge(judged, challenger="2", champion=champion, rule=rule, rng=rng, guards_broken=found).promote

    rails: dict[str, list[bool]] = {"A/A": [], "a real gain of 0.01": []}
    counted: dict[str, list[bool]] = {"A/A": [], "worse by 0.02 AUC": [], "shuffled labels": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for world in range(arguments.worlds):
            one = trained(world, arguments.seeds, folder)
            rng = np.random.default_rng(world)
            for mine, other in permutations(range(arguments.seeds), 2):
                pair = one.judged(one.said[mine], one.said[other], one.floor[mine])
                counted["A/A"].append(promoted(pair))
                rails["A/A"].append(bool(broken(pair)))
                noisy = worse(one.said[mine], one.converted, rng)
                counted["worse by 0.02 AUC"].append(promoted(one.judged(noisy, one.said[other], one.floor[mine])))
            dealt = trained(world, 1, folder, shuffled=True)
            judged = dealt.judged(dealt.said[0], dealt.base, dealt.floor[0])
            counted["shuffled labels"].append(promoted(judged, BASE_RATE))
            sys.stderr.write(f"{world}: {log_loss(one.said[0], one.converted):.3f}\n")
    better = [planted(np.random.default_rng(number)) for number in range(DRAWN)]
    counted["a real gain of 0.01"] = [promoted(one) for one in better]
    off = [off_in_one(planted(np.random.default_rng(number), GAIN_ELSEWHERE)) for number in range(DRAWN)]
    counted["worse in one segment, by log loss alone"] = [promoted(one, guarded=False) for one in off]
    counted["worse in one segment"] = [promoted(one) for one in off]
    rails["a real gain of 0.01"] = [bool(broken(one)) for one in better]
    _say("promoted", counted)
    _say("guard rails broken", rails)


def _say(what: str, counted: dict[str, list[bool]]) -> None:
    sys.stdout.write(f"| challengers | judged | {what} | share |\n|---|---|---|---|\n")
    for name, found in counted.items():
        sys.stdout.write(f"| {name} | {len(found)} | {sum(found)} | {np.mean(found):.1%} |\n")


if __name__ == "__main__":
    main()
