from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.orchestration.clock import Clock
from churn_pipeline.orchestration.resources import resources
from churn_pipeline.settings import Settings

pytestmark = pytest.mark.flow


class Noon(Clock):
    def now(self) -> datetime:
        return datetime(2024, 5, 1, 12, tzinfo=UTC)


def test_listing_the_resources_opens_starts_and_writes_nothing(tmp_path: Path) -> None:
    nowhere = Settings(data_dir=tmp_path / "data", postgres_url="postgresql://nobody:x@127.0.0.1:1/none")
    found = resources(nowhere)
    assert set(found) == {"settings", "clock", "lake", "tables", "warehouse", "studies", "models"}
    assert not (tmp_path / "data").exists()


def test_an_asset_gets_each_resource_by_name_of_the_business_in_the_settings(settings: Settings) -> None:
    seen: dict[str, object] = {}

    @dg.asset
    def thing(
        lake: dg.ResourceParam[Lake],
        tables: dg.ResourceParam[Warehouse],
        warehouse: dg.ResourceParam[Warehouse],
        studies: dg.ResourceParam[Studies],
        models: dg.ResourceParam[ModelStore],
        clock: dg.ResourceParam[Clock],
    ) -> None:
        seen.update(lake=lake, tables=tables, same=warehouse == tables, studies=studies, models=models, at=clock.now())

    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([thing], resources=resources(settings, Noon()), instance=instance).success
    assert seen["lake"] == Lake.of(settings)
    assert seen["tables"] == Warehouse.of(settings)
    assert Warehouse.of(settings).read("select * from scores").num_rows == 0, "tables are there though nobody made them"
    assert seen["models"] == ModelStore.of(settings)
    assert (seen["same"], seen["at"]) == (True, Noon().now())
