from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from churn_pipeline.contracts.analytics import DATA_EXPECTATIONS
from churn_pipeline.contracts.spec import OneOf
from churn_pipeline.settings import RESERVED, Settings
from churn_pipeline_tests.mappings import mapping


def test_a_business_is_called_after_its_source_unless_the_mapping_or_a_person_says_otherwise(tmp_path: Path) -> None:
    file = mapping(tmp_path, "business: acme")
    assert Settings().business == "demo"
    assert Settings(source=Path("/data/Trial Workforce-2")).business == "trial_workforce_2"
    assert Settings(source=Path("/data/2024")).business == "source_2024"
    assert Settings(source=Path("/data/x"), mapping=file).business == "acme"
    assert Settings(source=Path("/data/x"), mapping=file, business="mine").business == "mine"
    hand = [Settings(source=Path("/data/x")), Settings(mapping=file), Settings(business="x", source=Path("/data/x"))]
    assert [settings.named_by_hand for settings in hand] == [False, True, True]


def test_where_a_source_lies_is_told_without_what_is_secret(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert Settings(source=tmp_path / "link").place == str(tmp_path)
    assert Settings(source_url="mysql://me:secret@db/shop?ssl=1").place == "mysql://db/shop"
    assert Settings().place == ""


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_business_may_not_take_a_folder_of_the_data_directory_itself(name: str) -> None:
    with pytest.raises(ValidationError, match="names a folder of the data directory"):
        Settings(business=name)


def test_great_expectations_looks_at_nothing_or_at_enough() -> None:
    assert [Settings(suite_sample_rows=rows).suite_sample_rows for rows in (0, 100)] == [0, 100]
    for few in (-1, 1, 99):
        with pytest.raises(ValidationError, match="suite_sample_rows"):
            Settings(suite_sample_rows=few)


def test_what_a_business_writes_lies_in_its_own_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, business="acme")
    assert settings.home == tmp_path / "acme"
    assert settings.source_folder == tmp_path / "acme" / "source"
    assert settings.truth_file.parent.parent == settings.home
    assert settings.source_folder not in settings.truth_file.parents
    assert Settings(source=tmp_path / "mine").source_folder == tmp_path / "mine"


def test_settings_cannot_be_changed_and_do_not_show_the_password() -> None:
    settings = Settings(postgres_url="postgresql://me:secret@db/shop")
    assert "secret" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.seed = 1  # type: ignore[misc] # frozen: that is what is tested


def test_the_kinds_of_expectations_are_those_of_the_table() -> None:
    kinds = DATA_EXPECTATIONS.column("kind").type
    assert isinstance(kinds, OneOf)
    assert Settings().expectation_levels.keys() == set(kinds.words)
