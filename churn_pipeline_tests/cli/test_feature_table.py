from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from churn_pipeline.adapters.sources import SourceError
from churn_pipeline.adapters.sources.mapping import load_mapping
from churn_pipeline.cli.feature_table import TableOptions, day_of_table, write_mapping
from churn_pipeline.settings import Settings, SettingsError
from churn_pipeline_tests.tables import customers, team_table, write_table

pytestmark = pytest.mark.usefixtures("own_data_dir")
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def test_what_the_options_say_is_a_mapping_file_that_says_it_all(tmp_path: Path) -> None:
    table = tmp_path / "Our Customers 2024.csv"
    team_table(60).to_csv(table, index=False)
    said = TableOptions(str(table), "customer_id", "churned", "no", drop="plan, version", keep="final_invoice")
    path = write_mapping(said, source=None)
    assert path == tmp_path / "data" / "our_customers_2024" / "feature_table.yaml"
    spec = load_mapping(path).feature_table
    assert spec is not None
    assert (spec.files.patterns, spec.id, spec.label, spec.positive) == (
        ("Our Customers 2024.csv",),
        "customer_id",
        "churned",
        "no",
    )
    assert (spec.drop, spec.keep, spec.time) == (("plan", "version"), ("final_invoice",), None)
    settings = Settings(mapping=path)
    assert settings.of_feature_table
    assert (settings.noun, Settings().noun) == ("entities", "trials")
    assert (settings.business, settings.source) == ("our_customers_2024", tmp_path)


def test_a_table_of_a_database_is_called_by_its_name() -> None:
    path = write_mapping(TableOptions("customers", label="churned", positive="1"), source="postgresql://db/shop")
    assert yaml.safe_load(path.read_text()) == {
        "business": "customers",
        "feature_table": {"from": "customers", "label": "churned", "positive": "1"},
    }


def test_what_a_person_wrote_into_the_mapping_is_not_overwritten(tmp_path: Path) -> None:
    said = customers(tmp_path)
    path = write_mapping(said, source=None)
    wrote = path.read_text()
    for more in ("  kinds: {plan: category}\n", "owners: {}\n"):
        path.write_text(wrote + more)
        with pytest.raises(SettingsError, match=f"says more than the options: {more.split(':')[0].strip()}"):
            write_mapping(said, source=None)
    path.write_text(wrote.replace("settings:\n", "settings:\n  tuning_trials: 3\n"))
    with pytest.raises(SettingsError, match=r"says more than the options: settings\.tuning_trials"):
        write_mapping(said, source=None)
    assert write_mapping(said, source=None, into=tmp_path) == tmp_path / "feature_table.yaml", "it is only looked at"


def test_a_mapping_file_of_the_business_that_is_no_yaml_is_told_as_that(tmp_path: Path) -> None:
    said = customers(tmp_path)
    write_mapping(said, source=None).write_text("feature_table: [")
    with pytest.raises(SettingsError, match=r"feature_table\.yaml is no YAML"):
        write_mapping(said, source=None)


@pytest.mark.parametrize(
    ("option", "column", "meant"),
    [("id", "custmer_id", "customer_id"), ("label", "Churned", "churned"), ("drop", "plan, vistis", "visits")],
)
def test_a_misspelt_column_is_told_with_what_was_meant_and_leaves_nothing(
    option: str, column: str, meant: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=rf"{option}: no column \w+; did you mean {meant}\?"):
        write_mapping(replace(customers(tmp_path), **{option: column}), source=None)
    assert not (tmp_path / "data").exists()


def test_options_are_told_as_they_are_written(tmp_path: Path) -> None:
    said = TableOptions("our table.csv", label="churned", positive="no", drop="a, b")
    assert said.words(None) == " --table 'our table.csv' --label churned --positive no --drop 'a, b'"
    assert said.words("postgresql://db/shop").startswith(" --source postgresql://db/shop --table ")


def test_options_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"customer_id cannot be used in two ways"):
        write_mapping(replace(customers(tmp_path), drop="customer_id"), source=None)


def test_a_name_is_no_pattern(tmp_path: Path) -> None:
    (tmp_path / "data[1].csv").write_text("a,b\n1,2\n")
    spec = load_mapping(
        write_mapping(TableOptions(str(tmp_path / "data[1].csv"), label="b", positive="2"), source=None)
    ).feature_table
    assert spec is not None
    assert [path.name for pattern in spec.files.patterns for path in tmp_path.glob(pattern)] == ["data[1].csv"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (TableOptions("table.csv", label="churned"), "missing: --positive"),
        (TableOptions(label="churned", positive="no"), "missing: --table"),
        (TableOptions("nowhere.csv", label="churned", positive="no"), "there is no such file"),
    ],
)
def test_what_is_missing_is_named(options: TableOptions, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        write_mapping(options, source=None)


def test_a_whole_path_and_a_source_beside_it_contradict_each_other(tmp_path: Path) -> None:
    said = customers(tmp_path)
    with pytest.raises(
        SettingsError, match=r"customers\.csv is a whole path, and --source elsewhere names another place"
    ):
        write_mapping(said, source="elsewhere")
    assert write_mapping(replace(said, table="customers.csv"), source=str(tmp_path)).exists()


def test_the_day_is_that_after_the_newest_time_or_today(tmp_path: Path) -> None:
    frame = team_table(60)
    frame["day"] = "2024-03-04T10:00:00Z"
    timed = write_table(tmp_path, frame, time="day")
    assert day_of_table(Settings(mapping=timed), now=NOW) == date(2024, 3, 5)
    assert day_of_table(Settings(mapping=write_table(tmp_path, frame)), now=NOW) == date(2024, 5, 1)
