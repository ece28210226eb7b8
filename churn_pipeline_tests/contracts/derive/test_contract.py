from __future__ import annotations

import json
from importlib.resources import files

import jsonschema
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from churn_pipeline.cli.docs import terms
from churn_pipeline.contracts.analytics import DATA_EXPECTATIONS
from churn_pipeline.contracts.derive.contract import EXPECTED, contract_page, odcs
from churn_pipeline.contracts.raw import CONTACTS, EVENTS, RAW_TABLES, TRIALS
from churn_pipeline.contracts.spec import OneOf, Table
from churn_pipeline.settings import Settings

TERMS = terms(
    Settings(
        business="acme", owners={"trials": "growth", "default": "platform"}, expectation_levels={"freshness": "off"}
    )
)


def exported(*tables: Table) -> OpenDataContractStandard:
    return OpenDataContractStandard.from_string(odcs(tables or RAW_TABLES, TERMS, version="1.2.3"))


def test_the_export_is_valid_by_the_official_schema_and_model() -> None:
    schema = json.loads((files("open_data_contract_standard") / "schema.json").read_text())
    document = yaml.safe_load(odcs(RAW_TABLES, TERMS, version="1.2.3"))
    jsonschema.Draft201909Validator(schema).validate(document)
    assert exported().apiVersion == document["apiVersion"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft201909Validator(schema).validate(document | {"kind": "Nonsense"})


def test_every_column_is_exported_with_type_bounds_key_and_privacy() -> None:
    (trials,) = exported(TRIALS).schema_ or []
    columns = {column.name: column for column in trials.properties or []}
    assert tuple(columns) == TRIALS.names
    assert (columns["trial_id"].primaryKey, columns["trial_id"].required) == (True, True)
    assert columns["trial_days"].logicalTypeOptions == {"minimum": 1, "maximum": 365}
    assert columns["country"].logicalTypeOptions == {"pattern": "[A-Z]{2}"}
    assert columns["plan"].required is False
    (contacts,) = exported(CONTACTS).schema_ or []
    private = {column.name for column in contacts.properties or [] if column.classification == "personal"}
    assert private == {"email", "name", "owner"}


def test_owners_rules_and_expectations_are_those_of_the_business() -> None:
    trials, events = exported(TRIALS, EVENTS).schema_ or []
    owners = [{p.property: p.value for p in table.customProperties or []}["owner"] for table in (trials, events)]
    assert owners == ["growth", "platform"]
    checks = {check.name: check for check in events.quality or []}
    assert {"missing_key", "before_trial", "duplicate_key", "max_bad_share", "expected_volume"} <= set(checks)
    assert "expected_freshness" not in checks
    assert (checks["max_bad_share"].severity, checks["expected_volume"].severity) == ("error", "warning")


def test_the_page_says_of_each_table_who_owns_it_what_is_unique_and_what_is_private() -> None:
    page = contract_page(RAW_TABLES, TERMS)
    for table in RAW_TABLES:
        assert f"## {table.name}\n" in page
    assert "- Owner: growth." in page
    assert "- Personal: `email`, `name`, `owner`." in page
    assert "more than 20% bad rows" in page
    assert "warns with probability 0.01 at most" in page


def test_every_kind_of_expectation_is_explained() -> None:
    kinds = DATA_EXPECTATIONS.column("kind").type
    assert isinstance(kinds, OneOf)
    assert set(EXPECTED) == set(kinds.words)
