"""Between the doors: what the lake holds for a day, besides the raw records."""

from __future__ import annotations

from churn_pipeline.contracts.columns import DAY, LABEL, SENTENCE, TRIAL
from churn_pipeline.contracts.feature_table import Use
from churn_pipeline.contracts.features.catalogue import FEATURES, NAMED_COUNTS, NAMED_VALUES
from churn_pipeline.contracts.features.feature import Feature
from churn_pipeline.contracts.raw import ID
from churn_pipeline.contracts.spec import (
    Column,
    Counts,
    Door,
    Flag,
    Instant,
    Integer,
    Json,
    Numbers,
    OneOf,
    Privacy,
    Real,
    Table,
    Text,
)

REPAIRED_ROWS = Table(
    "repaired_rows",
    "The rows of a replay as they are put back, and the issues they repair.",
    door=Door.LAKE,
    key=("batch", "table_name", "line"),
    columns=(
        Column("batch", LABEL, "The replay: a fingerprint of its rows."),
        Column("table_name", LABEL, "The raw table."),
        Column("line", Integer(1), "Line in the file of the replay."),
        Column("issue_id", LABEL, "The issue it repairs.", null=True, absent="repairs none, or it was not said"),
    ),
)

DISMISSED_ISSUES = Table(
    "dismissed_issues",
    "Issues of the quarantine that people closed without a record: facts about issues, known from the moment on at which "
    "they did, like all others. A trial whose subscription was rejected has a label from then on.",
    door=Door.LAKE,
    key=("issue_id",),
    known_at=("dismissed_at",),
    columns=(
        Column("issue_id", LABEL, "The issue, as in data_quality_issues."),
        Column("table_name", LABEL, "The raw table."),
        Column("why", SENTENCE, "Why it was closed."),
        Column("dismissed_at", Instant(), "When."),
    ),
)

SNAPSHOT_KEYS = (
    TRIAL,
    Column("account_id", ID, "The account on trial.", privacy=Privacy.PSEUDONYM),
    Column("as_of", Instant(), "The moment the trial is looked at: only what was known before it counts."),
    Column("started_at", Instant(), "Start of the trial."),
    Column("trial_days", Integer(1, 365), "Planned length when it started.", unit="days"),
    Column("trial_day", Integer(0, 366), "Midnights passed since the trial started.", unit="days"),
    Column(
        "attributes_known", Flag(), "Whether any version of the trial was known by then; else its attributes are null."
    ),
    Column("assigned", Json(), "Experiment -> arm, as drawn by then.", null=True, absent="in no experiment"),
)


def _feature_column(feature: Feature) -> Column:
    kind = Text() if feature.kind == "category" else Real()
    return Column(
        feature.name, kind, feature.meaning, null=bool(feature.absent), absent=feature.absent, unit=feature.unit
    )


FEATURE_COLUMNS = (
    *(_feature_column(f) for f in FEATURES if f.name not in {c.name for c in SNAPSHOT_KEYS}),
    *(Column(n.name, Counts(), n.meaning, null=True, absent="nothing done yet") for n in NAMED_COUNTS),
    *(Column(n.name, Numbers(), n.meaning, null=True, absent=n.absent) for n in NAMED_VALUES),
)

SNAPSHOTS = Table(
    "snapshots",
    "The running trials of the day, each looked at as of its midnight, with every feature.",
    door=Door.LAKE,
    key=("as_of", "trial_id"),
    columns=(*SNAPSHOT_KEYS, *FEATURE_COLUMNS),
)

LANDMARK_SNAPSHOTS = Table(
    "landmark_snapshots",
    "Every trial as it was at its landmark days: the same snapshots the daily runs would have made then.",
    door=Door.LAKE,
    key=("as_of", "trial_id"),
    columns=SNAPSHOTS.columns,
)

LABELS = Table(
    "labels",
    "What became of each trial whose window has closed; without those whose subscription is in quarantine.",
    door=Door.LAKE,
    key=("trial_id",),
    columns=(
        TRIAL,
        Column("converted", Flag(), "Whether a subscription started within trial_days + grace_days of the start."),
        Column("converted_at", Instant(), "When.", null=True, absent="did not convert"),
        Column("matured_at", Instant(), "When the window had closed and the label became final."),
    ),
)

TRAINING_SET = Table(
    "training_set",
    "Landmark snapshots of matured trials that had not converted by then, with their label; of very many trials a draw.",
    door=Door.LAKE,
    key=("as_of", "trial_id"),
    columns=(*SNAPSHOTS.columns, LABELS.column("converted")),
)

CHALLENGER = Table(
    "challenger",
    "The model trained on everything known by the day, or why none could be.",
    door=Door.LAKE,
    key=("as_of",),
    columns=(
        DAY,
        Column("model_version", LABEL, "Its version in the registry.", null=True, absent="nothing could be trained"),
        Column("because", SENTENCE, "How it came about, or why nothing could be trained."),
    ),
)

PROMOTION_PLAN = Table(
    "promotion_plan",
    "What the day's verdict would change in production, before anything is changed.",
    door=Door.LAKE,
    key=("as_of",),
    columns=(
        DAY,
        Column("promote", LABEL, "The version to make champion.", null=True, absent="everything stays as it is"),
        Column("replaces", LABEL, "The champion it replaces.", null=True, absent="nobody, or nothing changes"),
        Column(
            "share",
            Real(0, 1),
            "Share of the trials that it scores for a start, as canary.",
            null=True,
            absent="it takes over at once, or nothing changes",
        ),
        Column("verdict", SENTENCE, "Why."),
    ),
)

ROLLOUT_PLAN = Table(
    "rollout_plan",
    "What the daily look at a rollout would change in production, before anything is changed.",
    door=Door.LAKE,
    key=("as_of",),
    columns=(
        DAY,
        Column("canary", LABEL, "The model on trial.", null=True, absent="no rollout goes on, or nothing changes"),
        Column(
            "share",
            Real(0, 1),
            "Share of the trials that it is to score: 1 makes it champion, 0 ends the rollout.",
            null=True,
            absent="nothing changes",
        ),
        Column("champion", LABEL, "The champion of the day.", null=True, absent="nothing changes"),
        Column("verdict", SENTENCE, "Why."),
    ),
)

DELETIONS = Table(
    "deletions",
    "What the source no longer has, and what it has again: facts about records, known from a moment on like all others. "
    "Days before that moment know the record as it was.",
    door=Door.LAKE,
    key=("table_name", "record_key", "known_at"),
    known_at=("known_at",),
    columns=(
        Column("table_name", LABEL, "The raw table."),
        Column("record_key", Text(), "Key of the record, its parts joined by a slash."),
        Column(
            "known_at", Instant(), "When the source says it was deleted, else when it was found to be gone or back."
        ),
        Column("gone", Flag(), "True: deleted. False: there again."),
    ),
)

FEATURE_TABLE_COLUMNS = Table(
    "feature_table_columns",
    "Of a team's own feature table: what each of its columns was found to be and what it is used for.",
    door=Door.LAKE,
    key=("column_name",),
    columns=(
        Column("column_name", Text(low=1), "The column."),
        Column("kind", OneOf(("number", "category")), "How it is read."),
        Column("used_as", OneOf(tuple(Use)), "What it is for."),
        Column("because", SENTENCE, "Why it is left out, or what is odd about it.", null=True, absent="nothing"),
        Column("positive", Text(), "The label that counts as converted.", null=True, absent="not the label"),
    ),
)

LAKE_TABLES = (
    FEATURE_TABLE_COLUMNS,
    DELETIONS,
    DISMISSED_ISSUES,
    REPAIRED_ROWS,
    SNAPSHOTS,
    LANDMARK_SNAPSHOTS,
    LABELS,
    TRAINING_SET,
    CHALLENGER,
    PROMOTION_PLAN,
    ROLLOUT_PLAN,
)
