"""Asset: the demo business, as files that the pipeline reads like any company's."""

import dagster as dg

from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.write import provide
from churn_pipeline.orchestration.days import DAYS
from churn_pipeline.orchestration.memory import measured
from churn_pipeline.orchestration.table_asset import OWNER
from churn_pipeline.settings import Settings


# the lake is asked for, since whoever has it is the only writer: nobody reads the files while they are replaced
@dg.asset(
    group_name="simulation",
    kinds={"numpy", "parquet"},
    owners=[OWNER],
    partitions_def=DAYS,
    required_resource_keys={"settings", "lake"},
)
@measured
def demo_source(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """A simulated trial business as files of raw tables, where no source of your own is named.

    The truth, each trial's probability to convert, goes to a file beside them that no feature can read. Left as it is
    where a source is named.
    """
    settings: Settings = context.resources.settings
    if not settings.simulated:
        return dg.MaterializeResult(metadata={"skipped": f"raw records come from {settings.source or 'a database'}"})
    provided = provide(Parameters.of(settings), folder=settings.source_folder, truth=settings.truth_file)
    return dg.MaterializeResult(metadata={"simulated anew": provided.simulated, **provided.rows})
