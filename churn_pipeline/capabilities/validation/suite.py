"""The one door of Great Expectations: a suite derived from the contract, run on a sample of the staged rows."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.contracts.spec import Column, Integer, Money, OneOf, Privacy, Real, Table, Text

if TYPE_CHECKING:
    import duckdb
    import great_expectations as gx
    import pandas as pd


EXAMPLES = ("partial_", "unexpected_list", "unexpected_index", "details")
"""How the parts of a result begin in which Great Expectations repeats values."""


class ValidationFaultError(Exception):
    """Great Expectations itself failed: an error of the machinery, which says nothing about the data."""


@dataclass(frozen=True, slots=True)
class Unmet:
    """An expectation that the sample does not meet. `share` is of the rows looked at; 1 for a column that is not there."""

    rule: str
    column: str
    expected: str
    share: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the suite found on the rows it looked at."""

    rows: int
    expectations: int
    unmet: tuple[Unmet, ...]
    page: str = ""
    """The same as Great Expectations shows it, as HTML; without personal values."""


def _library() -> tuple[Any, Any]:
    """Great Expectations and its expectations; what it imports is deprecated in Python's own library, which is not our news."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations as gx
        import great_expectations.expectations as gxe
    return gx, gxe


def sample(
    connection: duckdb.DuckDBPyConnection, table: Table, staged: str, *, given: tuple[str, ...], rows: int
) -> pd.DataFrame:
    """About `rows` staged rows (all, if there are no more), scattered, with the columns that the source has.

    They are drawn by a hash of their place: in a periodic export every n-th row may be of a kind.

    Left out are exact copies and lines that could not be read (both are counted exactly elsewhere). Beside each typed
    column stand `<column> as read` (its text) and `<column> readable` (whether the text says a value
    of the type).
    """
    columns = [expression for c in table.columns if c.name in given for expression in _looked_at(c)]
    step = f"(select greatest(1, ceil(count(*) / {rows}))::bigint from {staged} where _wrong is null and not _copy)"
    query = (
        f"select {', '.join(columns) or '1 as nothing'} from {staged} where _wrong is null and not _copy "
        f"and md5_number_lower(_row::varchar) % {step} = 0 order by _row"
    )
    return connection.execute(query).df()


def _looked_at(column: Column) -> Iterator[str]:
    value, misread = name(column.name), f"_misread[{quoted(column.name)}]"
    yield f"{value}::double as {value}" if isinstance(column.type, Money) else value
    yield f"coalesce({value}::varchar, {misread}) as {name(column.name + ' as read')}"
    yield f"{misread} is null as {name(column.name + ' readable')}"


def suite(table: Table, *, max_bad_share: float, filled: Mapping[str, float] | None = None) -> gx.ExpectationSuite:
    """The expectations that the contract of a table implies.

    `max_bad_share` of all rows may break each; `filled` is the share of non-null values per column (default 1), since
    Great Expectations leaves nulls out of its shares.
    """
    library, _ = _library()
    expectations = list(_expectations(table, max_bad_share=max_bad_share, filled=filled or {}))
    declared: gx.ExpectationSuite = library.ExpectationSuite(name=table.name, expectations=expectations)
    return declared


def _expectations(table: Table, *, max_bad_share: float, filled: Mapping[str, float]) -> Iterator[Any]:
    _, gxe = _library()
    for column in table.columns:
        mostly = _mostly(max_bad_share, filled.get(column.name, 1.0))
        if not column.null:
            yield gxe.ExpectColumnToExist(column=column.name, meta=_meta(f"missing_column_{column.name}", column.name))
            rule = "missing_key" if column.name in table.key else f"null_{column.name}"
            as_read = f"{column.name} as read"
            yield gxe.ExpectColumnValuesToNotBeNull(
                column=as_read, mostly=1 - max_bad_share, meta=_meta(rule, column.name)
            )
        yield gxe.ExpectColumnValuesToBeInSet(
            column=f"{column.name} readable",
            value_set=[True],
            mostly=1 - max_bad_share,
            meta=_meta(f"wrong_type_{column.name}", column.name),
        )
        yield from _bounds(column, mostly)
    identity = [
        *table.key,
        *([table.versioned_by] if table.versioned_by and table.versioned_by not in table.key else []),
    ]
    # of a pair with one key both rows are counted as unexpected, one of them is bad
    twice = max(0.0, 1 - 2 * max_bad_share)
    meta = _meta("duplicate_key", ", ".join(identity))
    if len(identity) == 1:
        yield gxe.ExpectColumnValuesToBeUnique(column=identity[0], mostly=twice, meta=meta)
    else:
        yield gxe.ExpectCompoundColumnsToBeUnique(
            column_list=identity, mostly=twice, ignore_row_if="any_value_is_missing", meta=meta
        )
    for first, second in table.ordered:
        yield gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=second,
            column_B=first,
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            mostly=_mostly(max_bad_share, filled.get(second, 1.0)),
            meta=_meta(f"{first}_after_{second}", first),
        )


def _bounds(column: Column, mostly: float) -> Iterator[Any]:
    _, gxe = _library()
    common: dict[str, Any] = {
        "column": column.name,
        "mostly": mostly,
        "meta": _meta(f"out_of_bounds_{column.name}", column.name),
    }
    match column.type:
        case Text(pattern=str(pattern)):
            yield gxe.ExpectColumnValuesToMatchRegex(regex=f"^(?:{pattern})$", **common)
        case Text(low=low, high=int(high)):
            yield gxe.ExpectColumnValueLengthsToBeBetween(min_value=low or None, max_value=high, **common)
        case OneOf(words=words):
            yield gxe.ExpectColumnValuesToBeInSet(value_set=list(words), **common)
        case (Integer(low=low) | Real(low=low) | Money(low=low)) as kind:
            high_end = None if isinstance(kind, Money) else kind.high
            if low is not None or high_end is not None:
                yield gxe.ExpectColumnValuesToBeBetween(min_value=low, max_value=high_end, **common)


def _mostly(max_bad_share: float, filled: float) -> float:
    return max(0.0, 1 - max_bad_share / filled) if filled else 0.0


def _meta(rule: str, column: str) -> dict[str, str]:
    return {"rule": rule, "of": column}


def run_suite(table: Table, frame: pd.DataFrame, *, max_bad_share: float) -> Outcome:
    """Run the suite of a table on a frame from `sample`. Expectations on columns that are not there are left out.

    `max_bad_share` is what the frame may hold: of a sample more than of the batch, see `allowed_in_sample`.

    Raises:
        ValidationFaultError: an expectation could not be evaluated.
    """
    library, _ = _library()
    filled = {str(c): float(frame[c].notna().mean()) for c in frame.columns} if len(frame) else {}
    declared = suite(table, max_bad_share=max_bad_share, filled=filled)
    applicable = [e for e in declared.expectations if _columns_of(e) <= {*map(str, frame.columns)} or _exists(e)]
    context = library.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("staged").add_dataframe_asset(table.name)
    batch = asset.add_batch_definition_whole_dataframe("sample").get_batch({"dataframe": frame})
    result = batch.validate(library.ExpectationSuite(name=table.name, expectations=applicable), result_format="BASIC")
    return replace(outcome(result.results, rows=len(frame)), page=_page(table, result))


def _page(table: Table, result: Any) -> str:
    """The page of a result, with examples of values where they are nobody's."""
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    personal = {c.name for c in table.columns if c.privacy is Privacy.PERSONAL}
    for one in result.results:
        if one.expectation_config.meta["of"] in personal:
            one.result = {key: value for key, value in one.result.items() if not key.startswith(EXAMPLES)}
    page: str = _view().render(ValidationResultsPageRenderer().render(result))
    return page


@cache
def _view() -> Any:
    """Great Expectations' page, with templates that are compiled once."""
    from great_expectations.render.view.view import DefaultJinjaPageView

    view: Any = DefaultJinjaPageView()
    return view


def allowed_in_sample(max_bad_share: float, *, sampled: int, rows: int) -> float:
    """The bad share up to which a sample of `sampled` of `rows` rows speaks for a batch within `max_bad_share`.

    Four standard errors above it (Wald, binomial): a batch that the exact count accepts is refused on a sample of it about
    three times in a hundred thousand.

    >>> allowed_in_sample(0.2, sampled=100, rows=100)
    0.2
    >>> round(allowed_in_sample(0.2, sampled=400, rows=9_000), 3)
    0.28
    """
    if sampled >= rows:
        return max_bad_share
    return min(1.0, max_bad_share + 4 * math.sqrt(max_bad_share * (1 - max_bad_share) / max(sampled, 1)))


def outcome(results: list[Any], *, rows: int) -> Outcome:
    """What a list of Great Expectations' results says.

    Raises:
        ValidationFaultError: one of them is an exception, which Great Expectations reports as if the data were bad.
    """
    faults = [fault for result in results for fault in _faults(result)]
    if faults:
        raise ValidationFaultError(
            "Great Expectations failed on its own; the data was not judged:\n"
            + "\n".join(f"  {fault}" for fault in faults)
            + "\n  do: run again; if it stays, this is a fault of the installation or of the suite"
        )
    return Outcome(rows, len(results), tuple(_unmet(result) for result in results if not result.success))


def _faults(result: Any) -> Iterator[str]:
    information = result.exception_info or {}
    nested = [information] if "raised_exception" in information else list(information.values())
    for entry in nested:
        if entry.get("raised_exception"):
            yield f"{result.expectation_config.type}: {entry.get('exception_message')}"


def _unmet(result: Any) -> Unmet:
    meta = result.expectation_config.meta
    share = result.result.get("unexpected_percent")
    return Unmet(
        rule=meta["rule"],
        column=meta["of"],
        expected=result.expectation_config.type,
        share=1.0 if share is None else float(share) / 100,
    )


def _exists(expectation: Any) -> bool:
    return type(expectation).__name__ == "ExpectColumnToExist"


def _columns_of(expectation: Any) -> set[str]:
    listed = getattr(expectation, "column_list", None) or []
    single = [getattr(expectation, attribute, None) for attribute in ("column", "column_A", "column_B")]
    return {*listed, *(column for column in single if column)}
