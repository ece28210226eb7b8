"""Table -> PostgreSQL: types, null rule, bounds, key, comments on the table and on every column, append-only rule.

Every function gives SQL text for one schema; nothing here talks to a database. A table that is there already is
brought up to its declaration by `evolve`: what is new holds for new rows, old rows stay as they are.
"""

from __future__ import annotations

from hashlib import sha256

from churn_pipeline.contracts.spec import (
    Column,
    Flag,
    Instant,
    Integer,
    Json,
    Money,
    OneOf,
    Real,
    Table,
    Text,
    Type,
    View,
)

REFUSAL = "refuse_to_change"
"""Name of the trigger function that keeps append-only tables."""


def postgres_type(type_: Type) -> str:
    """The PostgreSQL type that holds a declared type.

    Raises:
        TypeError: the type lives in the lake only.
    """
    match type_:
        case Integer():
            return "bigint"
        case Real():
            return "double precision"
        case Money():
            return "numeric(18, 4)"
        case Instant():
            return "timestamptz"
        case Flag():
            return "boolean"
        case Json():
            return "json"
        case Text() | OneOf():
            return "text"
    raise TypeError(f"{type_} has no place in PostgreSQL; it is for tables of the lake")


def spelt(type_: str) -> str:
    """A type of PostgreSQL, in one of the ways in which it may be written.

    >>> spelt("timestamp with time zone"), spelt("numeric(18, 4)")
    ('timestamptz', 'numeric(18,4)')
    """
    return type_.replace("timestamp with time zone", "timestamptz").replace(" ", "")


def allowed(column: Column) -> str:
    """SQL that is false for a value out of the declared bounds; empty where every value of the type is allowed.

    >>> allowed(Column("share", Real(0, 1), "A share."))
    '"share" >= 0 and "share" <= 1'
    """
    return " and ".join(_bounds(column.type, name(column.name)))


def _bounds(type_: Type, value: str) -> list[str]:
    match type_:
        case Real(low, high):
            # NaN is above infinity in PostgreSQL, so the upper bound keeps it out
            return [
                f"{value} >= {low}" if low is not None else f"{value} > '-Infinity'",
                f"{value} <= {high}" if high is not None else f"{value} < 'Infinity'",
            ]
        case Integer(low, high):
            return _between(value, low, high)
        case Money(low):
            return _between(value, low, None)
        case Text(high=high, low=low, pattern=pattern):
            shape = [] if pattern is None else [f"{value} ~ {text(f'^(?:{pattern})$')}"]
            return [*_between(f"char_length({value})", low or None, high), *shape]
        case OneOf(words):
            return [f"{value} in ({', '.join(text(word) for word in words)})"]
    return []


def _between(value: str, low: int | None, high: int | None) -> list[str]:
    return [
        *([f"{value} >= {low}"] if low is not None else []),
        *([f"{value} <= {high}"] if high is not None else []),
    ]


def create(table: Table, schema: str) -> list[str]:
    """Statements that make the table where it is not there, with its rules and comments."""
    parts = [_definition(column) for column in table.columns]
    parts += [f"constraint {name(rule)} check ({sql})" for rule, sql in checks(table).items()]
    parts.append(f"constraint {name(key_name(table))} primary key ({', '.join(name(c) for c in table.key)})")
    body = ",\n  ".join(parts)
    return [
        f"create table if not exists {_place(table, schema)} (\n  {body}\n)",
        *comments(table, schema),
        *(_append_only(table, schema) if table.append_only else []),
    ]


def evolve(table: Table, schema: str, *, there: tuple[str, ...], rules: tuple[str, ...]) -> list[str]:
    """Statements that bring a table with columns `there` and check constraints `rules` up to its declaration.

    New columns are added and bounds are replaced; both bind new rows only. Columns that are no longer declared keep
    their old values and become nullable, as nobody fills them any more.
    """
    place = _place(table, schema)
    new = [column for column in table.columns if column.name not in there]
    gone = [column for column in there if column not in table.names]
    free = [column.name for column in table.columns if column.null and column.name in there]
    bound = [column.name for column in table.columns if not column.null and column.name not in table.key]
    required = {f"{column}_required": f"{name(column)} is not null" for column in bound}
    return [
        *(f"alter table {place} drop constraint {name(rule)}" for rule in rules),
        *(f"alter table {place} add column {name(c.name)} {postgres_type(c.type)}" for c in new),
        *(f"alter table {place} alter column {name(column)} drop not null" for column in (*gone, *free)),
        *(
            f"alter table {place} add constraint {name(rule)} check ({sql}) not valid"
            for rule, sql in {**checks(table), **required}.items()
        ),
        *comments(table, schema),
        *(f"comment on column {place}.{name(column)} is 'No longer written.'" for column in gone),
        *(_append_only(table, schema) if table.append_only else []),
    ]


def checks(table: Table) -> dict[str, str]:
    """The check constraints of the table by name: one per bounded column, one per pair of ordered instants."""
    bounds = {f"{column.name}_allowed": allowed(column) for column in table.columns}
    order = {f"{first}_not_after_{second}": f"{name(first)} <= {name(second)}" for first, second in table.ordered}
    return {rule: sql for rule, sql in {**bounds, **order}.items() if sql}


def key_name(table: Table) -> str:
    """Name of the primary key."""
    return f"{table.name}_key"


def comments(table: Table, schema: str) -> list[str]:
    """COMMENT ON the table and on each of its columns."""
    place = _place(table, schema)
    return [
        f"comment on table {place} is {text(table.meaning)}",
        *(f"comment on column {place}.{name(c.name)} is {text(described(c))}" for c in table.columns),
    ]


def described(column: Column) -> str:
    """A column in words: meaning, unit, what a null means.

    >>> described(Column("age", Integer(0), "Age.", null=True, absent="not known", unit="years"))
    'Age. Unit: years. Null: not known.'
    """
    unit = f" Unit: {column.unit}." if column.unit else ""
    absent = f" Null: {column.absent}." if column.null and column.absent else ""
    return f"{column.meaning}{unit}{absent}"


def create_view(view: View, schema: str, *, there: tuple[str, ...] = ()) -> list[str]:
    """Statements that make a view, with comments; where it has columns already (`there`, in order), it is replaced.

    What somebody built on it stays as it is as long as its columns do: new ones come behind them. Where one of them is no
    longer declared, the view has to be dropped first, which the server refuses as long as something is built on it.
    """
    table, place = view.of, f"{name(schema)}.{name(view.name)}"
    kept = there if set(there) <= set(table.names) else ()
    columns = ", ".join(name(c) for c in dict.fromkeys((*kept, *table.names)))
    source, at = _place(table, schema), name(view.at)
    return [
        *([f"drop view {place}"] if there and not kept else []),
        f"create or replace view {place} as select distinct on ({name(view.per)}) {columns} from {source} "
        f"where {at} >= date_trunc('day', (select max({at}) from {source}), 'UTC') order by {name(view.per)}, {at} desc",
        f"comment on view {place} is {text(view.meaning)}",
        *(f"comment on column {place}.{name(c.name)} is {text(described(c))}" for c in table.columns),
    ]


def fingerprint(item: Table | View) -> str:
    """Changes when what is derived from the declaration changes."""
    statements = create_view(item, "s") if isinstance(item, View) else create(item, "s")
    return f"declared as {sha256(''.join(statements).encode()).hexdigest()[:16]}"


def refusal(schema: str) -> str:
    """The trigger function behind append-only tables."""
    return (
        f"create or replace function {name(schema)}.{REFUSAL}() returns trigger language plpgsql as "
        "$$ begin raise exception 'table % is append-only: rows are added, never changed or removed', tg_table_name; end $$"
    )


def _append_only(table: Table, schema: str) -> list[str]:
    place = _place(table, schema)
    return [
        f"drop trigger if exists append_only on {place}",
        f"create trigger append_only before update or delete or truncate on {place} "
        f"for each statement execute function {name(schema)}.{REFUSAL}()",
    ]


def _definition(column: Column) -> str:
    return f"{name(column.name)} {postgres_type(column.type)}{'' if column.null else ' not null'}"


def _place(table: Table, schema: str) -> str:
    return f"{name(schema)}.{name(table.name)}"


def name(identifier: str) -> str:
    """An identifier, quoted for SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def text(words: str) -> str:
    """A text as a SQL literal.

    >>> text("it's")
    "'it''s'"
    """
    return "'" + words.replace("'", "''") + "'"
