"""Door 1: the raw tables a company brings, as files or as database tables of the same names."""

from __future__ import annotations

from churn_pipeline.contracts.spec import (
    Column,
    Door,
    Flag,
    Instant,
    Integer,
    Json,
    Money,
    OneOf,
    Presence,
    Privacy,
    Real,
    Table,
    Text,
)

ID = Text(low=1, high=200)
CURRENCY = Text(pattern="[A-Z]{3}")


def _id(name: str, meaning: str, *, null: bool = False, absent: str = "") -> Column:
    return Column(name, ID, meaning, null=null, absent=absent, privacy=Privacy.PSEUDONYM)


def _attribute(name: str, meaning: str, high: int = 200) -> Column:
    return Column(name, Text(low=1, high=high), meaning, null=True, absent="not known")


UPDATED_AT = Column(
    "updated_at",
    Instant(),
    "When the record last changed; of two versions of one record the later wins.",
    null=True,
    absent="never changed",
)

TRIALS = Table(
    "trials",
    "A trial of the product by one account.",
    door=Door.RAW,
    presence=Presence.REQUIRED,
    key=("trial_id",),
    known_at=("started_at",),
    versioned_by="updated_at",
    fixed=("trial_id", "account_id", "started_at", "trial_days"),
    columns=(
        _id("trial_id", "The trial."),
        _id("account_id", "The company or person on trial."),
        Column("started_at", Instant(), "Start of the trial."),
        Column("trial_days", Integer(1, 365), "Planned length when it started.", unit="days"),
        _attribute("plan", "Plan on trial."),
        _attribute("channel", "Acquisition channel."),
        _attribute("sector", "Sector of the account."),
        Column("country", Text(pattern="[A-Z]{2}"), "ISO 3166-1 alpha-2 country.", null=True, absent="not known"),
        Column("company_size", Integer(1), "Employees.", null=True, absent="not known", unit="people"),
        Column(
            "consent_profiling",
            Flag(),
            "False: never scored automatically, never contacted on a score.",
            null=True,
            absent="true",
        ),
        UPDATED_AT,
    ),
)

EVENTS = Table(
    "events",
    "One act of product usage within a trial.",
    door=Door.RAW,
    presence=Presence.REQUIRED,
    key=("event_id",),
    known_at=("occurred_at", "received_at"),
    trial="trial_id",
    ordered=(("occurred_at", "received_at"),),
    columns=(
        _id("event_id", "The event."),
        _id("trial_id", "The trial it belongs to."),
        _id("user_id", "Who did it.", null=True, absent="not known"),
        _id("session_id", "In which visit.", null=True, absent="not known"),
        Column("occurred_at", Instant(), "When it happened."),
        Column(
            "received_at", Instant(), "When we could first have known it.", null=True, absent="known when it happened"
        ),
        Column("event_name", Text(low=1, high=200), "What was done: `login`, `feature_used`, `invite_sent`, ..."),
        Column(
            "feature", Text(low=1, high=200), "The product feature that was used.", null=True, absent="no feature used"
        ),
        Column("value", Real(), "A number the event carries.", null=True, absent="carries none"),
        Column(
            "properties",
            Json(),
            "The rest; may hold personal data.",
            null=True,
            absent="nothing else",
            privacy=Privacy.PERSONAL,
        ),
    ),
)

SUBSCRIPTIONS = Table(
    "subscriptions",
    "A subscription bought by a trial: the outcome.",
    door=Door.RAW,
    presence=Presence.FOR_TRAINING,
    key=("subscription_id",),
    known_at=("started_at",),
    versioned_by="updated_at",
    fixed=("subscription_id", "trial_id", "started_at"),
    trial="trial_id",
    ordered=(("started_at", "cancelled_at"),),
    columns=(
        _id("subscription_id", "The subscription."),
        _id("trial_id", "The trial that converted."),
        Column("started_at", Instant(), "The moment of conversion."),
        _attribute("plan", "Plan bought."),
        Column("mrr", Money(0), "Monthly recurring revenue.", null=True, absent="not known", unit="currency a month"),
        Column("currency", CURRENCY, "ISO 4217 currency of mrr.", null=True, absent="EUR"),
        Column("cancelled_at", Instant(), "When it was cancelled.", null=True, absent="still running"),
        UPDATED_AT,
    ),
)

INVOICES = Table(
    "invoices",
    "A charge or refund on a subscription.",
    door=Door.RAW,
    key=("invoice_id",),
    known_at=("paid_at",),
    columns=(
        _id("invoice_id", "The invoice."),
        _id("subscription_id", "The subscription it bills."),
        Column("paid_at", Instant(), "When it was paid."),
        Column("amount", Money(), "Amount paid; a refund is a positive amount of kind `refund`.", unit="currency"),
        Column("currency", CURRENCY, "ISO 4217 currency of amount.", null=True, absent="EUR"),
        Column("kind", OneOf(("charge", "refund")), "`charge` or `refund`."),
    ),
)

TOUCHES = Table(
    "touches",
    "Something the company did to a trial.",
    door=Door.RAW,
    key=("touch_id",),
    known_at=("sent_at",),
    trial="trial_id",
    columns=(
        _id("touch_id", "The touch."),
        _id("trial_id", "The trial that was touched."),
        Column("kind", OneOf(("email", "prompt", "cs_call", "extension", "nudge")), "What was done."),
        Column("sent_at", Instant(), "When."),
        Column("cost", Money(0), "What it cost.", null=True, absent="not known", unit="currency"),
        _id("experiment_id", "The experiment it belongs to.", null=True, absent="no experiment"),
        Column(
            "arm", Text(low=1, high=200), "The arm of the experiment it realises.", null=True, absent="no experiment"
        ),
    ),
)

ASSIGNMENTS = Table(
    "assignments",
    "Who was randomised to what, also where nothing was sent.",
    door=Door.RAW,
    key=("experiment_id", "trial_id"),
    known_at=("assigned_at",),
    trial="trial_id",
    columns=(
        _id("experiment_id", "The experiment."),
        _id("trial_id", "The trial that was randomised."),
        Column("arm", Text(low=1, high=200), "The arm it drew."),
        Column("assigned_at", Instant(), "When it was drawn."),
    ),
)

CONTACTS = Table(
    "contacts",
    "Who to reach. Personal data: never a model feature, never in a log.",
    door=Door.RAW,
    key=("contact_id",),
    known_at=("crm_updated_at",),
    versioned_by="crm_updated_at",
    trial="trial_id",
    columns=(
        _id("contact_id", "The contact."),
        _id("trial_id", "The trial the contact belongs to."),
        Column("email", Text(high=320), "E-mail address.", null=True, absent="not known", privacy=Privacy.PERSONAL),
        Column("name", Text(high=200), "Name of the person.", null=True, absent="not known", privacy=Privacy.PERSONAL),
        Column(
            "owner",
            Text(high=200),
            "Who of our team owns the contact.",
            null=True,
            absent="nobody",
            privacy=Privacy.PERSONAL,
        ),
        Column("crm_updated_at", Instant(), "Last change in the CRM.", null=True, absent="not known"),
    ),
)

INDICATORS = Table(
    "indicators",
    "An industry benchmark or economic indicator of a sector for a period; a revision is a later publication.",
    door=Door.RAW,
    key=("sector", "indicator", "period_start"),
    known_at=("published_at",),
    versioned_by="published_at",
    columns=(
        Column("sector", Text(low=1, high=200), "The sector."),
        Column("indicator", Text(low=1, high=200), "Name of the indicator."),
        Column("period_start", Instant(), "Start of the period it describes."),
        Column("value", Real(), "The value as published."),
        Column("published_at", Instant(), "When it was published."),
    ),
)

RAW_TABLES = (TRIALS, EVENTS, SUBSCRIPTIONS, INVOICES, TOUCHES, ASSIGNMENTS, CONTACTS, INDICATORS)
