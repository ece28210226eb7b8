"""Data Docs: how Great Expectations itself shows what it found on a batch, as pages that stand by themselves.

Its own pages load scripts, styles and pictures from half a dozen servers, and are empty without them. Here they load nothing.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from datetime import datetime
from html import escape
from pathlib import Path

from churn_pipeline.capabilities.validation.batch import BatchVerdict

FOLDER = "data-docs"
"""Where the pages lie among the reports of a business."""
LOADED = re.compile(
    r"<script\b.*?</script>|<style\b.*?</style>|<link\b[^>]*>|<img\b[^>]*>|<footer\b.*?</footer>", re.DOTALL
)
"""What a page loads, or has only for what it loads."""
SUITE = re.compile(r'<a href="(?:\.\./)+expectations/[^"]*"\s*>(.*?)</a>', re.DOTALL)
HOME = re.compile(r'href="(?:\.\./)+index\.html"')
STYLE = """<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #222; margin: 0 auto; max-width: 1200px; padding: 0 1.5em 3em }
a { color: #0b5cad } ol, .nav { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .2em 1.2em }
h5 { font-size: 1.15em; margin: 1.5em 0 .3em; padding-top: .6em; border-top: 1px solid #ddd } h6, .h6 { font-size: 1em; font-weight: 600; margin: .6em 0 0 }
table { border-collapse: collapse; width: 100%; table-layout: auto } td, th { padding: .3em .8em .3em 0; border-bottom: 1px solid #eee; text-align: left; vertical-align: top }
.badge { background: #eef1f4; border-radius: 4px; padding: .05em .35em; font-size: .92em }
.text-success, .text-danger { font-style: normal; font-weight: 600 } .text-success { color: #14713d } .text-danger { color: #b3261e }
.fa-check-circle::before, .fa-check::before { content: "met" } .fa-times::before { content: "not met" } .fa-exclamation-triangle::before { content: "error" }
.card:has(.btn-group), a[data-toggle] { display: none }
</style>"""


def write_docs(verdicts: Iterable[BatchVerdict], folder: Path, *, as_of: datetime) -> None:
    """Replace the pages in a folder by those of a batch: `index.html`, and `<table>.html` of each table that was looked at."""
    shown = [verdict for verdict in verdicts if verdict.page]
    beside = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    for verdict in shown:
        (beside / page_of(verdict)).write_text(standing_alone(verdict.page), encoding="utf-8")
    (beside / "index.html").write_text(_index(shown, as_of), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)


def page_of(verdict: BatchVerdict) -> str:
    """The name of a table's page."""
    return f"{verdict.table}.html"


def standing_alone(page: str) -> str:
    """A page of Great Expectations that loads nothing, links to nothing that is not there, and has a style of its own."""
    alone = HOME.sub('href="index.html"', SUITE.sub(r"\1", LOADED.sub("", page)))
    return alone.replace("</head>", f"{STYLE}</head>", 1)


def _index(verdicts: list[BatchVerdict], as_of: datetime) -> str:
    rows = (
        "".join(
            f'<tr><td><a href="{page_of(v)}">{escape(v.table)}</a></td><td>{v.expectations - v.unmet:,} of {v.expectations:,} met</td>'
            f"<td>{v.looked_at:,} of {v.rows:,}</td></tr>"
            for v in verdicts
        )
        or "<tr><td>no table was looked at</td></tr>"
    )
    title = f"What Great Expectations found on the batch of {as_of:%Y-%m-%d}"
    return (
        f'<!DOCTYPE html><html><head><meta charset="UTF-8"><title>{title}</title>{STYLE}</head><body><h5>{title}</h5>'
        f"<table><tr><th>table</th><th>expectations</th><th>rows looked at</th></tr>{rows}</table></body></html>"
    )
