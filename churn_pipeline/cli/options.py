"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Source = Annotated[
    str | None,
    typer.Option(help="Folder of raw files, or address of a database; without it the demo business is simulated."),
]
Mapping = Annotated[Path | None, typer.Option(help="Mapping file that says how the files become the raw tables.")]
AsOf = Annotated[str | None, typer.Option(help="Day (YYYY-MM-DD) at whose midnight UTC the run stands.")]
HoldsFrom = Annotated[
    str | None,
    typer.Option("--as-of", help="Day (YYYY-MM-DD) from which on it holds; without it the newest scored day."),
]
OfRun = Annotated[
    str | None, typer.Option("--as-of", help="Day (YYYY-MM-DD) of the run; without it the newest that was read.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines: one JSON object instead of words.")]
