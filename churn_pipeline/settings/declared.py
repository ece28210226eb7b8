"""Every setting, typed, with default and meaning."""

from __future__ import annotations

import os
import re
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from churn_pipeline.contracts.analytics import AT_RISK_BELOW, HOT_ABOVE
from churn_pipeline.core.addresses import VARIABLE, business_after, has_password, place_of, plain
from churn_pipeline.settings.mapping import document

PROJECT = Path(__file__).resolve().parents[2]
RESERVED = frozenset({"dagster", "mappings", "postgres"})
DEMO = "demo"
"""The business that is simulated where no source is named; no source may go by its name."""
NO_SETTINGS = frozenset(
    f"CHURN_{n}" for n in ("REALDATA", "TEST_GIGABYTE", "TEST_POSTGRES_URL", "TEST_WORLDS", "TRACEBACK")
)
"""Variables that begin like settings and are none: four for the tests, one for whoever wants tracebacks."""


class Settings(BaseSettings):
    """The settings of one process. Frozen: they are read once, at a composition root, and handed down."""

    model_config = SettingsConfigDict(env_prefix="CHURN_", frozen=True, extra="forbid", env_ignore_empty=True)

    data_dir: Path = Field(PROJECT / "data", description="Folder for all that is written to disk.")
    postgres_url: SecretStr | None = Field(
        None,
        description="A PostgreSQL database to use instead of the embedded server: postgresql://user:password@host:port/database.",
    )
    source: Path | None = Field(None, description="Folder of raw files; without a source the demo is simulated.")
    source_url: SecretStr | None = Field(
        None,
        description="A database of raw tables instead of a folder: postgresql://user:${VARIABLE}@host:port/database, mysql://..., "
        "or any SQLAlchemy URL; each ${VARIABLE} is taken from the environment.",
    )
    mapping: Path | None = Field(None, description="Mapping file that says how the files become the raw tables.")
    business: str = Field(
        default_factory=lambda given: business_after(given.get("source"), given.get("source_url"), otherwise=DEMO),
        validate_default=True,
        pattern="^[a-z][a-z0-9_]{0,40}$",
        description="Name of the business: its database and its folder in the data directory. Without it, it is called after its source.",
    )

    owners: dict[str, str] = Field(
        {"default": "data team"},
        description="Who answers for each raw table, as the data contract names them; `default` for those that are not named.",
    )
    look_back_days: int = Field(
        3,
        ge=0,
        le=365,
        description="Days before the newest row read so far from which a table of a database is read again, for rows that came late.",
    )
    look_back_rows: int = Field(10_000, ge=0, description="The same in numbers, where a cursor counts up.")

    grace_days: int = Field(
        7, ge=0, le=365, description="Days after the planned end in which a subscription still counts as converted."
    )
    landmarks: tuple[int, ...] = Field(
        (1, 3, 7, 10, 14, 21, 30, 60, 90), description="Trial days at which past trials are looked at for training."
    )
    first_value: str | None = Field(None, description="Step that is the first value; without one the past tells.")
    max_bad_share: float = Field(
        0.2, ge=0, le=1, description="Share of bad rows in one table above which the batch stops."
    )

    max_deleted_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of the known records of one table above which a reading that lacks them stops (`deletes: compare keys`).",
    )

    suite_sample_rows: int = Field(
        20_000, ge=0, description="Rows Great Expectations looks at: 0 (left out) or at least 100; row rules see all."
    )

    expectation_window_days: int = Field(
        56,
        ge=28,
        le=366,
        description="Days before the newest one from which its expectations are learnt; below 28 nothing is judged.",
    )
    expectation_false_alarm: float = Field(
        0.01,
        gt=0,
        lt=1,
        description="Chance that a day on which nothing changed breaks any learnt expectation of a table.",
    )
    expectation_min_shift: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of the records by which a rate has to move to be worth a word, however certain.",
    )
    expectation_levels: dict[str, Literal["off", "warn", "block"]] = Field(
        {
            "columns": "warn",
            "volume": "block",
            "null_rate": "block",
            "new_values": "warn",
            "lost_value": "warn",
            "freshness": "warn",
            "late_share": "warn",
        },
        description="The most that a broken expectation of each kind may do. Volume blocks where nothing came, a null rate where a "
        "column that was filled is empty; other kinds block wherever they would warn. A kind that is not named warns.",
    )

    at_risk_below: float = Field(AT_RISK_BELOW, ge=0, le=1, description="Scores below it are `at_risk`.")
    hot_above: float = Field(HOT_ABOVE, ge=0, le=1, description="Scores above it are `hot`.")

    test_share: float = Field(
        0.25, gt=0, lt=1, description="Newest share of the matured trials that judges models and fits none."
    )
    calibration_share: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Share before it: the newest trials that are learnt from, which say whether the level of the scores has moved.",
    )
    validation_share: float = Field(0.15, gt=0, lt=1, description="Share before that on which models are tuned.")
    training_rows: int = Field(
        300_000,
        ge=1_000,
        description="About as many landmark snapshots do models learn from and are judged on; where there are more, whole trials are drawn by their id.",
    )
    tuning_trials: int = Field(
        12, ge=1, description="Tuning trials for each boosting library; the network takes a third as many."
    )
    tuning_sampler: Literal["tpe", "random", "grid"] = Field(
        "tpe",
        description="How tuning trials are chosen: by what the ones before them lost (`tpe`), at random, or from a grid in an order drawn by the seed.",
    )
    tuning_seconds: float = Field(
        0,
        ge=0,
        allow_inf_nan=False,
        description="Seconds of work after which no tuning trial begins, for each library; 0 is no limit.",
    )
    tuning_rows: int = Field(
        20_000,
        ge=100,
        description="Most rows (whole trials, drawn by seed) on which a tuning trial fits; the models themselves are fitted on all.",
    )
    few_conversions: int = Field(
        120,
        ge=0,
        description="Below as many fitted conversions only the shrunken logistic regression is used, and every score says so.",
    )
    own_features: Path | None = Field(
        None, description="Folder of SQL files, each a feature of your own (docs/own-features.md)."
    )
    seed: int = Field(20_240_501, ge=0, description="Seed of everything random.")

    gate_confidence: float = Field(
        0.95,
        gt=0.5,
        lt=1,
        description="Two-sided confidence of the gate's interval; its lower end has to be above gate_min_gain.",
    )
    gate_min_gain: float = Field(
        0.001,
        ge=0,
        description="Least gain in log loss (nats) for which a champion is replaced, or a first model promoted.",
    )
    gate_min_conversions: int = Field(
        20, ge=1, description="Least trials that converted, and that did not, on which the gate judges."
    )
    gate_resamples: int = Field(10_000, ge=100, description="Bootstrap resamples of the gate.")
    gate_max_latency_ms: float = Field(
        100,
        gt=0,
        description="Most milliseconds of a processor (median) in which a challenger has to score and explain one trial.",
    )
    gate_max_reasons_lost: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Most by which the mean cosine between the reasons of one look at a trial and of the next may be lower than the champion's.",
    )

    promotion: Literal["at_once", "gradual"] = Field(
        "at_once",
        description="Whether a challenger that passes the gate takes over at once, or starts a rollout beside the champion. A first model, and one in the place of a champion that can score nothing any more, takes over at once.",
    )
    rollout_steps: tuple[int, ...] = Field(
        (10, 50), description="Percent of the trials that a canary scores, step by step, before it becomes champion."
    )
    rollout_wait_days: int = Field(7, ge=1, description="Least days that a step of a rollout lasts.")
    rollout_auto: bool = Field(
        True,
        description="Whether the daily job takes a rollout to its next step, or back, by itself; else it says what it would do.",
    )
    rollout_confidence: float = Field(
        0.9,
        gt=0.5,
        lt=1,
        description="Confidence of a rollout's interval of the gain in log loss, which holds at all daily looks together.",
    )
    rollout_margin: float = Field(
        0.02,
        gt=0,
        description="Loss (log loss, nats) that has to be ruled out before a rollout goes on. It goes back where a loss of any size is certain.",
    )
    rollout_max_distance: float = Field(
        0.15,
        gt=0,
        le=1,
        description="Distance between the scores of canary and champion, as distributions (probability), beyond which a rollout goes back.",
    )

    performance_window_days: int = Field(28, ge=1, description="Matured trials of as many days are judged together.")
    performance_min_auc: float = Field(
        0.65, ge=0.5, le=1, description="Below it (the whole interval) performance counts as degraded."
    )
    drift_window_days: int = Field(7, ge=1, description="Days of scores compared with the champion's training data.")
    drift_false_alarm: float = Field(
        0.01, gt=0, lt=1, description="Chance that a day without any drift flags any feature."
    )
    drift_min_distance: float = Field(
        0.02,
        ge=0,
        description="Distance (PSI) below which a feature never counts as drifted, however certain: 0.02 is a shift by about a seventh of a standard deviation.",
    )
    drift_share: float = Field(
        0.3, gt=0, le=1, description="Share of drifted features at which a retrain is asked for."
    )
    retrain_cooldown_days: int = Field(7, ge=0, description="Days after a retrain in which no sensor asks for another.")

    demo_trials: int = Field(24_000, ge=1, description="Trials of the simulated business.")
    demo_from: date = Field(
        date(2025, 9, 27), description="First day on which a trial of the simulated business starts."
    )
    demo_days: int = Field(400, ge=1, description="Days over which the trials of the simulated business start.")
    demo_until: date = Field(
        date(2026, 11, 1),
        description="Nothing that became known at or after its midnight (UTC) exists in the simulated business.",
    )
    demo_touches: bool = Field(
        True,
        description="Whether the simulated company touches its trials by itself: an experiment with 20 % control, and calls to whom it likes.",
    )
    demo_outcome: Literal["traits", "order_of_steps"] = Field(
        "traits",
        description="What decides on conversion in the simulated business: hidden traits that show in the usage, or nothing but the order of two steps.",
    )
    demo_again_share: float = Field(
        0.001,
        ge=0,
        le=1,
        description="Share of trials, events and subscriptions of the simulated business that are delivered twice.",
    )
    demo_damaged_share: float = Field(
        0.05, ge=0, le=1, description="Share of what is delivered twice whose second delivery is damaged."
    )
    demo_drift: str | None = Field(
        None,
        pattern=r"^[a-z_]+:\d{4}-\d{2}-\d{2}:-?[\d.]+(, *[a-z_]+:\d{4}-\d{2}-\d{2}:-?[\d.]+)*$",
        description="What changes in the simulated business: kind:first day:strength, apart by commas, such as `concept:2026-08-01:0.5`. Kinds: docs/simulator.md.",
    )
    reports: bool = Field(
        True,
        description="Whether runs draw pictures and write the drift report; without them a run is a quarter shorter, say for a replay of many days. Tables are the same.",
    )
    dev_port: int = Field(
        3000,
        ge=1,
        le=65533,
        description="Port of Dagster's UI in `churn dev`; MLflow's UI and the reports have the next two.",
    )
    mlflow_address: str = Field("http://localhost:3001", description="Where MLflow's UI is, for links.")
    reports_address: str = Field("http://localhost:3002", description="Where the reports are, for links.")

    duckdb_memory: str = Field(
        "4GB",
        pattern=r"^\d+(MB|GB)$",
        description="Memory limit of the query engine, which spills to disk before it.",
    )
    threads: int = Field(2, ge=1, description="Threads of the query engine.")
    lake_buckets: int = Field(
        1, ge=1, le=1024, description="Buckets of trials the lake is cut into; work goes bucket by bucket."
    )

    @model_validator(mode="before")
    @classmethod
    def _with_mapping(cls, given: Any) -> Any:
        """Fill what neither the environment nor the caller set from the mapping file."""
        said = document(Path(given["mapping"])) if given.get("mapping") else {}
        named = {"business": said["business"]} if "business" in said else {}
        return {**named, **(said.get("settings") or {}), **given}

    @model_validator(mode="after")
    def _one_source(self) -> Settings:
        if self.source is not None and re.match(r"[a-z][\w+]+:/", str(self.source)):
            raise ValueError("source is a folder; the address of a database goes into CHURN_SOURCE_URL")
        if self.source is not None and self.source_url is not None:
            raise ValueError("source and source_url are both set; a business has one source: unset one of them")
        if self.business == DEMO and not self.simulated:
            raise ValueError(f"{DEMO!r} is the simulated business, not that of a source; set CHURN_BUSINESS")
        lost = [v for v in VARIABLE.findall(plain(self.source_url)) if v not in os.environ]
        if lost:
            raise ValueError(f"source_url names {', '.join(lost)}, which the environment does not hold; set it")
        return self

    @model_validator(mode="after")
    def _in_order(self) -> Settings:
        if self.at_risk_below > self.hot_above:
            raise ValueError("at_risk_below is above hot_above: a score would be both; lower one or raise the other")
        if 0 < self.suite_sample_rows < 100:
            raise ValueError("suite_sample_rows is 0 or at least 100: a share of fewer rows says little")
        if any(low >= high for low, high in pairwise((0, *self.rollout_steps, 100))):
            raise ValueError(f"rollout_steps rise between 0 and 100; got {', '.join(map(str, self.rollout_steps))}")
        wrong = [day for day in self.landmarks if not 1 <= day <= 365]
        if wrong or not self.landmarks:
            raise ValueError(f"landmarks are days 1 to 365 of a trial; got {', '.join(map(str, wrong)) or 'none'}")
        return self

    @field_validator("owners")
    @classmethod
    def _with_a_default(cls, owners: dict[str, str]) -> dict[str, str]:
        return {**cls.model_fields["owners"].default, **owners}

    @field_validator("expectation_levels")
    @classmethod
    def _known_kinds(cls, levels: dict[str, str]) -> dict[str, str]:
        kinds = cls.model_fields["expectation_levels"].default
        if unknown := sorted(levels.keys() - kinds.keys()):
            raise ValueError(f"{', '.join(unknown)}: no kind of expectation; allowed: {', '.join(sorted(kinds))}")
        return levels

    @field_validator("business")
    @classmethod
    def _free_name(cls, business: str) -> str:
        if business in RESERVED:
            raise ValueError(f"{business!r} names a folder of the data directory itself; choose another name")
        return business

    @property
    def home(self) -> Path:
        """Folder of this business: lake, reports, model files."""
        return self.data_dir / self.business

    @property
    def simulated(self) -> bool:
        """Whether no source is named, so that the demo business is simulated."""
        return self.source is None and self.source_url is None

    @property
    def of_feature_table(self) -> bool:
        """Whether the mapping says that the source is a team's own feature table."""
        return self.mapping is not None and document(self.mapping).get("feature_table") is not None

    @property
    def noun(self) -> str:
        """What scores are about, as sentences call many of them: trials, or the entities of a team's own feature table."""
        return "entities" if self.of_feature_table else "trials"

    @property
    def place(self) -> str:
        """Where the source lies, for all to see; empty where the business is simulated."""
        return place_of(self.source, self.source_url)

    @property
    def named_by_hand(self) -> bool:
        """Whether somebody gave the business its name: it is not called after its source."""
        return "business" in self.model_fields_set

    @property
    def source_database(self) -> str | None:
        """The address of the database that is the source, with what the environment holds; it may hold a password."""
        if self.source_url is None:
            return None
        return VARIABLE.sub(lambda found: quote(os.environ[found[1]], safe=""), plain(self.source_url))

    @property
    def source_named(self) -> str | None:
        """The source as a person would name it on the command line; a database with a written-out password is not named."""
        url = plain(self.source_url)
        return str(self.source) if self.source is not None else url if url and not has_password(url) else None

    @property
    def source_folder(self) -> Path:
        """Folder the raw files are read from: the one that was named, or the one the demo business is written to."""
        return self.source or self.home / "source"

    @property
    def truth_file(self) -> Path:
        """Where the demo business keeps each trial's true probability to convert; nothing of the pipeline reads it."""
        return self.home / "truth" / "truth.parquet"
