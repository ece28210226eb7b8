"""Rules in the words of who knows only the source: its own names of columns, and the format that the mapping reads them by."""

from __future__ import annotations

from dataclasses import replace

from churn_pipeline.adapters.sources.mapping import Mapped, Taken
from churn_pipeline.contracts.derive.rules import Rule


def in_source_words(rule: Rule, mapped: Mapped | None) -> Rule:
    """A rule whose column says where its values come from, and that allows what the mapping reads; as it is where no mapping takes the column.

    >>> from churn_pipeline.adapters.sources.mapping import Files
    >>> mapped = Mapped(files=Files(patterns=("e.csv",)), columns={"occurred_at": {"column": "when", "format": "%d/%m/%Y"}})
    >>> told = in_source_words(Rule("wrong_type_occurred_at", "occurred_at", "", "ISO 8601", "fix the value"), mapped)
    >>> told.column
    'occurred_at (your column when)'
    >>> told.allowed
    'what matches your format `%d/%m/%Y` or is ISO 8601; this does not match your format'
    """
    taken = mapped.columns.get(rule.column) if mapped is not None else None
    if taken is None:
        return rule
    told = replace(rule, column=f"{rule.column} ({_origin(taken)})") if taken.column != rule.column else rule
    if not rule.name.startswith("wrong_type"):
        return told
    if taken.format is not None:
        return replace(
            told,
            allowed=f"what matches your format `{taken.format}` or is ISO 8601; this does not match your format",
            do=f"fix the value, or `format` of column {rule.column} in the mapping (use `sql` for values of several formats)",
        )
    cast = f", read as {taken.cast} by `cast` of the mapping" if taken.cast is not None else ""
    return replace(told, allowed=f"{rule.allowed}{cast}")


def _origin(taken: Taken) -> str:
    if taken.column is not None:
        return f"your column {taken.column}"
    return "by SQL of your mapping" if taken.sql is not None else "a constant of your mapping"
