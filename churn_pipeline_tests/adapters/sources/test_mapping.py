from __future__ import annotations

from pathlib import Path

import pytest

from churn_pipeline.adapters.sources.mapping import MappingError, load_mapping
from churn_pipeline.settings import PROJECT, Settings


def mapping(folder: Path, text: str) -> Path:
    path = folder / "acme.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_bare_name_is_a_column_and_one_file_is_a_list_of_one(tmp_path: Path) -> None:
    read = load_mapping(mapping(tmp_path, "tables: {trials: {from: orgs.csv, columns: {trial_id: org}}}"))
    trials = read.tables["trials"]
    assert trials.files is not None
    assert trials.files.patterns == ("orgs.csv",)
    assert trials.columns["trial_id"].column == "org"


def test_every_offence_is_told_with_file_key_what_is_allowed_and_what_to_do(tmp_path: Path) -> None:
    path = mapping(
        tmp_path,
        """
        tables:
          trials:
            from: orgs.csv
            columns:
              trial_id: {column: a, constant: b}
              plan: {column: p, cast: money}
          events:
            select: select 1
            where: a > 1
          subscriptions: {}
        extra: 1
        """,
    )
    with pytest.raises(MappingError) as caught:
        load_mapping(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: 5 problems")
    for part in (
        "tables.trials.columns.trial_id: say exactly one of `column`, `constant` and `sql`",
        "tables.trials.columns.plan: cast: 'money' is no type; did you mean decimal?; allowed: boolean, date",
        "tables.events: `columns`, `where` and `deleted` go with `from`",
        "tables.subscriptions: say either `from` (files) or `select`",
        "extra: no such key; allowed: business, settings, files, tables",
        "do: fix these keys",
    ):
        assert part in text


def test_tables_and_columns_outside_the_contract_are_named_with_what_is_allowed(tmp_path: Path) -> None:
    path = mapping(tmp_path, "tables: {trial: {from: a.csv}, events: {from: b.csv, columns: {user: u}}}")
    with pytest.raises(MappingError) as caught:
        load_mapping(path)
    assert "tables.trial: no such raw table; did you mean trials?; allowed: trials, events" in str(caught.value)
    assert "tables.events.columns.user: no column of the contract; did you mean user_id?; allowed: event_id" in str(
        caught.value
    )


def test_a_key_that_is_nearly_right_is_told_what_was_probably_meant(tmp_path: Path) -> None:
    path = mapping(
        tmp_path,
        """
        table: {}
        files: {orgs: {from: a.csv, delimeter: ";"}}
        tables:
          trials: {from: a.csv, colums: {}}
          events: {from: a.csv, columns: {value: {colum: v, cast: int}}}
          subscriptions: {from: a.csv, headers: false}
        """,
    )
    with pytest.raises(MappingError) as caught:
        load_mapping(path)
    for part in (
        "table: no such key; did you mean tables?",
        "files.orgs.delimeter: no such key; did you mean delimiter?; allowed: from, query, delimiter, header, names, encoding",
        "tables.trials.colums: no such key; did you mean columns?; allowed: columns, where, select, deleted,",
        "tables.events.columns.value.colum: no such key; did you mean column?",
        "tables.subscriptions.headers: no such key; did you mean header?",
    ):
        assert part in str(caught.value), str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tables: {trials: {from: a, delimiter: ab}}", "delimiter: one character"),
        ("tables: {trials: {from: a, header: false}}", "names: needed where `header: false`"),
        ("tables: {trials: {from: a, columns: {plan: {sql: x, format: y}}}}", "format: goes with `column`"),
        ("tables: {trials: {from: a, encoding: klingon}}", "encoding: 'klingon' is none"),
        ("tables: {trials: 3}", "tables.trials"),
        ("tables: [", "not readable as YAML"),
        ("", "empty or not a mapping"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(MappingError, match=message):
        load_mapping(mapping(tmp_path, text))


def test_a_mapping_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"no such mapping file"):
        load_mapping(tmp_path / "none.yaml")


@pytest.mark.parametrize(("name", "grace"), [("trial_workforce_saas", 40), ("cdnow", 60)])
def test_the_shipped_mappings_are_valid_and_set_their_days_of_grace(name: str, grace: int) -> None:
    path = PROJECT / "data" / "mappings" / f"{name}.yaml"
    assert set(load_mapping(path).tables) == {"trials", "events", "subscriptions"}
    assert Settings(mapping=path).grace_days == grace
