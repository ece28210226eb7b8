"""The jobs a person starts or a schedule runs, as selections of assets."""

import dagster as dg

from churn_pipeline.orchestration.table_asset import BY_HAND
from churn_pipeline.orchestration.writers import TAG

WRITES = {TAG: "day"}
"""Runs with this tag go one at a time (dagster.yaml): two runs cannot write one day."""

REPAIRED = dg.AssetSelection.assets("repaired_rows", "replayed_rows")
DISMISSED = dg.AssetSelection.assets("dismissed_issues")
RESOLVED = dg.AssetSelection.assets("data_quality_resolutions")
((TAGGED, BY),) = BY_HAND.items()
RECORDS = dg.AssetSelection.groups("simulation", "ingestion", "validation") - dg.AssetSelection.tag(TAGGED, BY)
MODEL = dg.AssetSelection.groups("features", "training", "promotion") - dg.AssetSelection.assets("snapshots")
SCORES = dg.AssetSelection.assets("snapshots", "labels") | dg.AssetSelection.groups("rollout", "scoring", "monitoring")
STEP = dg.AssetSelection.assets("rollout_verdicts", "rollout_plan", "canary")
"""Who scores a day is decided on that day, and never again."""

everything = dg.define_asset_job(
    "everything",
    selection=RECORDS | MODEL | SCORES,
    description="The whole chain: read, check, learn, decide, score, watch.",
    tags=WRITES,
)
daily_scoring = dg.define_asset_job(
    "daily_scoring",
    selection=RECORDS | SCORES,
    description="Read what is new, take a rollout one step on or back, score every running trial, watch how good the scores were.",
    tags=WRITES,
)
retrain = dg.define_asset_job(
    "retrain",
    selection=RECORDS | MODEL,
    description="Read what is new, train a challenger, let the gate decide whether it becomes the champion.",
    tags=WRITES,
)
rescore = dg.define_asset_job(
    "rescore",
    selection=SCORES - STEP,
    description="Score a past day again, as it was known then, from the records that are in the lake.",
    tags=WRITES,
)
replay = dg.define_asset_job(
    "replay",
    selection=REPAIRED | RESOLVED,
    description="Put repaired rows of the quarantine back through the same door; started by `churn quarantine replay`.",
    tags=WRITES,
)
dismiss = dg.define_asset_job(
    "dismiss",
    selection=DISMISSED | RESOLVED,
    description="Close issues of the quarantine without a record; started by `churn quarantine dismiss`.",
    tags=WRITES,
)

EVERYWHERE = (everything, daily_scoring, retrain, rescore)
JOBS = (*EVERYWHERE, replay, dismiss)
