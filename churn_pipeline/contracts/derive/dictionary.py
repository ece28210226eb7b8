"""Tables and features -> the data dictionary, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from churn_pipeline.contracts.features.feature import Feature, Learnt, Named
from churn_pipeline.contracts.spec import (
    Column,
    Counts,
    Door,
    Flag,
    Instant,
    Integer,
    Json,
    Money,
    Numbers,
    OneOf,
    Privacy,
    Real,
    Table,
    Text,
    Type,
)

PLAIN: dict[type, str] = {
    Integer: "integer",
    Real: "double",
    Money: "decimal",
    Instant: "timestamp",
    Flag: "boolean",
    Json: "JSON text",
    Counts: "map of counts",
    Numbers: "map of numbers",
}
CHAPTERS = {
    Door.RAW: ("Door 1: raw tables", "What a company brings, as files or through a mapping."),
    Door.LAKE: ("Between the doors", "Parquet in the lake, one file a day."),
    Door.ANALYTICS: (
        "Door 2: tables to read",
        "PostgreSQL, schema `analytics`. The same words stand in the database itself.",
    ),
}


def dictionary(
    tables: Iterable[Table], features: Iterable[Feature], named: Iterable[Named], learnt: Iterable[Learnt]
) -> str:
    """The whole dictionary as one Markdown text."""
    tables = tuple(tables)
    chapters = [
        f"## {title}\n\n{about}\n\n" + "\n".join(table_text(t) for t in tables if t.door is door)
        for door, (title, about) in CHAPTERS.items()
    ]
    return "\n".join(
        (
            "# Data dictionary\n\nGenerated from the contracts by `churn docs`; do not edit. All instants are UTC.\n",
            *chapters,
            features_text(features, named, learnt),
        )
    )


def table_text(table: Table) -> str:
    """One table: what it is, its key, its columns."""
    facts = [f"Key: {', '.join(f'`{name}`' for name in table.key)}."]
    if table.door is Door.RAW:
        facts.append(f"Presence: {table.presence.value.replace('_', ' ')}.")
    if table.known_at:
        facts.append(f"Known at: the later of {', '.join(f'`{name}`' for name in table.known_at)}.")
    if table.append_only:
        facts.append("Append-only.")
    rows = "\n".join(_row(column) for column in table.columns)
    return (
        f"### {table.name}\n\n{table.meaning} {' '.join(facts)}\n\n"
        f"| column | type | null | meaning |\n|---|---|---|---|\n{rows}\n"
    )


def features_text(features: Iterable[Feature], named: Iterable[Named], learnt: Iterable[Learnt]) -> str:
    """The features: family, unit, window, meaning, what a null means, what a source must have."""
    rows = [
        f"| `{f.name}` | {f.family} | {f.unit} | {f.window} | {_plain(f.meaning)} "
        f"| {f.absent or 'never'} | {', '.join(f'`{need}`' for need in f.needs)} |"
        for f in features
    ]
    rows += [
        f"| `{n.prefix}<name>` | {n.family} | {n.unit} | {n.window} | {_plain(n.meaning)} | {n.absent or 'never'} "
        f"| {', '.join(f'`{need}`' for need in n.needs)} |"
        for n in named
        if n.words
    ]
    rows += [
        f"| `{f.name}_<steps>` | {f.family} | {f.unit} | since the start | {_plain(f.meaning)} Learnt on the training cohorts, kept with the model. "
        f"| {f.absent or 'never'} | |"
        for f in learnt
    ]
    return (
        "## Features\n\nWhat a snapshot knows of a trial; a feature falls away where the source lacks what it needs.\n\n"
        "| feature | family | unit | window | meaning | null means | needs |\n|---|---|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def _row(column: Column) -> str:
    privacy = "" if column.privacy is Privacy.NONE else f" ({column.privacy.value})"
    unit = f" Unit: {column.unit}." if column.unit else ""
    null = f"yes: {column.absent}" if column.null else "no"
    return f"| {column.name} | {type_text(column.type)} | {null} | {_plain(column.meaning)}{unit}{privacy} |"


def type_text(type_: Type) -> str:
    """A declared type with its bounds, in words."""
    match type_:
        case Integer(low, high) | Real(low, high):
            return PLAIN[type(type_)] + _bounds(low, high)
        case Money(low):
            return PLAIN[Money] + _bounds(low, None)
        case OneOf(words):
            return " or ".join(f"`{word}`" for word in words)
        case Text(high, low, pattern):
            shape = f" like `{pattern}`" if pattern else ""
            return "text" + shape + (f" of {low}..{high} characters" if high and not pattern else "")
        case _:
            return PLAIN[type(type_)]


def _bounds(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f" {low:g}..{high:g}"
    if low is not None:
        return f" >= {low:g}"
    return f" <= {high:g}" if high is not None else ""


def _plain(text: str) -> str:
    return text.replace("|", "\\|")
