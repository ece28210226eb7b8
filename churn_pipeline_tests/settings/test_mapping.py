from __future__ import annotations

from pathlib import Path

import pytest

from churn_pipeline.settings import SettingsError, load_settings
from churn_pipeline_tests.mappings import mapping


def test_a_mapping_file_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(mapping=tmp_path / "acme.yaml")
    first, do = str(refused.value).splitlines()
    assert first == f"the mapping file {tmp_path / 'acme.yaml'} cannot be read: No such file or directory"
    assert do.startswith("  do: see docs/mapping.md")


@pytest.mark.parametrize("text", ["- a list", "just words", "a: [", "settings: [1]"])
def test_a_file_that_is_no_mapping_is_named(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^the mapping file \S*acme\.yaml (is no YAML|holds no mapping)"):
        load_settings(mapping=mapping(tmp_path, text))
