"""Door 2, which model is in production and why: the ledger, the gate's verdicts, and rollouts."""

from __future__ import annotations

from churn_pipeline.contracts.columns import AS_OF, DAY, LABEL, RUN, SENTENCE, TRIAL
from churn_pipeline.contracts.spec import Column, Flag, Instant, Integer, OneOf, Real, Table

ARM = OneOf(("champion", "canary"))
NOBODY, FEW, EITHER = "no trial has matured", "fewer than two trials have matured", "no trial of one arm has matured"

MODEL_PROMOTIONS = Table(
    "model_promotions",
    "Append-only ledger of who was champion, canary or challenger, from when, by which verdict.",
    key=("promotion_id",),
    append_only=True,
    columns=(
        Column("promotion_id", LABEL, "The entry: role, running number and model."),
        Column("role", OneOf(("champion", "canary", "challenger")), "The role that changed hands."),
        Column("model_version", LABEL, "Version of the model in the registry."),
        Column("from_as_of", Instant(), "First day the model holds the role; until a later entry of the role begins."),
        Column(
            "share",
            Real(0, 1),
            "Share of the trials that the canary scores from then on; 0 takes the role from it. So does a new champion.",
            null=True,
            absent="not the role of canary",
        ),
        Column("replaced", LABEL, "The model that held the role before.", null=True, absent="nobody held it"),
        Column(
            "by",
            OneOf(("gate", "person", "rollback", "rollout")),
            "What put it there: the gate, a person, a rollback by a person, or the daily look at a rollout.",
        ),
        Column("verdict", SENTENCE, "Why, as a sentence."),
        Column("decided_at", Instant(), "When the change took effect."),
        RUN,
    ),
)

MODEL_VERDICTS = Table(
    "model_verdicts",
    "Each comparison of a challenger with the champion (or, before there is one, with the base rate).",
    key=("as_of", "model_version", "compared_with"),
    columns=(
        DAY,
        Column("model_version", LABEL, "The challenger."),
        Column("compared_with", LABEL, "The champion it was compared with, or `base rate`."),
        Column("promote", Flag(), "Whether the challenger takes over."),
        Column("verdict", SENTENCE, "The decision and its reason, as a sentence."),
        Column("trials", Integer(0), "Trials of the newest matured cohorts it was judged on.", unit="trials"),
        Column("conversions", Integer(0), "Conversions among them.", unit="trials"),
        Column("log_loss", Real(0), "Log loss of the challenger on them.", unit="nats"),
        Column("compared_log_loss", Real(0), "Log loss of what it was compared with.", unit="nats"),
        Column("base_log_loss", Real(0), "Log loss of the base rate of the fitted cohorts.", unit="nats"),
        Column(
            "floor_log_loss",
            Real(0),
            "Log loss of the logistic regression, which may not be better by more than noise.",
            unit="nats",
        ),
        Column("gain", Real(), "Log loss, compared minus challenger: positive is better.", unit="nats"),
        Column("gain_low", Real(), "Lower end of the paired bootstrap interval of the gain.", unit="nats"),
        Column("gain_high", Real(), "Upper end of the paired bootstrap interval of the gain.", unit="nats"),
        Column("auc", Real(0, 1), "Area under the ROC curve of the challenger.", null=True, absent="one class only"),
        Column("compared_auc", Real(0, 1), "The same of what it was compared with.", null=True, absent="no ranking"),
        Column("ece", Real(0, 1), "Expected calibration error of the challenger."),
        Column(
            "guards_broken",
            SENTENCE,
            "What speaks against the challenger beside its gain: calibration, a segment, latency, reasons.",
            null=True,
            absent="nothing does",
        ),
        RUN,
    ),
)

ROLLOUT_SCORES = Table(
    "rollout_scores",
    "What champion and canary each say of a running trial while a rollout goes on, whichever of them is shown in `scores`.",
    key=("as_of", "trial_id"),
    columns=(
        AS_OF,
        TRIAL,
        Column(
            "arm",
            ARM,
            "Whose score is shown: by a hash of the trial, the same every day and in every step that follows.",
        ),
        Column("champion_version", LABEL, "Version of the champion."),
        Column("canary_version", LABEL, "Version of the canary."),
        Column("champion_probability", Real(0, 1), "Probability that the trial converts, by the champion."),
        Column("canary_probability", Real(0, 1), "The same by the canary."),
        RUN,
    ),
)

ROLLOUT_VERDICTS = Table(
    "rollout_verdicts",
    "The daily look at a rollout, before the day is scored: the next step, waiting, or back to the champion, and why.",
    key=("as_of", "model_version"),
    columns=(
        DAY,
        Column("model_version", LABEL, "The canary."),
        Column("compared_with", LABEL, "The champion."),
        Column("share", Real(0, 1), "Share of the trials that the canary scored up to then."),
        Column("step_from", Instant(), "First day of that step."),
        Column("decision", OneOf(("advance", "wait", "go_back")), "What is to be done."),
        Column("verdict", SENTENCE, "The decision and its reasons, as a sentence."),
        Column("trials", Integer(0), "Matured trials that both scored since the rollout began.", unit="trials"),
        Column("conversions", Integer(0), "Conversions among them.", unit="trials"),
        Column(
            "gain",
            Real(),
            "Log loss on them, champion minus canary: positive is better.",
            null=True,
            absent=FEW,
            unit="nats",
        ),
        Column(
            "gain_low",
            Real(),
            "Lower end of its interval, which holds however often one looks.",
            null=True,
            absent=FEW,
            unit="nats",
        ),
        Column("gain_high", Real(), "Upper end of the same.", null=True, absent=FEW, unit="nats"),
        Column(
            "distance",
            Real(0, 1),
            "How far apart the scores of the two lie on the newest day, as distributions (Wasserstein distance).",
            null=True,
            absent="not scored by both yet",
            unit="probability",
        ),
        Column("errors", Integer(0), "Days of the step on which the canary could not score.", unit="days"),
        RUN,
    ),
)

ROLLOUT_ARMS = Table(
    "rollout_arms",
    "The A/B of a rollout, written while it goes on: what became of the trials of either arm. A trial belongs to the arm in which it was scored first.",
    key=("as_of", "model_version", "arm"),
    columns=(
        DAY,
        Column("model_version", LABEL, "The canary."),
        Column("arm", ARM, "Whose scores were shown."),
        Column("scored_by", LABEL, "Version of the model of the arm."),
        Column("trials", Integer(0), "Trials of the arm.", unit="trials"),
        Column("moved", Integer(0), "Of them those that a later step gave to the canary.", unit="trials"),
        Column("matured", Integer(0), "Of the trials those whose outcome is final.", unit="trials"),
        Column("conversions", Integer(0), "Of these those that converted.", unit="trials"),
        Column("conversion", Real(0, 1), "Share of the matured trials that converted.", null=True, absent=NOBODY),
        Column("conversion_low", Real(0, 1), "Lower end of its 95 % interval.", null=True, absent=NOBODY),
        Column("conversion_high", Real(0, 1), "Upper end of the same.", null=True, absent=NOBODY),
        Column("mean_score", Real(0, 1), "Mean of the scores shown to the matured trials.", null=True, absent=NOBODY),
        Column("log_loss", Real(0), "Log loss of the scores that were shown.", null=True, absent=NOBODY, unit="nats"),
        Column("auc", Real(0, 1), "Area under the ROC curve of the same.", null=True, absent="one class only"),
        Column(
            "difference",
            Real(-1, 1),
            "Conversion of the canary's arm minus that of the champion's.",
            null=True,
            absent=EITHER,
        ),
        Column("difference_low", Real(-1, 1), "Lower end of its 95 % interval.", null=True, absent=EITHER),
        Column("difference_high", Real(-1, 1), "Upper end of the same.", null=True, absent=EITHER),
        RUN,
    ),
)
