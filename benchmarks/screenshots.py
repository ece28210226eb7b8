"""Photographs of the UI for README and docs, made by the system's Chromium of a real run.

    churn run                            # the demo, first
    python benchmarks/screenshots.py     # writes docs/images

What is dirty is made dirty here: a small business of its own, in a temporary folder, whose events carry times that nobody
can read.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from churn_pipeline.adapters.embedded_postgres import stop_server
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.write import provide
from churn_pipeline.settings import PROJECT, load_settings
from churn_pipeline_tests.browser import dagster_ui, environment, page

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect, Page

IMAGES = PROJECT / "docs" / "images"
LATER = ("features", "training", "promotion", "scoring", "monitoring")
MARGIN = 24
WITHOUT_CONTROLS = """
for (const button of document.querySelectorAll('button')) {
  const place = button.getBoundingClientRect();
  if (place.left < innerWidth - 120 || place.top < 150) continue;
  let held = button;
  while (getComputedStyle(held).position !== 'absolute' && held.parentElement) held = held.parentElement;
  held.style.visibility = 'hidden';
}
"""
"""The zoom buttons would lie over the last assets."""
BESIDE = """
.dagster-backdrop {opacity: 0}
[role=dialog] {position: fixed; right: 16px; bottom: 16px; margin: 0; zoom: 0.78}
"""
"""A picture that was opened lies beside the metadata, not over it."""
SETTLE = 2_500
"""Milliseconds after the last text has appeared: icons, layout and pictures follow."""


def main() -> None:
    """Make all of them."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    settings = load_settings()
    with dagster_ui(environment(settings.data_dir.resolve())) as address:
        graph(address)
        upstream(address)
        scores(address)
        opened(address, "challenger", "calibration", "calibration.png")
        opened(address, "drift", "distances", "drift.png")
    with dirty_business() as data_dir, dagster_ui(environment(data_dir, CHURN_BUSINESS="dirty")) as address:
        failed_check(address)


def graph(address: str) -> None:
    """The lineage of all assets; those before the features are closed groups."""
    with page(width=3000, height=1400, scale=0.55) as shown:
        opened_groups = ",".join(f"global@global:{group}" for group in LATER)
        shown.goto(f"{address}/asset-groups?expanded={opened_groups}")
        shown.get_by_text("score_outcomes").wait_for()
        shown.get_by_text("Hide navigation").click()
        _close_the_list(shown)
        shown.reload()
        shown.get_by_text("score_outcomes").wait_for()
        _save_graph(shown, "graph.png")


def upstream(address: str) -> None:
    """What a score is made of, back to the source."""
    with page(width=2600, height=2000, scale=0.55) as shown:
        shown.goto(f"{address}/assets/scores?view=lineage&lineageScope=upstream&lineageDepth=9")
        shown.get_by_text("demo_source").wait_for()
        _save_graph(shown, "upstream.png")


def scores(address: str) -> None:
    """The asset `scores`: what it is, its columns, and its histogram opened from the metadata of the last run."""
    with page(width=1500, height=1000) as shown:
        shown.goto(f"{address}/assets/scores")
        shown.get_by_text("conversion_probability").first.wait_for()
        _save(shown, "scores_columns.png")
        shown.get_by_text("Columns", exact=True).click()
        _open(shown, "score distribution")
        shown.add_style_tag(content=BESIDE)
        _save(shown, "scores.png")


def opened(address: str, asset: str, key: str, name: str) -> None:
    """A picture in the metadata of an asset."""
    with page(width=1500, height=1000) as shown:
        shown.goto(f"{address}/assets/{asset}")
        shown.get_by_text("Filter metadata keys").or_(shown.get_by_placeholder("Filter metadata keys")).first.wait_for()
        _open(shown, key)
        _save(shown, name)


def failed_check(address: str) -> None:
    """The blocking check that refused the dirty events, with its message."""
    with page(width=1500, height=900) as shown:
        shown.goto(f"{address}/assets/raw_events?view=checks&checkDetail=fit_to_be_used")
        shown.get_by_text("the batch is refused").first.wait_for()
        _save(shown, "failed_check.png")


@contextmanager
def dirty_business() -> Iterator[Path]:
    """The data directory of a run that was stopped: of every ten events, three carry times that cannot be read."""
    with tempfile.TemporaryDirectory(prefix="churn-", dir="/tmp") as made:
        folder = Path(made)
        source, data_dir = folder / "dirty", folder / "data"
        _soil(folder / "clean", source)
        command = [str(Path(sys.executable).parent / "churn"), "run", "--source", str(source), "--as-of", "2024-09-01"]
        ended = subprocess.run(
            command, cwd=PROJECT, env=environment(data_dir), capture_output=True, text=True, check=False
        )
        assert ended.returncode, f"the dirty source was accepted: {ended.stderr[-2000:]}"
        try:
            yield data_dir
        finally:
            stop_server(data_dir)


def _soil(clean: Path, dirty: Path) -> None:
    """A small simulated business as CSV files, with times in another notation on three events of ten."""
    import duckdb

    small = Parameters(trials=400, first_day=date(2024, 5, 1), days=100, until=date(2024, 9, 1), seed=7)
    provide(small, folder=clean, truth=clean.parent / "truth.parquet")
    dirty.mkdir()
    for name in ("trials", "subscriptions", "events"):
        wrong = "strftime(occurred_at, '%d/%m/%y %I.%M')"
        select = (
            f"* replace (case when hash(event_id) % 10 < 3 then {wrong} else occurred_at::varchar end as occurred_at)"
            if name == "events"
            else "*"
        )
        source, target = clean / f"{name}.parquet", dirty / f"{name}.csv"
        duckdb.sql(f"set timezone = 'UTC'; copy (select {select} from '{source}') to '{target}' (header)")


def _open(shown: Page, key: str) -> None:
    """Open the picture behind a key of the metadata table."""
    row = shown.get_by_role("row").filter(has=shown.get_by_text(key, exact=True))
    row.get_by_text("[Show Markdown]").click()
    shown.get_by_role("button", name="Close").wait_for()


def _close_the_list(shown: Page) -> None:
    """Close the list of groups at the left of the graph; its button is the only one right of the search field."""
    field = shown.get_by_placeholder("Jump to…").bounding_box()
    assert field is not None
    shown.mouse.click(field["x"] + field["width"] + 22, field["y"] + field["height"] / 2)


def _graph_area(shown: Page) -> FloatRect:
    """The part of the page in which the graph lies."""
    shown.wait_for_timeout(SETTLE)
    found = [element.bounding_box() for element in shown.query_selector_all("svg foreignObject, svg > g foreignObject")]
    boxes = [box for box in found if box is not None and box["width"] > MARGIN]
    assert boxes, "no graph was drawn"
    left, top = min(b["x"] for b in boxes) - MARGIN, min(b["y"] for b in boxes) - MARGIN
    right, bottom = max(b["x"] + b["width"] for b in boxes), max(b["y"] + b["height"] for b in boxes)
    return {"x": left, "y": top, "width": right - left + MARGIN, "height": bottom - top + MARGIN}


def _save_graph(shown: Page, name: str) -> None:
    area = _graph_area(shown)
    shown.evaluate(WITHOUT_CONTROLS)
    _save(shown, name, clip=area)


def _save(shown: Page, name: str, clip: FloatRect | None = None) -> None:
    shown.wait_for_timeout(SETTLE)
    path = IMAGES / name
    shown.screenshot(path=path, clip=clip)
    sys.stdout.write(f"{path.relative_to(PROJECT)}  {path.stat().st_size / 1024:,.0f} kB\n")


if __name__ == "__main__":
    main()
