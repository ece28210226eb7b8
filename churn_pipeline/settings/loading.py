"""The settings of a process, read once at a composition root, with errors that people understand."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from churn_pipeline.core.spelling import did_you_mean, unknown_names
from churn_pipeline.settings.declared import NO_SETTINGS, Settings
from churn_pipeline.settings.mapping import SettingsError, document

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process: environment, mapping file, defaults.

    A variable that begins with `CHURN_` and is no setting changes nothing, which is said as a warning, once a process.

    Raises:
        SettingsError: a setting is out of its bounds or unknown, or the mapping file cannot be used; all offences at
            once, each with where it was set. Values are shown of what a mapping file sets, URLs excepted.
    """
    known = NO_SETTINGS | {f"CHURN_{name.upper()}" for name in Settings.model_fields}
    _warn_of(tuple(unknown_names(os.environ, known, what="setting", prefix="CHURN_")))
    try:
        return Settings(**overrides)
    except ValidationError as error:
        mapping = overrides.get("mapping") or os.environ.get("CHURN_MAPPING")
        lines = [f"  {_words(offence, Path(mapping) if mapping else None, overrides)}" for offence in error.errors()]
        # what was given may hold a password: it must not be shown, nor be found in the chain of errors
        raise SettingsError(
            "\n".join(["some settings cannot be used:", *lines, "  do: see docs/settings.md for what is allowed"])
        ) from None


@cache
def _warn_of(lines: tuple[str, ...]) -> None:
    if lines:
        told = "\n  ".join(lines)
        logging.getLogger(__name__).warning(
            "these environment variables change nothing:\n  %s\n  do: see docs/settings.md for those there are", told
        )


def _words(offence: ErrorDetails, mapping: Path | None, overrides: Mapping[str, Any]) -> str:
    reason = offence["msg"].removeprefix("Value error, ")
    if not offence["loc"]:
        return f"settings: {reason}"
    name, where = str(offence["loc"][0]), ".".join(map(str, offence["loc"]))
    variable = f"CHURN_{name.upper()}"
    if offence["type"] == "extra_forbidden":
        reason = f"no such setting{did_you_mean(name, Settings.model_fields)}"
    given = {key.upper() for key, word in os.environ.items() if word}
    if mapping is None or name in overrides or variable in given:
        return f"{variable}: {reason}"
    said = document(mapping)
    if name in (said.get("settings") or {}):
        shown = "" if name.endswith("_url") or "://" in str(offence["input"]) else f"; got {offence['input']!r}"
        return f"{mapping.name}: settings.{where}: {reason}{shown}"
    return f"{mapping.name}: {where}: {reason}; got {offence['input']!r}" if name in said else f"{variable}: {reason}"
