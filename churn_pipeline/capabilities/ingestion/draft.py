"""A guess, written as a mapping file that a person can go on with."""

from __future__ import annotations

import json
from collections.abc import Mapping

from churn_pipeline.adapters.sources.mapping import Files
from churn_pipeline.capabilities.ingestion.guess import Choice, Guess


def draft(guesses: tuple[Guess, ...], specs: Mapping[str, Files], *, business: str) -> str:
    """The text of a mapping file; what is unsure, or could not be found, is a comment that says so."""
    lines = [
        "# A guess by `churn source init`. Look at every line that is marked as unsure, then run `churn source check`.",
        f"business: {business}",
        "",
        "tables:",
    ]
    for guess in guesses:
        if not guess.of:
            lines += [f"  # unsure: {guess.table.name}: {guess.because}", ""]
            continue
        spec = specs[guess.of]
        said = [f"    {key}: {json.dumps(value)}" for key, value in (("delimiter", spec.delimiter),) if value != ","]
        lines += [f"  {guess.table.name}:", f"    from: {json.dumps(guess.of)}", *said, "    columns:"]
        lines += [line for choice in guess.choices for line in _line(guess, choice)]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _line(guess: Guess, choice: Choice) -> list[str]:
    mark = f"   # unsure: {choice.because}" if choice.unsure else ""
    if choice.constant is not None:
        return [f"      {choice.column}: {{constant: {choice.constant}}}{mark}"]
    if choice.derived:
        return [f"      {choice.column}: {{sql: {json.dumps(choice.derived)}}}{mark}"]
    if choice.taken is None:
        needed = not guess.table.column(choice.column).null
        return [f"      # unsure: {choice.column} is needed, and {choice.because}"] if needed else []
    column = json.dumps(choice.taken.column)
    taken = f"{{column: {column}, format: {json.dumps(choice.taken.format)}}}" if choice.taken.format else column
    return [f"      {choice.column}: {taken}{mark}"]
