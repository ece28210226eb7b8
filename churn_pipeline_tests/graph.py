"""The graph as a text: assets with what they depend on, checks, jobs, schedules, sensors.

python -m churn_pipeline_tests.graph    writes graph.txt beside this file
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg

from churn_pipeline.definitions import build
from churn_pipeline.settings import Settings
from churn_pipeline_tests.tables import table_mapping

FILE = Path(__file__).with_name("graph.txt")


def graph(definitions: dg.Definitions) -> str:
    """Everything of the graph that a change should be seen in."""
    return (
        "\n".join([*_assets(definitions), *_checks(definitions), *_jobs(definitions), *_watchers(definitions)]) + "\n"
    )


def graphs(folder: Path) -> str:
    """The graph of a business of trials, then that of one that brings its own feature table; `folder` is for its mapping."""
    of = Settings(), Settings(mapping=table_mapping(folder))
    told = [graph(build(settings)) for settings in of]
    return f"of trials\n{told[0]}\nof a feature table\n{told[1]}"


def _assets(definitions: dg.Definitions) -> Iterator[str]:
    yield "assets"
    for spec in sorted(definitions.resolve_all_asset_specs(), key=lambda spec: (spec.group_name or "", spec.key)):
        deps = ", ".join(sorted(dep.asset_key.to_user_string() for dep in spec.deps))
        yield f"  {spec.group_name}/{spec.key.to_user_string()} ({', '.join(spec.owners)}) <- {deps or 'nothing'}"


def _checks(definitions: dg.Definitions) -> Iterator[str]:
    yield "checks"
    layer = definitions.resolve_asset_graph()
    for key in sorted(layer.asset_check_keys, key=lambda key: (key.asset_key, key.name)):
        spec = layer.get_check_spec(key)
        yield f"  {key.asset_key.to_user_string()}.{key.name}{' (blocking)' if spec.blocking else ''}"


def _jobs(definitions: dg.Definitions) -> Iterator[str]:
    yield "jobs"
    for job in sorted(definitions.resolve_all_job_defs(), key=lambda job: job.name):
        if not job.name.startswith("__"):
            made = sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
            tags = ", ".join(f"{name}={word}" for name, word in sorted(job.tags.items()))
            yield f"  {job.name} [{tags}]: {', '.join(made)}"


def _watchers(definitions: dg.Definitions) -> Iterator[str]:
    yield "schedules"
    for schedule in sorted(definitions.schedules or (), key=lambda schedule: schedule.name):
        assert isinstance(schedule, dg.ScheduleDefinition)
        yield f"  {schedule.name}: {schedule.job_name} at {schedule.cron_schedule} {schedule.execution_timezone}"
    yield "sensors"
    for sensor in sorted(definitions.sensors or (), key=lambda sensor: sensor.name):
        yield f"  {sensor.name}: {sensor.job_name} every {sensor.minimum_interval_seconds} s"


if __name__ == "__main__":
    with TemporaryDirectory() as place:
        FILE.write_text(graphs(Path(place)))
