"""The pictures people see in the UI: one style, 700 pixels wide, as PNG bytes.

Every picture says its finding in the title, its sample in the axis, and its doubt as an interval.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_pipeline.core.metrics import Interval, auc, ece, reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

WIDTH, DOTS = 7.0, 100
"""Inches and dots an inch: 700 pixels."""

INK, QUIET, GRID = "#1f2933", "#7b8794", "#e4e7eb"
BLUE, RED, GREEN, AMBER = "#2563a8", "#c8553d", "#2e8b6f", "#b7791f"
"""Told apart by colour-blind readers too, and by lightness in print."""

STYLE: Mapping[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.framealpha": 0.9,
    "legend.edgecolor": "white",
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
}
MOST_BARS = 20
Z = 1.96


def as_markdown_image(png: bytes, words: str = "") -> str:
    """A picture as Markdown that needs no server: a data URI. `words` is what a reader without pictures gets.

    >>> as_markdown_image(b"png", "the ROC curve")
    '![the ROC curve](data:image/png;base64,cG5n)'
    """
    return f"![{words}](data:image/png;base64,{b64encode(png).decode()})"


def roc(labels: ArrayLike, scores: ArrayLike, *, compared: Mapping[str, ArrayLike] | None = None) -> bytes:
    """The ROC curve of scores, beside those of others on the same labels.

    Raises:
        MetricError: only one of the labels occurs.
    """
    area = auc(scores, labels)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (4, 4)))
        for (name, values), colour in zip((compared or {}).items(), (AMBER, GREEN, RED, QUIET), strict=False):
            curve = roc_curve(labels, values)
            axes.plot(*curve, color=colour, linewidth=1.5, label=f"{name}: {auc(values, labels):.3f}")
        false, true = roc_curve(labels, scores)
        axes.plot(false, true, color=BLUE, label=f"these scores: {area:.3f}")
        axes.fill_between(false, true, color=BLUE, alpha=0.08, linewidth=0)
        axes.set(
            xlim=(-0.01, 1.01),
            ylim=(-0.01, 1.01),
            aspect="equal",
            title=f"Area under the ROC curve {area:.3f}",
        )
        axes.set(xlabel="share of the lost trials that score above", ylabel="share of the converted that score above")
        if compared:
            axes.legend(loc="lower right")

    return _png(draw, height=5.0)


def calibration(labels: ArrayLike, scores: ArrayLike, *, bins: int = 10) -> bytes:
    """What was predicted against what came true, in bins of equal mass, with 95 % intervals (Wilson 1927)."""
    found = reliability(scores, labels, bins=bins)
    low, high = wilson(found.observed, found.rows)

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        above.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (4, 4)))
        above.errorbar(
            found.predicted,
            found.observed,
            yerr=[np.maximum(found.observed - low, 0), np.maximum(high - found.observed, 0)],
            color=BLUE,
            marker="o",
            markersize=5,
            linewidth=1.5,
            elinewidth=1.2,
            capsize=3,
        )
        above.set(ylim=(-0.02, 1.02), ylabel="share that converted")
        above.set_title(f"Calibration: off by {ece(scores, labels, bins=bins):.3f} on average (ECE)")
        below.hist(np.asarray(scores, dtype=np.float64), bins=np.linspace(0, 1, 41).tolist(), color=BLUE, alpha=0.5)
        below.set(xlim=(-0.01, 1.01), ylabel="snapshots")
        below.set_xlabel(f"predicted probability, {int(found.rows.sum()):,} snapshots in {_bins(found.rows)}")
        below.grid(axis="x", visible=False)

    return _png(draw, height=5.4)


def score_histogram(scores: ArrayLike, thresholds: tuple[float, float]) -> bytes:
    """How many trials have which score, in the colours of the buckets; `thresholds` are the ends of at_risk and middle."""
    values = np.asarray(scores, dtype=np.float64)
    at_risk, hot = thresholds
    buckets = (
        ("at risk", values < at_risk, RED),
        ("middle", (values >= at_risk) & (values <= hot), QUIET),
        ("hot", values > hot, GREEN),
    )

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        edges = np.linspace(0, 1, 41).tolist()
        chosen = [values[chosen] for _, chosen, _ in buckets]
        labels = [f"{name}: {int(rows.sum()):,} ({_percent(rows)})" for name, rows, _ in buckets]
        axes.hist(chosen, bins=edges, stacked=True, color=[c for _, _, c in buckets], label=labels, rwidth=0.92)
        for threshold in thresholds:
            axes.axvline(threshold, color=INK, linewidth=1, linestyle=(0, (4, 4)))
        axes.set(
            xlim=(0, 1),
            xlabel="probability that the trial converts",
            ylabel="trials",
            title=f"Scores of {len(values):,} running trials",
        )
        axes.grid(axis="x", visible=False)
        axes.legend(loc="upper right")

    return _png(draw)


def scores_by_outcome(labels: ArrayLike, scores: ArrayLike) -> bytes:
    """How the scores of those who converted lie among those of the others."""
    values, converted = np.asarray(scores, dtype=np.float64), np.asarray(labels).astype(bool)
    split = (("did not convert", ~converted, QUIET), ("converted", converted, GREEN))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.hist(
            [values[rows] for _, rows, _ in split],
            bins=np.linspace(0, 1, 41).tolist(),
            stacked=True,
            color=[colour for _, _, colour in split],
            label=[f"{name}: {int(rows.sum()):,} ({_percent(rows)})" for name, rows, _ in split],
            rwidth=0.92,
        )
        axes.set(xlim=(0, 1), xlabel="predicted probability that the trial converts", ylabel="snapshots")
        axes.set_title("What was predicted of those who converted, and of the others")
        axes.grid(axis="x", visible=False)
        axes.legend(loc="upper right")

    return _png(draw)


def auc_by_landmark(
    areas: Mapping[int, Interval], *, compared: Mapping[str, Mapping[int, float]] | None = None
) -> bytes:
    """The AUC at each trial day with its interval, beside that of others by name."""
    days = sorted(areas)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _band(axes, days, [areas[day] for day in days], BLUE, "these scores")
        for (name, others), colour in zip((compared or {}).items(), (AMBER, GREEN, RED, QUIET), strict=False):
            known = sorted(others)
            values = [others[day] for day in known]
            axes.plot(known, values, color=colour, linewidth=1.5, marker="o", markersize=3.5, label=name)
        if compared:
            axes.legend(loc="upper left")
        axes.axhline(0.5, color=QUIET, linewidth=1)
        axes.set(xticks=days, xlabel="trial day", ylabel="AUC", title="How early the outcome can be told")

    return _png(draw)


def performance_over_time(days: Sequence[datetime], areas: Sequence[Interval], *, bound: float) -> bytes:
    """The AUC of the trials that matured last, day after day, with its interval and the bound below which it is degraded."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _band(axes, list(days), areas, BLUE, "AUC")
        axes.axhline(bound, color=RED, linewidth=1.2, linestyle=(0, (4, 4)))
        axes.annotate(
            f"bound {bound:g}",
            (0.995, bound),
            (0, 3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            color=RED,
            fontsize=9,
        )
        last = (
            f": {areas[-1].mid:.3f} ({areas[-1].low:.3f}..{areas[-1].high:.3f})" if areas else ": nothing matured yet"
        )
        axes.set(ylabel="AUC", title="Performance on matured trials" + last)
        figure.autofmt_xdate(rotation=30)

    return _png(draw)


def drift_bars(features: Sequence[str], multiples: ArrayLike) -> bytes:
    """The distance of each feature as a multiple of its threshold, farthest first as given; beyond 1 it drifted."""
    far = np.asarray(multiples, dtype=np.float64)
    bars = far[:MOST_BARS][::-1]
    shown = [_short(feature) for feature in features[:MOST_BARS][::-1]]
    drifted = int((far > 1).sum())
    rest = "" if len(far) <= MOST_BARS else f" (the farthest {MOST_BARS})"

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.barh(range(len(shown)), bars, color=[RED if bar > 1 else BLUE for bar in bars], height=0.7)
        axes.axvline(1, color=INK, linewidth=1.2, linestyle=(0, (4, 4)))
        for place, bar in enumerate(bars):
            beside = max(bar, 1)  # never across the line
            axes.annotate(f"{bar:.2f}", (beside, place), (4, 0), textcoords="offset points", va="center", fontsize=8)
        axes.set_yticks(range(len(shown)), shown)
        axes.set(
            xlim=(0, max(1.15, float(far.max(initial=0)) * 1.12)),
            xlabel="distance (PSI) as a multiple of its threshold" + rest,
        )
        axes.set_title(f"Drift: {drifted} of {len(far)} moved beyond their threshold")
        axes.grid(axis="y", visible=False)

    return _png(draw, height=1.6 + 0.26 * max(len(shown), 1))


def searches(
    losses: Mapping[str, Sequence[float]],
    *,
    seconds: Mapping[str, Sequence[float]],
    pruned: Mapping[str, Sequence[bool]],
    importance: Mapping[str, Mapping[str, float]],
) -> bytes:
    """How each search for parameters went, by name of what was tuned: each tuning trial as a line as long as it took, at its loss (a pruned one
    at the last that was seen of it), the best so far, and beside it what share of the differences each parameter answers for."""
    best = min(losses, key=lambda name: _best(losses[name], pruned[name])[-1])
    tried = sum(map(len, losses.values()))

    def draw(figure: Figure) -> None:
        panels = figure.subplots(len(losses), 2, squeeze=False, width_ratios=(3, 2))
        for name, (way, shares) in zip(losses, panels, strict=True):
            _way(way, name, np.asarray(losses[name]), np.asarray(seconds[name]), np.asarray(pruned[name], dtype=bool))
            _shares(shares, importance.get(name, {}), whole=int(np.sum(~np.asarray(pruned[name], dtype=bool))))
        figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower left", ncols=3, fontsize=8)
        panels[-1][0].set_xlabel("seconds of work")
        panels[-1][1].set_xlabel("share, of 1")
        figure.suptitle(
            f"Best of {tried} tuning trials: {best}, log loss {_best(losses[best], pruned[best])[-1]:.4f}",
            x=0.01, ha="left", fontsize=12, fontweight="bold",
        )  # fmt: skip

    return _png(draw, height=0.9 + 2.5 * len(losses))


def wilson(share: NDArray[np.float64], rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % interval of a share of so many rows (Wilson 1927, JASA 22, eq. 8)."""
    centre = (share + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
    half = Z / (1 + Z**2 / rows) * np.sqrt(share * (1 - share) / rows + Z**2 / (4 * rows**2))
    return centre - half, centre + half


def roc_curve(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of the others and of the converted at or above each score, from (0, 0) to (1, 1); equal scores are one step."""
    values, positive = np.asarray(scores, dtype=np.float64), np.asarray(labels).astype(bool)
    _, code = np.unique(-values, return_inverse=True)
    true = np.cumsum(np.bincount(code, positive))
    false = np.cumsum(np.bincount(code, ~positive))
    return np.append(0.0, false / false[-1]), np.append(0.0, true / true[-1])


def _png(draw: Callable[[Figure], None], *, height: float = 4.2) -> bytes:
    """Draw on a figure of its own, without pyplot's list of open figures: nothing is left behind."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(WIDTH, height), dpi=DOTS, layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        draw(figure)
        written = BytesIO()
        figure.savefig(written, format="png", metadata={"Software": None})
    return written.getvalue()


def _best(losses: ArrayLike, pruned: ArrayLike) -> NDArray[np.float64]:
    """The least loss of a whole tuning trial so far."""
    best: NDArray[np.float64] = np.minimum.accumulate(np.where(pruned, np.inf, losses))
    return best


def _way(
    axes: Axes, name: str, losses: NDArray[np.float64], seconds: NDArray[np.float64], pruned: NDArray[np.bool_]
) -> None:
    end = np.cumsum(seconds)
    begin, best = end - seconds, _best(losses, pruned)
    low, high = float(best[-1]), float(losses[~pruned].max())
    top = high + 0.25 * max(high - low, 0.001)
    for label, chosen, colour in (("whole", ~pruned, BLUE), ("pruned, at the last loss seen", pruned, AMBER)):
        axes.hlines(np.minimum(losses, top)[chosen], begin[chosen], end[chosen], color=colour, linewidth=3, label=label)
    axes.step(end, best, where="post", color=GREEN, linewidth=1.2, label="best so far")
    place = int(np.argmin(np.where(pruned, np.inf, losses)))
    middle = (begin[place] + end[place]) / 2
    axes.annotate(
        f"no. {place + 1}", (middle, low), (0, -12), textcoords="offset points", ha="center", fontsize=8, color=GREEN
    )
    axes.set(ylabel="log loss", ylim=(low - 0.25 * (top - low), top + 0.05 * (top - low)))
    axes.set_title(f"{name}: {len(losses)} tuning trials, {int(pruned.sum())} pruned", fontsize=10)


def _shares(axes: Axes, importance: Mapping[str, float], *, whole: int) -> None:
    ranked = sorted(importance.items(), key=lambda item: item[1])
    if not ranked:
        axes.set_axis_off()
        axes.text(0.5, 0.5, f"too few whole trials ({whole})\nto tell parameters apart", ha="center", color=QUIET)
        return
    axes.barh([_short(name) for name, _ in ranked], [share for _, share in ranked], color=BLUE, height=0.6)
    axes.set_title(f"importance, {whole} whole ones", fontsize=10)
    axes.set_xlim(0, 1)
    axes.grid(axis="y", visible=False)


def _band(axes: Axes, x: Sequence[Any], areas: Sequence[Interval], colour: str, label: str) -> None:
    axes.fill_between(x, [a.low for a in areas], [a.high for a in areas], color=colour, alpha=0.15, linewidth=0)
    axes.plot(x, [a.mid for a in areas], color=colour, marker="o", markersize=4.5, label=label)


def _bins(rows: NDArray[np.int64]) -> str:
    """How many bins, and of how many rows.

    >>> _bins(np.array([10, 11, 10])), _bins(np.array([7]))
    ('3 bins of 10 to 11', '1 bin of 7')
    """
    least, most = int(rows.min()), int(rows.max())
    return f"{len(rows)} bin{'s' if len(rows) > 1 else ''} of {least:,}" + (f" to {most:,}" if most > least else "")


def _percent(rows: NDArray[np.bool_]) -> str:
    return f"{rows.mean():.0%}" if len(rows) else "0%"


def _short(name: str) -> str:
    return name if len(name) <= 32 else name[:31] + "…"
