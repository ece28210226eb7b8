"""Raw tables -> the data contract with whoever brings them: a page for people, and the Open Data Contract Standard for tools.

https://bitol-io.github.io/open-data-contract-standard/, version 3.2.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import yaml

from churn_pipeline.contracts.derive.dictionary import type_text
from churn_pipeline.contracts.derive.rules import Rule, all_rules
from churn_pipeline.contracts.spec import (
    Column,
    Flag,
    Instant,
    Integer,
    Money,
    OneOf,
    Presence,
    Privacy,
    Real,
    Table,
    Text,
    Type,
)

STANDARD = "v3.2.0"
FRESH_HOURS = 24
"""Hours within which a record has to arrive for the next night's scores."""
LOGICAL: dict[type, str] = {
    Integer: "integer",
    Real: "number",
    Money: "number",
    Instant: "timestamp",
    Flag: "boolean",
}
NEEDED = {
    Presence.REQUIRED: "required: nothing goes without it",
    Presence.FOR_TRAINING: "required to learn: without it the rules score",
    Presence.OPTIONAL: "optional: what needs it falls away",
}
DIMENSIONS = {
    "missing_key": "completeness",
    "null_": "completeness",
    "duplicate_key": "uniqueness",
    "conflicts_with_known": "consistency",
    "unknown_trial": "consistency",
    "in_the_future": "timeliness",
}
EXPECTED = {
    "columns": ("columns of the files, against the batch before", "conformity"),
    "volume": ("records of a day, by weekday", "completeness"),
    "null_rate": ("share of records without a value, per column", "completeness"),
    "new_values": ("share of records with a value not seen before, per column of words", "conformity"),
    "lost_value": ("share of records with a value that comes every day", "coverage"),
    "freshness": ("age of the newest record", "timeliness"),
    "late_share": ("share of records that become known more than a day after they happened", "timeliness"),
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What the settings add to the declarations. `owners` names who answers for a table, `levels` what an expectation may do."""

    business: str
    owners: Mapping[str, str]
    max_bad_share: float
    false_alarm: float
    window_days: int
    levels: Mapping[str, str]

    def owner(self, table: Table) -> str:
        """Who answers for a table."""
        return self.owners.get(table.name, self.owners["default"])


def contract_page(tables: Iterable[Table], terms: Terms) -> str:
    """The contract as one Markdown page."""
    return (
        "# Data contract\n\nGenerated from the contracts and the settings by `churn docs`; do not edit. What whoever brings the raw tables "
        "guarantees, how it is checked, and what happens where it is broken. The columns are in [the data dictionary]"
        "(data-dictionary.md#door-1-raw-tables). For tools, the same stands in [data-contract.odcs.yaml](data-contract.odcs.yaml) "
        "(Open Data Contract Standard); `churn source contract` writes it for your own business, with your owners.\n\n"
        "## For every table\n\n"
        f"- **Whole or not at all.** A damaged file, a missing column that may not be missing, or more than {terms.max_bad_share:.0%} bad rows: "
        "the batch is refused before anything is computed, and yesterday's scores stay.\n"
        "- **Bad rows.** A row that breaks a rule goes to quarantine (`data_quality_issues`) with file, line, rule and what to do; the others "
        "go on. [Repaired rows come back](operations.md#quarantine).\n"
        f"- **Fresh.** Records arrive within {FRESH_HOURS} hours of becoming known.\n"
        f"- **As before.** From 28 days on, the newest day is judged by the {terms.window_days} days before it: "
        + "; ".join(f"{words} ({terms.levels.get(kind, 'warn')})" for kind, (words, _) in EXPECTED.items())
        + f". A day on which nothing changed warns with probability {terms.false_alarm:g} at most, for each table.\n\n"
        + "\n".join(_chapter(table, terms) for table in tables)
    )


def _chapter(table: Table, terms: Terms) -> str:
    private = {
        kind: [c.name for c in table.columns if c.privacy is kind] for kind in (Privacy.PSEUDONYM, Privacy.PERSONAL)
    }
    facts = [
        f"Owner: {terms.owner(table)}.",
        f"Presence: {NEEDED[table.presence]}.",
        f"Unique: {', '.join(f'`{c}`' for c in table.key)}"
        + (f", in versions by `{table.versioned_by}`." if table.versioned_by else "; a record never changes."),
        f"Known at: {'the later of ' if len(table.known_at) > 1 else ''}{', '.join(f'`{c}`' for c in table.known_at)}.",
        *(
            f"{kind.value.capitalize()}: {', '.join(f'`{c}`' for c in columns)}."
            for kind, columns in private.items()
            if columns
        ),
    ]
    rows = "\n".join(f"| `{rule.name}` | {_plain(rule.allowed)} | {_plain(rule.do)} |" for rule in _rules(table))
    return (
        f"## {table.name}\n\n{table.meaning}\n\n"
        + "\n".join(f"- {fact}" for fact in facts)
        + (f"\n\n| rule | allowed | where it is broken |\n|---|---|---|\n{rows}\n")
    )


def odcs(tables: Iterable[Table], terms: Terms, *, version: str) -> str:
    """The contract as YAML in the Open Data Contract Standard."""
    tables = tuple(tables)
    document = {
        "apiVersion": STANDARD,
        "kind": "DataContract",
        "id": f"churn-pipeline-{terms.business}-raw",
        "name": f"Raw tables of {terms.business}",
        "version": version,
        "status": "active",
        "description": {
            "purpose": "What the daily scores of running trials are made from.",
            "limitations": "Personal columns are never model features and never in a log.",
        },
        "schema": [_schema(table, terms) for table in tables],
        "team": {"name": terms.owners["default"]},
        "slaProperties": [
            {"property": "latency", "value": FRESH_HOURS, "unit": "h", "element": f"{table.name}.{table.known_at[0]}"}
            for table in tables
        ],
    }
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    return text


def _schema(table: Table, terms: Terms) -> dict[str, Any]:
    return {
        "name": table.name,
        "physicalType": "table",
        "description": table.meaning,
        "dataGranularityDescription": f"One row for each {', '.join(table.key)}"
        + (f" and version ({table.versioned_by})" if table.versioned_by else ""),
        "customProperties": [
            {"property": "owner", "value": terms.owner(table)},
            {"property": "presence", "value": table.presence.value},
        ],
        "properties": [_property(table, column) for column in table.columns],
        "quality": [*_quality(table, terms)],
    }


def _property(table: Table, column: Column) -> dict[str, Any]:
    key = (
        {"primaryKey": True, "primaryKeyPosition": table.key.index(column.name) + 1} if column.name in table.key else {}
    )
    options = _options(column.type)
    return {
        "name": column.name,
        "description": column.meaning + (f" Null: {column.absent}." if column.null else ""),
        "logicalType": LOGICAL.get(type(column.type), "string"),
        "physicalType": type_text(column.type).replace("`", ""),
        "required": not column.null,
        **key,
        **({"logicalTypeOptions": options} if options else {}),
        **({"enum": [{"value": word} for word in column.type.words]} if isinstance(column.type, OneOf) else {}),
        **({"classification": column.privacy.value} if column.privacy is not Privacy.NONE else {}),
    }


def _options(type_: Type) -> dict[str, Any]:
    options: dict[str, Any]
    match type_:
        case Text(high, low, pattern):
            options = {"minLength": low or None, "maxLength": high, "pattern": pattern}
        case Integer(low, high) | Real(low, high):
            options = {"minimum": low, "maximum": high}
        case Money(low):
            options = {"minimum": low}
        case _:
            options = {}
    return {option: value for option, value in options.items() if value is not None}


def _quality(table: Table, terms: Terms) -> Iterator[dict[str, Any]]:
    """The row rules (each sends a row to quarantine), the share of bad rows (blocks), the learnt expectations."""
    for rule in _rules(table):
        yield {
            "name": rule.name,
            "type": "text",
            "description": f"{rule.column or 'the row'}: {rule.allowed}",
            "dimension": next((d for start, d in DIMENSIONS.items() if rule.name.startswith(start)), "conformity"),
            "severity": "warning",
            "businessImpact": "the row is quarantined",
        }
    yield {
        "name": "max_bad_share",
        "type": "text",
        "description": f"at most {terms.max_bad_share:.0%} of the rows break a rule",
        "dimension": "accuracy",
        "severity": "error",
        "businessImpact": "the batch is refused; yesterday's scores stay",
    }
    for kind, (words, dimension) in EXPECTED.items():
        if terms.levels.get(kind, "warn") != "off":
            yield {
                "name": f"expected_{kind}",
                "type": "text",
                "description": f"{words}: as on the {terms.window_days} days before",
                "dimension": dimension,
                "severity": "error" if terms.levels.get(kind) == "block" else "warning",
            }


def _rules(table: Table) -> tuple[Rule, ...]:
    return all_rules(table, read_at=datetime(1970, 1, 1, tzinfo=UTC))


def _plain(text: str) -> str:
    return text.replace("|", "\\|")
