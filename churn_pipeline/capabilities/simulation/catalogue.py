"""What the simulated company sells, to whom, and what can be done in it. What each number causes: docs/simulator.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sector:
    """A sector: its share of trials, how well the product fits it, and how much it works at weekends."""

    name: str
    share: float
    fit: float
    weekend: float
    likes: str
    """The feature it uses twice as often as others do."""


@dataclass(frozen=True, slots=True)
class Channel:
    """An acquisition channel: its share of trials, and how much intent it brings."""

    name: str
    share: float
    intent: float


@dataclass(frozen=True, slots=True)
class Country:
    """A country: its share of trials, its hours ahead of UTC, and what it pays in."""

    code: str
    share: float
    ahead: int
    currency: str


@dataclass(frozen=True, slots=True)
class Act:
    """Something a user does in a visit: its weight at hidden traits of zero, and how each trait tilts it.

    Its weight in a trial is `weight * exp(intent * ... + fit * ... + team * ...)`; acts are drawn in proportion.
    """

    name: str
    weight: float
    intent: float = 0.0
    fit: float = 0.0
    team: float = 0.0
    feature: bool = True
    """True: a `feature_used` event of this feature; false: an event of this name."""


SECTORS = (
    Sector("software", 0.22, 0.6, 0.25, "api_keys"),
    Sector("agencies", 0.17, 0.5, 0.3, "projects"),
    Sector("manufacturing", 0.14, 0.0, 0.15, "imports"),
    Sector("retail", 0.13, -0.3, 0.8, "calendar"),
    Sector("finance", 0.11, 0.2, 0.1, "reports"),
    Sector("healthcare", 0.09, -0.2, 0.5, "calendar"),
    Sector("education", 0.08, -0.6, 0.3, "templates"),
    Sector("non_profit", 0.06, -0.7, 0.35, "chat"),
)

CHANNELS = (
    Channel("search", 0.32, 0.1),
    Channel("paid_ads", 0.24, -0.5),
    Channel("referral", 0.14, 0.6),
    Channel("partner", 0.1, 0.4),
    Channel("outbound", 0.12, -0.1),
    Channel("social", 0.08, -0.6),
)

COUNTRIES = (
    Country("US", 0.22, -6, "USD"),
    Country("DE", 0.2, 1, "EUR"),
    Country("GB", 0.13, 0, "GBP"),
    Country("FR", 0.09, 1, "EUR"),
    Country("NL", 0.07, 1, "EUR"),
    Country("ES", 0.06, 1, "EUR"),
    Country("IT", 0.06, 1, "EUR"),
    Country("AT", 0.04, 1, "EUR"),
    Country("CH", 0.04, 1, "CHF"),
    Country("PL", 0.04, 1, "EUR"),
    Country("IN", 0.05, 5, "USD"),
)

PLANS = ("starter", "team", "business")
PRICES = (15, 29, 49)
"""What a seat costs a month, by plan, in the currency of the country."""

ACTS = (
    Act("dashboards", 16),
    Act("tasks", 15, intent=0.1),
    Act("projects", 11, fit=0.2),
    Act("search", 10, fit=-0.4),
    Act("templates", 9, intent=-0.2, fit=-0.7),
    Act("calendar", 6, fit=-0.5),
    Act("chat", 6, team=0.4),
    Act("reports", 6, fit=0.6),
    Act("imports", 4, intent=0.4, fit=0.3),
    Act("integrations", 4, intent=0.2, fit=0.9),
    Act("automations", 3, fit=1.1),
    Act("api_keys", 1, fit=0.8),
    Act("help_opened", 7, fit=-0.7, feature=False),
    Act("billing_viewed", 2.5, intent=0.8, feature=False),
    Act("invite_sent", 3, team=0.9, feature=False),
)

NULLS = {"channel": 0.06, "sector": 0.04, "country": 0.03, "company_size": 0.12}
"""Share of trials in which the attribute is not known, whatever it is."""

NO_CONSENT = 0.01
"""Share of trials that object to profiling."""

START_WEEKDAYS = (1.15, 1.2, 1.15, 1.1, 0.95, 0.45, 0.5)
"""Trials started, Monday to Sunday, relative to each other."""

WORKDAYS = (1.05, 1.1, 1.05, 1.0, 0.8)
"""Visits, Monday to Friday, relative to each other; at weekends by sector."""

GROWTH = 0.3
"""Growth of the trials started in a day, a year, as a log ratio."""

SEASON = 0.1
"""Swing of the trials started over the year, as a log ratio: most in January, fewest in July."""
