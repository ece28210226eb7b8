"""What a feature table holds and what each of its columns is for, before anything is run on it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

from churn_pipeline.cli.feature_table import FILE, edited
from churn_pipeline.cli.say import null_share, say
from churn_pipeline.core.clock import midnight
from churn_pipeline.settings import Settings

WIDEST = 28
"""Letters of a column's name that are shown in line."""


def check_table(settings: Settings, *, again: str = "") -> None:
    """Print what the table holds and what each column is for; exit with status 1 where a run on it would stop.

    `again` are the options by which a run is about the same table.
    """
    from churn_pipeline.adapters.lake import Lake
    from churn_pipeline.adapters.sources import opened
    from churn_pipeline.adapters.sources.mapping import feature_table
    from churn_pipeline.capabilities.ingestion.description import beside
    from churn_pipeline.capabilities.ingestion.feature_table import stage_feature_table
    from churn_pipeline.capabilities.validation.batch import check_batch

    now = datetime.now(UTC)
    with opened(settings) as source, beside(Lake.of(settings)) as lake:
        day = midnight(now.date())
        looked, staged = stage_feature_table(lake, source, feature_table(settings.mapping), as_of=day, read_at=now)
        verdict = check_batch(
            lake, looked.table.contract, as_of=day, max_bad_share=settings.max_bad_share, sample_rows=0
        )
    labels = ", ".join(
        f"{rows:,} {label}{' (counts as converted)' if label == looked.table.positive else ''}"
        for label, rows in looked.labels.items()
    )
    to_score = (
        f"{looked.unlabelled:,} without, to score"
        if looked.unlabelled
        else "every row has it: scored are those that models are only tested on"
    )
    null = partial(null_share, rows=looked.rows)
    lines = [
        f"{', '.join(file.file for file in staged.files)}: {looked.rows:,} rows; {looked.table.label}: {labels}; {to_score}",
        *(
            _line(
                column.name,
                column.kind if column.use == "feature" else column.use,
                null(looked.nulls.get(column.name, 0)),
                looked.seen.get(column.name),
                column.because,
            )
            for column in looked.table.columns
            if column not in looked.table.left_out
        ),
        *(["left out (use one all the same by --keep):"] if looked.table.left_out else []),
        *(
            _line(
                column.name, column.kind, null(looked.nulls[column.name]), looked.seen.get(column.name), column.because
            )
            for column in looked.table.left_out
        ),
        *([f"{verdict.bad_rows:,} rows would go to quarantine: {_broken(verdict.broken)}"] if verdict.bad_rows else []),
        *(
            ["a run would stop here:", *(f"  {problem}" for problem in verdict.problems)]
            if verdict.problems
            else ["fit for a run", _next(settings, again)]
        ),
    ]
    say("\n".join(lines))
    if verdict.problems:
        raise SystemExit(1)


def _next(settings: Settings, again: str) -> str:
    from churn_pipeline.cli.summary import command

    mine = settings.home / FILE
    if edited(mine):
        return f"next: `{command()} run --mapping {mine}`; a person wrote more into it than these options say, so that one stands"
    return f"next: {command()} run{again}"


def _line(column: str, kind: str, null: str, seen: Any, because: str) -> str:
    alone = f"AUC alone {seen.auc:.3f}" if seen is not None and seen.auc is not None else ""
    return f"  {column:<{WIDEST}} {kind:<9} {f'null {null}':<9} {alone:<16} {because}".rstrip()


def _broken(broken: dict[str, int]) -> str:
    return ", ".join(f"{rule} {rows:,}" for rule, rows in broken.items())
