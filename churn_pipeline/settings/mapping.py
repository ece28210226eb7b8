"""The mapping file, as far as the settings need it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


class SettingsError(Exception):
    """Settings that cannot be used; names each with its reason, never with an address."""


def document(mapping: Path) -> dict[str, Any]:
    """The mapping file, as far as the settings need it; what else it says is checked where the source is opened.

    Raises:
        SettingsError: it cannot be read, or is no mapping.
    """
    do = "  do: see docs/mapping.md for what a mapping file is"
    try:
        read = yaml.safe_load(mapping.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"the mapping file {mapping} cannot be read: {reason}\n{do}") from None
    except yaml.YAMLError as error:
        reason = str(error).replace("\n", "\n  ")
        raise SettingsError(f"the mapping file {mapping} is no YAML: {reason}\n{do}") from None
    if not isinstance(read, dict) or not isinstance(read.get("settings") or {}, dict):
        raise SettingsError(
            f"the mapping file {mapping} holds no mapping\n  allowed: keys business, settings, files, tables, feature_table\n{do}"
        )
    return read
