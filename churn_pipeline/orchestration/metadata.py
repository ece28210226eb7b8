"""What the UI shows of a materialization, made from plain values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from churn_pipeline.orchestration.pictures import as_markdown_image


def picture(png: bytes, words: str) -> dg.MetadataValue:
    """A picture; `words` say what it shows."""
    return dg.MetadataValue.md(as_markdown_image(png, words))


def link(address: str) -> dg.MetadataValue:
    """Something that the browser can open."""
    return dg.MetadataValue.url(address)


def model_page(address: str, model: str, version: str) -> dg.MetadataValue:
    """The page of a registered model's version in MLflow's UI at `address`."""
    return link(f"{address}/#/models/{model}/versions/{version}")


def run_page(address: str, run_id: str) -> dg.MetadataValue:
    """The page of a training run in MLflow's UI at `address`."""
    return link(f"{address}/#/runs/{run_id}")


def rows(headings: Sequence[str], lines: Iterable[Sequence[Any]]) -> dg.MetadataValue:
    """A small table."""
    head = f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}"
    return dg.MetadataValue.md("\n".join([head, *(f"| {' | '.join(_cell(c) for c in line)} |" for line in lines)]))


def finding(
    check: str, *, passed: bool, words: str, blocks: bool = True, asset: str | None = None, **more: Any
) -> dg.AssetCheckResult:
    """The result of a check: what it found as the description, and once more, for machines, in the metadata."""
    return dg.AssetCheckResult(
        check_name=check,
        asset_key=asset,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
        description=words.replace("\n", "  \n") or None,  # shown as Markdown: two spaces keep a line's end
        metadata={"because": dg.MetadataValue.md(f"```\n{words}\n```"), **more},
    )


def counts(counted: Mapping[str, int]) -> dict[str, int]:
    """Counts by name, the largest first."""
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _cell(value: Any) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")
