"""Why a score is what it is: pushes in log-odds that add up to the shown probability, and the same in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_pipeline.contracts.analytics import SHOWN_REASONS
from churn_pipeline.core.schema import FeatureSchema, ModelFeature

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

TOLERANCE = 1e-4
"""Most that base and pushes may miss the log-odds of a score by: the rounding of 32-bit trees, with room."""
ROUNDING = 2e-5
"""Most that pushes may miss a margin by, before calibration, to be taken for the rounding of 32-bit trees (some 5e-6)."""
DEALT = 1e-3
"""Of the size of the pushes of a row, the share that their rounding has to stay below to be dealt out among them."""


class ReasonsError(Exception):
    """Reasons do not add up to the score they explain."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why each row has the log-odds it has. No push is ever computed as what the others leave; rounding alone is dealt out (`stretched`)."""

    names: tuple[str, ...]
    base_log_odds: float
    pushes: NDArray[np.float64]
    """(rows, names)."""
    log_odds: NDArray[np.float64]
    """(rows,): of the shown probability."""

    def __post_init__(self) -> None:
        """Refuse pushes that do not add up."""
        if not self.residue < TOLERANCE:
            worst = int(np.nanargmax(np.abs(self.rounding))) if np.isfinite(self.rounding).any() else 0
            raise ReasonsError(
                f"base and pushes miss the log-odds of the score by {self.residue:.2g} (row {worst}: base "
                f"{self.base_log_odds:.6g}, pushes {self.pushes[worst].sum():.6g}, log-odds {self.log_odds[worst]:.6g})."
                f"\n  allowed: less than {TOLERANCE:g}\n"
                "  do:      no scores with these reasons; check the contributions of each member against its margin"
            )

    @property
    def rounding(self) -> NDArray[np.float64]:
        """What floating point leaves between each score and its reasons: (rows,)."""
        return np.asarray(self.log_odds - self.base_log_odds - self.pushes.sum(axis=1))

    @property
    def residue(self) -> float:
        """The largest `rounding`; 0 where there are no rows."""
        return float(np.abs(self.rounding).max(initial=0.0))


def stretched(
    pushes: NDArray[np.float64], missed: NDArray[np.float64], stretch: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Pushes that miss the margin of their row by `missed`, times what the calibration stretches the row by: (rows, features).

    Where it is so steep that rounding alone would grow to `TOLERANCE`, the rounding is dealt out among the pushes in proportion to their size first: none
    changes by more than the share `DEALT`. What is more than rounding, or more of the pushes, is left for
    `Explanation` to refuse.
    """
    size = np.abs(pushes).sum(axis=1)
    rounding = (np.abs(missed) < ROUNDING) & (np.abs(missed) < DEALT * size)
    steep = rounding & (np.abs(missed * stretch) >= 0.99 * TOLERANCE)
    dealt = pushes.copy()
    dealt[steep] += np.abs(pushes[steep]) * (missed[steep] / size[steep])[:, None]
    return np.asarray(dealt * stretch[:, None])


def reasons(
    explanation: Explanation, frame: pd.DataFrame, schema: FeatureSchema, *, shown: int = SHOWN_REASONS
) -> pd.DataFrame:
    """The reason columns of `scores`, on the index of `frame`: base_log_odds, reason_1_feature .., other_log_odds.

    Shown are the largest pushes, up or down; equal ones by name. `other_log_odds` is the sum of all other pushes plus
    the rounding of the row, which `Explanation` has bounded. A model of fewer features leaves the last reasons null.
    """
    import pandas as pd

    by_name = np.argsort(explanation.names, kind="stable")
    order = by_name[np.argsort(-np.abs(explanation.pushes[:, by_name]), axis=1, kind="stable")]
    top = np.take_along_axis(explanation.pushes, order[:, :shown], axis=1)
    rest = np.take_along_axis(explanation.pushes, order[:, shown:], axis=1)
    columns: dict[str, Any] = {"base_log_odds": np.full(len(frame), explanation.base_log_odds)}
    features = [schema.by_name[name] for name in explanation.names]
    values = [feature.column(frame) for feature in features]
    for place in range(shown):
        columns |= _reason(place, order, top, features, values)
    # base + shown + other gives the log-odds of the row to the last bit but one
    columns["other_log_odds"] = rest.sum(axis=1) + explanation.rounding
    # texts as objects, whatever is among them: a day of one trial has the same types as a day of many
    texts = {name for name in columns if name.endswith(("_feature", "_value", "_words"))}
    typed = {name: pd.Series(v, frame.index, object if name in texts else float) for name, v in columns.items()}
    return pd.DataFrame(typed, index=frame.index)


def words(feature: ModelFeature, value: float | str | None, push: float) -> str:
    """One reason in plain words.

    >>> invited = ModelFeature("invites", "number", says="invited {value:.0f} teammates")
    >>> words(invited, 3.0, 0.4)
    'invited 3 teammates: pushes up'
    >>> words(ModelFeature("company_size", "number"), None, -0.1)
    'company size is unknown: pushes down'
    """
    plain = feature.name.replace("_", " ")
    if value is None:
        said = feature.lacks or f"{plain} is unknown"
    else:
        said = feature.says.format(value=value) if feature.says else f"{plain} is {_text(value)}"
    return f"{said}: {'pushes up' if push > 0 else 'pushes down' if push < 0 else 'has no effect'}"


def _reason(
    place: int,
    order: NDArray[np.intp],
    top: NDArray[np.float64],
    features: Sequence[ModelFeature],
    values: Sequence[NDArray[Any]],
) -> dict[str, Any]:
    name = f"reason_{place + 1}"
    rows = len(order)
    if place >= len(features):
        blank: list[str | None] = [None] * rows
        nothing = np.full(rows, np.nan)
        return {f"{name}_feature": blank, f"{name}_value": blank, f"{name}_push": nothing, f"{name}_words": blank}
    chosen, pushes = order[:, place].tolist(), top[:, place]
    shown = _picked(values, order[:, place]).tolist()
    told = zip(chosen, shown, pushes.tolist(), strict=True)
    return {
        f"{name}_feature": [features[feature].name for feature in chosen],
        f"{name}_value": [None if value is None else _text(value) for value in shown],
        f"{name}_push": pushes,
        f"{name}_words": [words(features[feature], value, push) for feature, value, push in told],
    }


def _picked(values: Sequence[NDArray[Any]], chosen: NDArray[np.intp]) -> NDArray[np.object_]:
    """Of each row the value of its chosen feature, null as None."""
    import pandas as pd

    picked = np.empty(len(chosen), dtype=object)
    for feature in np.unique(chosen):
        rows = chosen == feature
        picked[rows] = values[feature][rows]
    picked[pd.isna(picked)] = None
    return picked


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
