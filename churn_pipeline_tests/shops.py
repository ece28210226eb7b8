"""A small shop: a simulated business in a lake, with a model of each of two days, for tests that only read them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.features import snapshots
from churn_pipeline.capabilities.features.landmarks import write_landmark_snapshots
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.world import World, simulate
from churn_pipeline.capabilities.training.train import Trained, train, write_challenger
from churn_pipeline.contracts.raw import EVENTS, SUBSCRIPTIONS, TRIALS
from churn_pipeline.settings import Settings

FIRST = datetime(2026, 9, 1, tzinfo=UTC)
SECOND = datetime(2026, 10, 1, tzinfo=UTC)
NOW = datetime(2026, 10, 1, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Shop:
    """The lake knows both days whole; version 1 was trained on the first and version 2 on the second."""

    settings: Settings
    world: World
    lake: Lake
    models: ModelStore
    studies: Studies
    trained: dict[datetime, Trained]

    def of(self, warehouse: Warehouse) -> Settings:
        """Settings of the same shop whose tables are that warehouse's."""
        return replace_url(self.settings, warehouse.url)


def replace_url(settings: Settings, url: str) -> Settings:
    """The same settings with another database."""
    return Settings(**{**settings.model_dump(exclude_unset=True), "postgres_url": url})


def open_shop(folder: Path, url: str) -> Shop:
    """Simulate, land, look, label and train. Shrunken logistic regressions alone: they are fitted in no time."""
    settings = Settings(
        data_dir=folder,
        postgres_url=url,
        business="shop",
        demo_trials=900,
        demo_from=date(2025, 11, 1),
        demo_days=340,
        demo_until=date(2026, 10, 1),
        few_conversions=10_000,
        threads=1,
        gate_resamples=300,
        drift_false_alarm=0.1,  # what chance does is drawn the oftener, the rarer a false alarm may be
        reports=False,  # pictures take as long to draw as such a model to fit: the second one has them, and whoever asks for them
    )
    world = simulate(Parameters.of(settings))
    lake, models, studies = Lake.of(settings), ModelStore.of(settings), Studies.of(settings)
    with lake.engine.connection() as connection:
        for table, records in ((TRIALS, world.trials), (EVENTS, world.events), (SUBSCRIPTIONS, world.subscriptions)):
            connection.register("_records", records)
            lake.land(connection, table, "_records")
    shop = Shop(settings, world, lake, models, studies, {})
    for day in (FIRST, SECOND):
        look(shop, day)
        drawn = settings.model_copy(update={"reports": day == SECOND})
        shop.trained[day] = train(lake, models, studies, as_of=day, settings=drawn, progress=lambda _: None)
        write_challenger(lake, day, shop.trained[day])
    return shop


def look(shop: Shop, day: datetime) -> None:
    """Write everything that the lake holds for a day, besides models."""
    snapshots.write_running_snapshots(shop.lake, day)
    write_landmark_snapshots(shop.lake, day, shop.settings.landmarks)
    snapshots.write_labels(shop.lake, day, shop.settings.grace_days)
    snapshots.write_training_set(shop.lake, day, shop.settings.training_rows)


def elsewhere(shop: Shop, folder: Path) -> Lake:
    """A lake with the same records and nothing computed."""
    return replace(shop.lake, root=folder / "lake")
