"""Mapping files: how files with other names become the raw tables. What can be written is shown in docs/mapping.md."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.contracts.spec import Table
from churn_pipeline.core.spelling import did_you_mean

CASTS = {
    "boolean": "boolean",
    "date": "date",
    "decimal": "decimal(18, 4)",
    "double": "double",
    "integer": "bigint",
    "text": "varchar",
    "timestamp": "timestamp",
}
"""The words of `cast`, which are those of the data dictionary, and the SQL types they mean."""

SQL_WORDS = {
    "bigint": "integer",
    "bool": "boolean",
    "datetime": "timestamp",
    "float": "double",
    "int": "integer",
    "money": "decimal",
    "numeric": "decimal",
    "real": "double",
    "string": "text",
    "varchar": "text",
}
"""What other systems call the types."""


class MappingError(Exception):
    """A mapping file says something that cannot be meant; the message lists every offence."""


def _as_list(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Files(_Strict):
    """One or more files of the same shape, and how to read them if they are text; of a database: tables, or a query."""

    patterns: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = Field((), alias="from")
    query: str | None = Field(None, description="A SELECT that the database itself answers.")
    delimiter: str = Field(",", description="One character, or `whitespace` for any run of blanks.")
    header: bool = True
    names: tuple[str, ...] = Field((), description="Names of the columns of files without a header.")
    encoding: str = "utf-8"

    @model_validator(mode="after")
    def _readable(self) -> Files:
        if bool(self.patterns) == bool(self.query):
            raise ValueError("say either `from` (files or tables) or `query` (a SELECT that the database answers)")
        if self.delimiter != "whitespace" and (len(self.delimiter) != 1 or self.delimiter in '"\n\r'):
            raise ValueError("delimiter: one character other than a quote or line break, or `whitespace`")
        if self.header == bool(self.names):
            raise ValueError("names: needed where `header: false`, and only there")
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ValueError(f"encoding: {self.encoding!r} is none; e.g. utf-8, utf-16, latin-1, cp1252") from None
        return self


def _apart(given: Any) -> Any:
    """What says how files are read, taken out of the keys that it is written among."""
    if not isinstance(given, dict):
        return given
    reading = {f.alias or key for key, f in Files.model_fields.items()}
    beside = {key: value for key, value in given.items() if key in reading}
    rest = {key: value for key, value in given.items() if key not in reading}
    return {**rest, "files": beside} if beside else rest


class Taken(_Strict):
    """Where the values of one contract column come from: exactly one of column, constant and sql."""

    column: str | None = None
    constant: str | int | float | bool | None = None
    sql: str | None = None
    cast: str | None = None
    format: str | None = Field(None, description="strptime format of a timestamp, e.g. `%d/%m/%Y %H:%M`.")

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, given: Any) -> Any:
        return {"column": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _one_origin(self) -> Taken:
        if len({"column", "constant", "sql"} & self.model_fields_set) != 1:
            raise ValueError("say exactly one of `column`, `constant` and `sql` (a bare name means `column`)")
        if self.format is not None and self.column is None:
            raise ValueError("format: goes with `column`")
        if self.cast is not None and self.cast not in CASTS:
            meant = did_you_mean(SQL_WORDS.get(self.cast.lower(), self.cast), CASTS)
            raise ValueError(f"cast: {self.cast!r} is no type{meant}; allowed: {', '.join(CASTS)}")
        return self


class Mapped(_Strict):
    """How one raw table is made: from files column by column, or by a whole SELECT over the named files."""

    files: Files | None = None
    columns: dict[str, Taken] = Field(default_factory=dict)
    where: str | None = None
    select: str | None = None
    deleted: Taken | None = Field(None, description="When, or whether, the source marks a record as deleted.")
    deletes: Literal["compare keys"] | None = Field(
        None, description="`compare keys`: what has landed and is not in the source any more was deleted."
    )
    cursor: str | None = Field(
        None, description="Column of the source that grows with each change; only newer rows are read."
    )

    @model_validator(mode="before")
    @classmethod
    def _files_beside(cls, given: Any) -> Any:
        return _apart(given)

    @model_validator(mode="after")
    def _one_way(self) -> Mapped:
        if (self.select is None) == (self.files is None):
            raise ValueError("say either `from` (files) or `select` (a SELECT over the files named at the top)")
        if self.select is not None and (self.columns or self.where or self.deleted):
            raise ValueError(
                "`columns`, `where` and `deleted` go with `from`; with `select`, write them into the SELECT"
            )
        if self.select is not None and self.cursor:
            raise ValueError("`cursor` goes with `from` or `query`; a SELECT needs all rows of what it reads")
        return self


class TableSpec(_Strict):
    """A team's own feature table (docs/feature-table.md): where it is, and which of its columns say who, what and when."""

    files: Files
    id: str | None = Field(None, description="Column of the entity; without one each row is called by its line.")
    label: str = Field(description="Column of the outcome; rows in which it is empty are scored.")
    positive: str = Field(description="The label that counts as converted.")
    time: str | None = Field(None, description="Column that says as of when a row holds.")
    time_format: str | None = Field(None, description="strptime format of the time, where it is not ISO 8601.")
    segment: str | None = Field(None, description="Column that becomes the segment of the scores.")
    drop: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = Field((), description="Columns to leave out.")
    keep: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = Field(
        (), description="Columns to use that would be left out."
    )
    kinds: dict[str, Literal["number", "category"]] = Field(
        default_factory=dict, description="How columns are read, where that was guessed wrongly."
    )

    @model_validator(mode="before")
    @classmethod
    def _files_beside(cls, given: Any) -> Any:
        return _apart(given)

    @field_validator("positive", mode="before")
    @classmethod
    def _as_written(cls, given: Any) -> Any:
        if isinstance(given, bool):
            raise ValueError("YAML takes yes, no, true and false for something else than a word: put it in quotes")
        return str(given) if isinstance(given, int | float) else given

    @model_validator(mode="after")
    def _one_use(self) -> TableSpec:
        roles = [column for column in (self.id, self.label, self.time) if column is not None]
        twice = sorted({column for column in roles if roles.count(column) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} cannot be two of id, label and time")
        segment = {self.segment} & {*roles, *self.drop} if self.segment else set[str]()
        if both := sorted(({*self.drop} & {*self.keep}) | ({*roles} & {*self.drop, *self.keep}) | segment):
            raise ValueError(f"{', '.join(both)} cannot be used in two ways (id, label, time, segment, drop, keep)")
        return self


class Mapping(_Strict):
    """A mapping file. `business` and `settings` are read by the settings."""

    business: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    files: dict[str, Files] = Field(default_factory=dict)
    tables: dict[str, Mapped] = Field(default_factory=dict)
    feature_table: TableSpec | None = Field(None, description="In the place of `files` and `tables`.")

    @model_validator(mode="after")
    def _in_the_contract(self) -> Mapping:
        if self.feature_table is not None and (self.tables or self.files):
            raise ValueError("feature_table: goes without `tables` and `files`; a business has one kind of source")
        declared = {table.name: table for table in RAW_TABLES}
        problems = [
            f"tables.{name}: no such raw table{did_you_mean(name, declared)}; allowed: {', '.join(declared)}"
            for name in self.tables.keys() - declared
        ]
        for name in self.tables.keys() & declared:
            problems += _unknown_columns(declared[name], self.tables[name])
        if problems:
            raise ValueError("\n".join(sorted(problems)))
        return self


def load_mapping(path: Path) -> Mapping:
    """The mapping a file holds.

    Raises:
        MappingError: it is no YAML, or breaks the rules of a mapping; every offence with its key.
    """
    if not path.is_file():
        raise MappingError(f"{path}: there is no such mapping file.\n  do: name an existing YAML file")
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise MappingError(f"{path}: not readable as YAML: {error}\n  do: fix the file at that place") from error
    if not isinstance(document, dict):
        raise MappingError(f"{path}: empty or not a mapping of keys.\n  allowed: {', '.join(Mapping.model_fields)}")
    try:
        return Mapping.model_validate(document)
    except ValidationError as error:
        raise MappingError(f"{path}: {error.error_count()} problems\n{_offences(error)}") from error


def mapped_tables(path: Path | None) -> dict[str, Mapped]:
    """How each raw table that a mapping file speaks of is made; none without a file.

    Raises:
        MappingError: as `load_mapping`.
    """
    return dict(load_mapping(path).tables) if path is not None else {}


def feature_table(path: Path | None) -> TableSpec:
    """What a mapping file says of a team's own feature table.

    Raises:
        MappingError: it says nothing of one, or breaks the rules of a mapping.
    """
    said = load_mapping(path).feature_table if path is not None else None
    if said is None:
        raise MappingError(f"{path or 'no mapping'}: names no `feature_table`\n  do: see docs/feature-table.md")
    return said


def _unknown_columns(table: Table, mapped: Mapped) -> list[str]:
    return [
        f"tables.{table.name}.columns.{column}: no column of the contract{did_you_mean(column, table.names)}; "
        f"allowed: {', '.join(table.names)}"
        for column in mapped.columns.keys() - set(table.names)
    ]


def _unknown_key(place: tuple[str | int, ...]) -> str:
    model = _model_at(place)
    allowed = [field.alias or key for key, field in model.model_fields.items()]
    if model in (Mapped, TableSpec):
        allowed = [key for key in allowed if key != "files"] + [f.alias or k for k, f in Files.model_fields.items()]
    return f"no such key{did_you_mean(str(place[-1]), allowed)}; allowed: {', '.join(allowed)}"


def _model_at(place: tuple[str | int, ...]) -> type[_Strict]:
    """What the keys beside the last one of a place describe."""
    match place:
        case ("tables", _, "columns", _, _):
            return Taken
        case ("files", _, _) | ("tables", _, "files", _) | ("feature_table", "files", _):
            return Files
        case ("feature_table", _):
            return TableSpec
        case ("tables", _, _):
            return Mapped
    return Mapping


def _offences(error: ValidationError) -> str:
    def line(offence: Any) -> str:
        place = ".".join(str(part) for part in offence["loc"]) or "(top)"
        unknown = offence["type"] == "extra_forbidden"
        message = _unknown_key(offence["loc"]) if unknown else offence["msg"].removeprefix("Value error, ")
        message = message.replace("\n", "\n    ")
        return f"  {place}: {message}"

    listed = "\n".join(line(offence) for offence in error.errors())
    return f"{listed}\n  do: fix these keys; docs/mapping.md shows every feature with an example"
