"""Door 2: the tables that people read, in schema `analytics` of the warehouse."""

from __future__ import annotations

from churn_pipeline.contracts.columns import AS_OF, DAY, LABEL, RUN, SENTENCE, TRIAL
from churn_pipeline.contracts.production import (
    MODEL_PROMOTIONS,
    MODEL_VERDICTS,
    ROLLOUT_ARMS,
    ROLLOUT_SCORES,
    ROLLOUT_VERDICTS,
)
from churn_pipeline.contracts.raw import ID
from churn_pipeline.contracts.spec import Column, Flag, Instant, Integer, Json, OneOf, Privacy, Real, Table, Text, View

SHOWN_REASONS = 5
AT_RISK_BELOW, HOT_ABOVE = 0.3, 0.7
"""Bounds of the buckets where no setting says otherwise."""


def _reason(place: int) -> tuple[Column, ...]:
    nth = ("strongest", "second strongest", "third strongest", "fourth strongest", "fifth strongest")[place - 1]
    fewer = "the model has fewer features"
    return (
        Column(f"reason_{place}_feature", LABEL, f"Feature with the {nth} push.", null=True, absent=fewer),
        Column(f"reason_{place}_value", SENTENCE, "Its value as of then.", null=True, absent="not known as of then"),
        Column(f"reason_{place}_push", Real(), "Its push.", null=True, absent=fewer, unit="log-odds"),
        Column(f"reason_{place}_words", SENTENCE, "The reason in plain words.", null=True, absent=fewer),
    )


SCORES = Table(
    "scores",
    "One running trial, scored as of one day. Scoring a day again replaces that day's rows in one transaction.",
    key=("as_of", "trial_id"),
    columns=(
        TRIAL,
        Column("account_id", ID, "The account on trial.", privacy=Privacy.PSEUDONYM),
        AS_OF,
        Column("trial_day", Integer(0, 366), "Midnights passed since the trial started.", unit="days"),
        Column(
            "conversion_probability",
            Real(0, 1),
            "Calibrated probability that the trial converts within its window, with business as usual.",
        ),
        Column(
            "score_bucket",
            OneOf(("at_risk", "middle", "hot")),
            f"`at_risk` below {AT_RISK_BELOW}, `hot` above {HOT_ABOVE}, else `middle`; both thresholds are settings.",
        ),
        Column(
            "change_1d",
            Real(-1, 1),
            "Change of the probability against the same trial's score one day earlier.",
            null=True,
            absent="no score that day",
        ),
        Column(
            "change_7d",
            Real(-1, 1),
            "Change of the probability against the same trial's score seven days earlier.",
            null=True,
            absent="no score that day",
        ),
        Column("segment", LABEL, "Segment of the trial: its sector, or `all` where none is known."),
        Column("base_log_odds", Real(), "Where every score starts before the pushes are added.", unit="log-odds"),
        *(column for place in range(1, SHOWN_REASONS + 1) for column in _reason(place)),
        Column("other_log_odds", Real(), "Sum of the pushes of all features that are not shown.", unit="log-odds"),
        Column("note", SENTENCE, "What a reader must know about this score.", null=True, absent="nothing special"),
        Column(
            "scored_by",
            OneOf(("champion", "canary", "rules")),
            "Who scored: a model in production, or the rules. Where the champion could not be loaded, or not score, it is the champion before it, and `note` says so.",
        ),
        Column("model_version", LABEL, "Version of the model in the registry, or `rules`."),
        Column("features_version", LABEL, "Fingerprint of the feature definitions behind the score."),
        Column("scored_at", Instant(), "When the score was computed."),
        RUN,
    ),
)

SCORE_OUTCOMES = Table(
    "score_outcomes",
    "Every score joined to its label once mature: the ground for performance over time.",
    key=("as_of", "trial_id"),
    columns=(
        TRIAL,
        AS_OF,
        Column("trial_day", Integer(0, 366), "Midnights passed since the trial started.", unit="days"),
        Column("conversion_probability", Real(0, 1), "The probability that was shown."),
        Column("scored_by", OneOf(("champion", "canary", "rules")), "Who scored."),
        Column("model_version", LABEL, "Version of the model, or `rules`."),
        Column("converted", Flag(), "Whether a subscription started within the trial's window."),
        Column("matured_at", Instant(), "When the window had closed and the label became final."),
    ),
)

MODEL_PERFORMANCE = Table(
    "model_performance",
    "How good the scores of the most recently matured trials were.",
    key=("as_of", "scored_by", "model_version"),
    columns=(
        DAY,
        Column("scored_by", OneOf(("champion", "canary", "rules")), "Who scored."),
        Column("model_version", LABEL, "Version of the model, or `rules`."),
        Column("window_days", Integer(1), "Trials that matured in this many days count.", unit="days"),
        Column("trials", Integer(0), "Trials judged.", unit="trials"),
        Column("scores", Integer(0), "Scores judged.", unit="scores"),
        Column("conversions", Integer(0), "Trials that converted.", unit="trials"),
        Column("auc", Real(0, 1), "Area under the ROC curve.", null=True, absent="one class only"),
        Column("auc_low", Real(0, 1), "Lower end of its interval.", null=True, absent="one class only"),
        Column("auc_high", Real(0, 1), "Upper end of its interval.", null=True, absent="one class only"),
        Column("log_loss", Real(0), "Log loss.", unit="nats"),
        Column("base_log_loss", Real(0), "Log loss of always saying their own conversion rate.", unit="nats"),
        Column("accuracy", Real(0, 1), "Share called right at 0.5."),
        Column("ece", Real(0, 1), "Expected calibration error."),
        Column("degraded", Flag(), "Whether the interval lies wholly beyond the bound in the settings."),
        Column("verdict", SENTENCE, "The same as a sentence."),
        RUN,
    ),
)

DRIFT = Table(
    "drift",
    "How far each feature and the score moved between the champion's training data and the last days.",
    key=("as_of", "feature"),
    columns=(
        DAY,
        Column("feature", LABEL, "The feature, or `conversion_probability`."),
        Column("statistic", LABEL, "How the distance is measured."),
        Column("distance", Real(0), "The distance."),
        Column("threshold", Real(0), "Above it the feature counts as drifted; it knows the sample sizes."),
        Column("drifted", Flag(), "Whether the distance is above the threshold."),
        Column("reference_rows", Integer(0), "Rows of the champion's training data.", unit="rows"),
        Column("current_rows", Integer(0), "Rows of the last days.", unit="rows"),
        Column("model_version", LABEL, "The champion whose training data is the reference."),
        RUN,
    ),
)

DATA_QUALITY_ISSUES = Table(
    "data_quality_issues",
    "Every rejected record with its reason and the raw row. May hold personal data.",
    key=("issue_id",),
    columns=(
        Column(
            "issue_id",
            LABEL,
            "Fingerprint of table, key, rule and row, wherever it was read: two equal bad rows are one issue.",
        ),
        Column("table_name", LABEL, "The raw table."),
        Column("record_key", SENTENCE, "Key of the record as read.", null=True, absent="the key could not be read"),
        Column("rule", LABEL, "The rule it broke."),
        Column("because", SENTENCE, "What was wrong, what is allowed, and what to do."),
        Column("file", SENTENCE, "Where it was first read."),
        Column("line", Integer(0), "Line or row number in it.", null=True, absent="not known"),
        Column("raw_row", Json(), "The row as read.", privacy=Privacy.PERSONAL),
        Column("found_at", Instant(), "When it was first rejected."),
        RUN,
    ),
)

DATA_QUALITY_RESOLUTIONS = Table(
    "data_quality_resolutions",
    "How each rejected record was mended or dismissed. An issue without a row here is open.",
    key=("issue_id",),
    append_only=True,
    columns=(
        Column("issue_id", LABEL, "The issue, as in data_quality_issues."),
        Column("table_name", LABEL, "The raw table."),
        Column(
            "resolved_by",
            OneOf(("source", "replay", "newer_issue", "dismissal")),
            "`source`: a record of its key landed from the source, or a feature table, which is read whole, has the bad row no longer; `replay`: its repaired row landed; `newer_issue`: its "
            "repaired row was rejected again, as an issue of its own; `dismissal`: people closed it without a record.",
        ),
        Column("became", SENTENCE, "Key of the record that landed, the newer issue, or why it was dismissed."),
        Column("resolved_at", Instant(), "When that was seen."),
        RUN,
    ),
)

DATA_EXPECTATIONS = Table(
    "data_expectations",
    "What was expected of the newest day of each raw table, learnt from the days before it, and what came.",
    key=("as_of", "table_name", "kind", "subject"),
    columns=(
        DAY,
        Column("table_name", LABEL, "The raw table."),
        Column(
            "kind",
            OneOf(("columns", "volume", "null_rate", "new_values", "lost_value", "freshness", "late_share")),
            "`columns`: a column of the files is new, gone or of another kind since the batch before; `volume`: records that became known, by weekday; `null_rate`: share of them without a value; `new_values`: share of "
            "them with a value not seen in the window; `lost_value`: share of them with one value; `freshness`: hours since the newest "
            "record; `late_share`: share of them that became known more than a day after they happened.",
        ),
        Column("subject", Text(high=500), "The column, or `column=value`; empty where it is about the whole table."),
        Column("observed", Real(), "What came.", null=True, absent="it has no figure"),
        Column("low", Real(), "Least that chance explains.", null=True, absent="too little history, or no lower end"),
        Column("high", Real(), "Most that chance explains.", null=True, absent="too little history, or no upper end"),
        Column("days", Integer(0), "Days that it was learnt from.", unit="days"),
        Column(
            "verdict",
            OneOf(("as_expected", "learning", "warn", "block")),
            "`learning`: too little history to expect anything.",
        ),
        Column("words", SENTENCE, "The same as a sentence."),
        RUN,
    ),
)

INGESTION_COUNTS = Table(
    "ingestion_counts",
    "The row law, per run and table: rows read = rows kept + rows quarantined + exact duplicates.",
    key=("run_id", "table_name"),
    columns=(
        RUN,
        Column("table_name", LABEL, "The raw table."),
        DAY,
        Column(
            "rows_read",
            Integer(0),
            "Rows read from the source, as its reader counted them: by the bytes of a text, the footer of a Parquet file, the cursor of a database.",
            unit="rows",
        ),
        Column("rows_kept", Integer(0), "Rows that passed every rule.", unit="rows"),
        Column("rows_quarantined", Integer(0), "Rows rejected with a reason.", unit="rows"),
        Column("rows_duplicate", Integer(0), "Exact copies of another row read.", unit="rows"),
        Column("rows_new", Integer(0), "Kept rows that the lake did not have yet.", unit="rows"),
        Column("read_at", Instant(), "When the source was read."),
    ),
)

SOURCE_WATERMARKS = Table(
    "source_watermarks",
    "How far each table of a database has been read and landed. Without its row a table is read whole again.",
    key=("table_name",),
    columns=(
        Column("table_name", LABEL, "The raw table."),
        Column("cursor", LABEL, "The column of the source that it is read by."),
        Column(
            "read_up_to",
            Instant(),
            "Newest moment of the cursor that has landed; the look-back goes before it.",
            null=True,
            absent="the cursor is a number",
        ),
        Column("read_up_to_number", Integer(), "The same of a number.", null=True, absent="the cursor is a moment"),
        Column("origin", LABEL, "Fingerprint of source and mapping; with another one the table is read whole."),
        Column("moved_at", Instant(), "When the batch had landed."),
        RUN,
    ),
)

PREDICTION_ERRORS = Table(
    "prediction_errors",
    "Each time a model in production could not score and another or the rules stepped in, or a trial could not be scored at all.",
    key=("as_of", "subject"),
    columns=(
        DAY,
        Column(
            "subject",
            ID,
            "The trial, `all trials`, or `canary`: the trials that the model on trial should have scored (`canary, unreachable`: its files could not be read, which proves nothing about it).",
            privacy=Privacy.PSEUDONYM,
        ),
        Column("error", SENTENCE, "What went wrong."),
        Column(
            "handled_by",
            OneOf(("champion", "previous_champion", "rules", "not_scored")),
            "Who scored instead; `champion` is for the trials of a canary.",
        ),
        Column("happened_at", Instant(), "When."),
        RUN,
    ),
)

ACTIONS = Table(
    "actions",
    "What each running trial should get today, and why.",
    key=("as_of", "trial_id"),
    columns=(
        TRIAL,
        AS_OF,
        Column("action", OneOf(("cs_outreach", "email_and_prompts", "sales_call")), "What to do."),
        Column("because", SENTENCE, "Why, in plain words."),
        Column("conversion_probability", Real(0, 1), "The score behind it."),
        RUN,
    ),
)

ANALYTICS_TABLES = (
    SCORES,
    MODEL_PROMOTIONS,
    MODEL_VERDICTS,
    ROLLOUT_SCORES,
    ROLLOUT_VERDICTS,
    ROLLOUT_ARMS,
    SCORE_OUTCOMES,
    MODEL_PERFORMANCE,
    DRIFT,
    DATA_QUALITY_ISSUES,
    DATA_QUALITY_RESOLUTIONS,
    DATA_EXPECTATIONS,
    INGESTION_COUNTS,
    SOURCE_WATERMARKS,
    PREDICTION_ERRORS,
    ACTIONS,
)

SCORES_LATEST = View(
    "scores_latest",
    "The newest score of each trial that is still active. A trial counts as active if it was scored on the newest day "
    "that was scored: who converted, ended or withdrew consent before that day is not in it.",
    of=SCORES,
    per="trial_id",
    at="as_of",
)

ANALYTICS_VIEWS = (SCORES_LATEST,)
