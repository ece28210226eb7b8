"""What each column of a team's feature table is for: told from its values, and from how they go with the label."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.contracts.derive.reading import read_as
from churn_pipeline.contracts.feature_table import TableColumn, Use
from churn_pipeline.contracts.features.feature import Kind
from churn_pipeline.contracts.spec import Instant, Integer, Real
from churn_pipeline.core.metrics import auc

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    from numpy.typing import NDArray

NOT_KNOWN = ("na", "n/a", "nan", "null", "none", "?", "-")
"""Words that stand for a number, or a label, that is not known."""
READS = 0.99
"""Share of the values that have to read as numbers, or as moments, for a column to be one of them; the rows of the others are quarantined."""
LEAK_AUC = 0.98
"""A column that tells the outcome better than this by itself is taken for something that is only known after it."""
SURELY = 1e-6
"""A column that is filled for one outcome alone is a leak if that is less likely than this by chance."""
SAMPLE = 50_000
"""Labelled rows in which leaks are looked for."""
LEAST_OUTCOMES = 10
"""Rows of either outcome in the sample below which nothing is called a leak."""
FEW_VALUES = 50
"""Numbers of no more values than this may be codes: they are looked at as categories, too."""
ID_NAME = re.compile(r"(^|[_\s.-])(id|uuid|guid|key)$|[a-z](ID|Id)$", re.ASCII)
ID_DISTINCT = 0.9
"""Share of the filled rows that have a value of their own from which a column called like an id is one."""
UNIQUE_TEXT = 0.5
"""The same of texts, whatever they are called."""
LEAST_ROWS = 20
"""Rows below which no column is taken for an id by its values."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the values of a column look like. `numbers`, `integers` and `moments` are shares of the filled rows."""

    rows: int
    filled: int
    distinct: int
    numbers: float
    integers: float
    moments: float
    span: float
    """Largest number less the smallest; 0 where there are none."""
    filled_converted: int
    """Filled rows among those that converted, and among those that did not."""
    filled_others: int
    converted: int
    others: int
    auc: float | None
    """How well it tells the outcome alone, from 0.5 to 1; null where that was not looked at."""

    @property
    def kind(self) -> Kind:
        """How it is read, as far as its values tell."""
        return "number" if self.filled and self.numbers >= READS else "category"


def without_markers(text: str) -> str:
    """SQL: a number or a label as text, null where it says that it is not known."""
    return f"case when lower(trim({text})) not in ({', '.join(map(quoted, NOT_KNOWN))}) then {trimmed(text)} end"


def trimmed(text: str) -> str:
    """SQL: a text without blanks around it, null where nothing is left."""
    return f"nullif(trim({text}), '')"


def label_text(text: str, positive: str) -> str:
    """SQL: a label as text, null where it says that it is not known (unless that is the one that counts as converted)."""
    return trimmed(text) if positive.lower() in NOT_KNOWN else without_markers(text)


def judged(
    column: str,
    seen: Seen,
    *,
    keep: frozenset[str] = frozenset(),
    drop: frozenset[str] = frozenset(),
    kinds: Mapping[str, Kind] | None = None,
    before: TableColumn | None = None,
) -> TableColumn:
    """What a column is for: a feature, or left out and why. What a person says of it (`keep`, `drop`, `kinds`) wins.

    What it was on the day `before` it stays, in kind and as a feature: models that were trained on it score with it.
    """
    kind = (kinds or {}).get(column, before.kind if before else seen.kind)
    if column in drop:
        return TableColumn(column, kind, Use.LEFT_OUT, "asked for")
    if not seen.filled:
        return TableColumn(column, kind, Use.LEFT_OUT, "it is empty")
    because = useless(column, seen) or leaking(seen)
    stays = column in keep or (before is not None and before.use is Use.FEATURE)
    if because and not stays:
        return TableColumn(column, kind, Use.LEFT_OUT, because)
    return TableColumn(column, kind, Use.FEATURE, f"kept although {because}" if because else "")


def useless(column: str, seen: Seen) -> str:
    """Why a column can teach nothing that holds for other rows; empty where it can."""
    if seen.distinct == 1 and seen.filled == seen.rows:
        return "it is always the same"
    if seen.moments >= READS and seen.numbers < READS:
        return "it holds moments: make a number of days of it, or name it as the time"
    if seen.filled < LEAST_ROWS:
        return ""
    share = seen.distinct / seen.filled
    if ID_NAME.search(column) and share >= ID_DISTINCT:
        return "it looks like an id: nearly every row has a value of its own"
    if seen.integers == 1 and seen.distinct == seen.filled == seen.rows and seen.span < 1.5 * seen.rows:
        return "it numbers the rows"
    if seen.numbers < READS and share > UNIQUE_TEXT:
        return f"it is text of which {share:.0%} of the rows have one of their own"
    return ""


def leaking(seen: Seen) -> str:
    """Why a column seems to know the outcome; empty where it does not."""
    ones, zeros = seen.filled_converted, seen.filled_others
    labelled = seen.converted + seen.others
    if bool(ones) != bool(zeros) and labelled:
        share = (seen.converted if ones else seen.others) / labelled
        if share ** max(ones, zeros) < SURELY:
            which = "converted" if ones else "did not convert"
            return f"it may be a leak: it is filled only in rows that {which}"
    unlabelled = seen.rows - labelled
    if labelled and seen.filled == ones + zeros and (1 - seen.filled / labelled) ** unlabelled < SURELY:
        return "it may be a leak: it is filled in rows that have their label, and in none of those to score"
    if seen.auc is not None and seen.auc > LEAK_AUC:
        return f"it may be a leak: alone it tells the outcome with an AUC of {seen.auc:.3f}"
    return ""


def look(
    connection: duckdb.DuckDBPyConnection, rows: str, columns: tuple[str, ...], *, label: str, positive: str
) -> dict[str, Seen]:
    """What the columns of table `rows` (texts, all of them) look like, beside the label."""
    sample = _sample(connection, rows, columns, label, positive)
    return {column: _seen(connection, rows, column, label, positive, sample) for column in columns}


def _seen(
    connection: duckdb.DuckDBPyConnection, rows: str, column: str, label: str, positive: str, sample: pd.DataFrame
) -> Seen:
    value, text = name(column), trimmed(name(column))
    known = without_markers(value)
    number = read_as(Real(), known)
    converted = f"({label_text(name(label), positive)} = {quoted(positive)})"
    (found,) = connection.execute(
        f"select count(*), count({text}), count(distinct {text}), count({known}), count({number}), "
        f"count({read_as(Integer(), known)}), count({read_as(Instant(), text)}), coalesce(max({number}) - min({number}), 0), "
        f"count({text}) filter ({converted}), count({text}) filter (not {converted}), "
        f"count(*) filter ({converted}), count(*) filter (not {converted}) from {rows}"
    ).fetchall()
    total, filled, distinct, told, numbers, integers, moments, span, ones, zeros, converts, others = found
    seen = Seen(
        rows=total,
        filled=filled,
        distinct=distinct,
        numbers=numbers / told if told else 0.0,
        integers=integers / told if told else 0.0,
        moments=moments / filled if filled else 0.0,
        span=float(span),
        filled_converted=ones,
        filled_others=zeros,
        converted=converts,
        others=others,
        auc=None,
    )
    y = sample[label].to_numpy(dtype=bool)
    if min(int(y.sum()), int((~y).sum())) < LEAST_OUTCOMES or filled == 0:
        return seen
    return replace(seen, auc=_alone(sample[column], y, seen))


def _sample(
    connection: duckdb.DuckDBPyConnection, rows: str, columns: tuple[str, ...], label: str, positive: str
) -> pd.DataFrame:
    """Labelled rows, drawn by their place so that the same table gives the same ones; the label as true or false."""
    told = label_text(name(label), positive)
    texts = ", ".join(f"{trimmed(name(column))} as {name(column)}" for column in columns)
    return connection.execute(
        f"select {texts}, {told} = {quoted(positive)} as {name(label)} from {rows} where {told} is not null "
        f"order by md5_number_lower(rowid::varchar) limit {SAMPLE}"
    ).df()


def _alone(texts: pd.Series[str], y: NDArray[np.bool_], seen: Seen) -> float:
    """How well a column tells the outcome by itself: as a number from either end, as a category by the rates of its values."""
    import pandas as pd

    found = []
    if seen.kind == "number":
        values = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
        for end in (-np.inf, np.inf):  # nulls at either end
            area = auc(np.where(np.isnan(values), end, values), y)
            found.append(max(area, 1 - area))
    if seen.kind == "category" or seen.distinct <= FEW_VALUES:
        found.append(_by_rate(texts, y))
    return max(found)


def _by_rate(texts: pd.Series[str], y: NDArray[np.bool_]) -> float:
    """AUC of the rate that each value has in one half of the rows, on the other half; values not met before have the rate of all."""
    import pandas as pd

    learnt = np.arange(len(y)) % 2 == 0
    if min(y[~learnt].sum(), (~y[~learnt]).sum(), y[learnt].sum()) == 0:
        return 0.5
    keys = texts.fillna("\0")
    rates = pd.Series(y[learnt].astype(np.float64)).groupby(keys[learnt].to_numpy()).mean()
    said = keys[~learnt].map(rates).fillna(float(y[learnt].mean())).to_numpy(dtype=np.float64)
    return auc(said, y[~learnt])
