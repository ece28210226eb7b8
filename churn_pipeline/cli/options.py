"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Source = Annotated[
    str | None,
    typer.Option(help="Folder of raw files, or address of a database; without it the demo business is simulated."),
]
Mapping = Annotated[
    Path | None,
    typer.Option(
        "--mapping",
        "--config",
        help="Mapping file that says how the files become the raw tables, or what a feature table is.",
    ),
]
Table = Annotated[
    str | None,
    typer.Option(
        "--table", help="Your own feature table: a file, or a table of the database that --source names. Needs --label."
    ),
]
Id = Annotated[
    str | None, typer.Option("--id", help="Its column of the entity; without one each row is called by its line.")
]
Label = Annotated[
    str | None, typer.Option("--label", help="Its column of the outcome; where that is empty a row is scored.")
]
Positive = Annotated[str | None, typer.Option("--positive", help="The label that counts as converted.")]
Time = Annotated[str | None, typer.Option("--time", help="Its column that says as of when a row holds, if it has one.")]
Segment = Annotated[str | None, typer.Option("--segment", help="Its column that becomes the segment of the scores.")]
Drop = Annotated[str | None, typer.Option("--drop", help="Its columns to leave out, apart by commas.")]
Keep = Annotated[str | None, typer.Option("--keep", help="Its columns to use that would be left out, apart by commas.")]
AsOf = Annotated[str | None, typer.Option(help="Day (YYYY-MM-DD) at whose midnight UTC the run stands.")]
HoldsFrom = Annotated[
    str | None,
    typer.Option("--as-of", help="Day (YYYY-MM-DD) from which on it holds; without it the newest scored day."),
]
OfRun = Annotated[
    str | None, typer.Option("--as-of", help="Day (YYYY-MM-DD) of the run; without it the newest that was read.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines: JSON instead of words.")]
