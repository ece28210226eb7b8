"""An asset that publishes a declared table: everything the UI shows about it comes from the declaration."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import dagster as dg

from churn_pipeline.contracts.spec import (
    Counts,
    Door,
    Flag,
    Instant,
    Integer,
    Json,
    Money,
    Numbers,
    OneOf,
    Real,
    Table,
    Type,
)
from churn_pipeline.orchestration.days import DAYS
from churn_pipeline.orchestration.memory import measured

OWNER = "team:data"
BY_HAND = {"churn/started": "by-hand"}
"""Tag of assets that nothing materializes but what a person asks for."""
WORDS = {
    Integer: "integer",
    Real: "double",
    Money: "decimal",
    Instant: "timestamp (UTC)",
    Flag: "boolean",
    Json: "json",
    Counts: "map",
    Numbers: "map",
}


def table_asset(
    table: Table,
    *,
    group: str,
    deps: Iterable[str] = (),
    kinds: Iterable[str] = (),
    owner: str = OWNER,
    **more: Any,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Make an asset of a function that writes one day of `table`; its docstring tells how, the table what."""

    def decorate(function: Callable[..., Any]) -> dg.AssetsDefinition:
        asset: dg.AssetsDefinition = dg.asset(
            name=table.name,
            description=f"{table.meaning}\n\n{(function.__doc__ or '').strip()}",
            partitions_def=DAYS,
            deps=list(deps),
            group_name=group,
            kinds=set(kinds) or kinds_of(table),
            owners=[owner],
            metadata=described(table),
            **more,
        )(measured(function))
        return asset

    return decorate


def raw_name(table: Table) -> str:
    """Name of a raw table before it has been checked."""
    return f"raw_{table.name}"


def table_spec(
    table: Table, *, group: str, deps: Sequence[str] = (), name: str | None = None, **more: Any
) -> dg.AssetSpec:
    """The same for one of several tables that one step writes; `name` where it is not the table's own."""
    return dg.AssetSpec(
        name or table.name,
        description=table.meaning,
        partitions_def=DAYS,
        deps=deps,
        group_name=group,
        kinds=kinds_of(table),
        owners=[OWNER],
        metadata=described(table),
        **more,
    )


def kinds_of(table: Table) -> set[str]:
    """What the table lives in, as the UI's badges."""
    return {"postgres", "table"} if table.door is Door.ANALYTICS else {"duckdb", "parquet"}


def described(table: Table) -> dict[str, Any]:
    """The metadata every publication of the table has: its columns with type, meaning and constraints."""
    place = f"analytics.{table.name}" if table.door is Door.ANALYTICS else f"lake: {table.name}"
    return {"dagster/column_schema": columns(table), "dagster/table_name": place}


def columns(table: Table) -> dg.TableSchema:
    """The declared columns as the UI shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=type_name(column.type),
                description=" ".join(
                    part
                    for part in (
                        column.meaning,
                        f"Unit: {column.unit}." if column.unit else "",
                        f"Null: {column.absent}." if column.null else "",
                    )
                    if part
                ),
                constraints=dg.TableColumnConstraints(
                    nullable=column.null,
                    unique=table.key == (column.name,),
                    other=["part of the key"] if column.name in table.key else [],
                ),
            )
            for column in table.columns
        ]
    )


def type_name(type_: Type) -> str:
    """A declared type in a word, for people."""
    return " | ".join(type_.words) if isinstance(type_, OneOf) else WORDS.get(type(type_), "text")
