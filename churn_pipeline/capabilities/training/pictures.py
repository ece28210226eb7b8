"""Pictures of a test: how well trials are told apart, whether the scores mean what they say, and how they are spread."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_pipeline.core.metrics import reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from churn_pipeline.capabilities.training.evaluation import Measured

MODEL, FLOOR, QUIET, INK = "#2f6f8f", "#d98c3f", "#b8bec5", "#2b2f33"


def pictures(tested: Measured) -> dict[str, bytes]:
    """PNG bytes by file name: roc, calibration, landmarks, scores. The same test gives the same bytes."""
    drawn = {"calibration.png": _calibration(tested), "scores.png": _scores(tested)}
    if tested.overall.auc is not None:
        drawn |= {"roc.png": _roc(tested), "landmarks.png": _landmarks(tested)}
    return {name: _png(figure) for name, figure in sorted(drawn.items())}


def roc(
    probability: NDArray[np.float64], converted: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The ROC curve: share of the others and of the converters that score at least each score, from (0, 0) to (1, 1)."""
    order = np.argsort(-probability, kind="stable")
    ranked, ones = probability[order], converted[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    hits, others = np.cumsum(ones)[last], np.cumsum(~ones)[last]
    return np.append(0.0, others / others[-1]), np.append(0.0, hits / hits[-1])


def _roc(tested: Measured) -> Figure:
    figure, axes = _canvas("ROC curve on the newest trials", "share of the others", "share of the converters")
    axes.plot([0, 1], [0, 1], color=QUIET, lw=1, ls=(0, (4, 3)))
    overall = tested.overall
    assert overall.auc is not None
    assert overall.floor_auc is not None
    curves = (
        (tested.floor_probability, FLOOR, 1.3, f"logistic regression, AUC {overall.floor_auc.mid:.3f}"),
        (tested.probability, MODEL, 2.2, f"model, AUC {overall.auc.mid:.3f}"),
    )
    for probability, colour, width, label in curves:
        axes.plot(*roc(probability, tested.converted), color=colour, lw=width, label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1.005), aspect="equal")
    axes.legend(loc="lower right", frameon=False)
    return figure


def _calibration(tested: Measured) -> Figure:
    figure, axes = _canvas("Predicted and actual conversion", "predicted probability", "share that converted")
    found = reliability(tested.probability, tested.converted)
    noise = 1.96 * np.sqrt(np.clip(found.observed * (1 - found.observed), 1e-4, None) / found.rows)
    most = min(1.0, 1.08 * float(max((found.observed + noise).max(), found.predicted.max())))
    axes.plot([0, 1], [0, 1], color=QUIET, lw=1, ls=(0, (4, 3)))
    axes.errorbar(
        found.predicted, found.observed, yerr=noise, color=MODEL, marker="o", ms=6, lw=1.6, elinewidth=1, capsize=2
    )
    axes.set(xlim=(0, most), ylim=(0, most), aspect="equal")
    remark = f"{len(tested.converted):,} snapshots in bins of equal size\nmean error {tested.overall.ece:.3f}"
    axes.text(0.98, 0.04, remark, **_remark(axes))
    return figure


def _landmarks(tested: Measured) -> Figure:
    figure, axes = _canvas("AUC by day of the trial", "day of the trial", "AUC")
    known = [(day, figures) for day, figures in tested.by_day.items() if figures.auc and figures.floor_auc]
    days = [day for day, _ in known]
    model = np.array([(f.auc.mid, f.auc.low, f.auc.high) for _, f in known if f.auc])
    floor = [f.floor_auc.mid for _, f in known if f.floor_auc]
    axes.axhline(0.5, color=QUIET, lw=1, ls=(0, (4, 3)))
    axes.fill_between(days, model[:, 1], model[:, 2], color=MODEL, alpha=0.15, lw=0, label="95 % interval")
    axes.plot(days, floor, color=FLOOR, lw=1.3, marker="o", ms=4, label="logistic regression")
    axes.plot(days, model[:, 0], color=MODEL, lw=2.2, marker="o", ms=6, label="model")
    axes.set(xticks=days, ylim=(min(0.48, float(model[:, 1].min()) - 0.02), 1.0))
    axes.legend(loc="upper left", frameon=False)
    return figure


def _scores(tested: Measured) -> Figure:
    figure, axes = _canvas("Scores of the newest trials", "conversion probability", "snapshots")
    bins = np.linspace(0, 1, 41)
    split = [tested.probability[~tested.converted], tested.probability[tested.converted]]
    axes.hist(split, bins=bins.tolist(), stacked=True, color=[QUIET, MODEL], label=["did not convert", "converted"])
    axes.set(xlim=(0, 1))
    axes.legend(loc="upper right", frameon=False)
    return figure


def _canvas(title: str, across: str, up: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 5.2), dpi=120, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", color=INK, pad=12)
    axes.set_xlabel(across, color=INK)
    axes.set_ylabel(up, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
    axes.tick_params(color=QUIET, labelcolor=INK)
    axes.grid(color=QUIET, alpha=0.3, lw=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _remark(axes: Axes) -> dict[str, Any]:
    return {"transform": axes.transAxes, "ha": "right", "color": INK, "fontsize": 9}


def _png(figure: Figure) -> bytes:
    written = io.BytesIO()
    figure.savefig(written, format="png", metadata={"Software": None})
    return written.getvalue()
