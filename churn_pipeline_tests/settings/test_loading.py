from __future__ import annotations

import re
from pathlib import Path

import pytest

from churn_pipeline.settings import NO_SETTINGS, SettingsError, load_settings
from churn_pipeline_tests.mappings import mapping


def test_the_environment_wins_over_the_mapping_and_the_mapping_over_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = mapping(tmp_path, "settings: {grace_days: 40, seed: 7}")
    monkeypatch.setenv("CHURN_GRACE_DAYS", "3")
    monkeypatch.setenv("CHURN_MAPPING", str(file))
    settings = load_settings()
    assert (settings.grace_days, settings.seed, settings.test_share) == (3, 7, 0.25)


def test_no_source_goes_by_the_name_of_the_simulated_business(tmp_path: Path) -> None:
    for given in (
        {"source": tmp_path / "Demo"},
        {"source": tmp_path, "business": "demo"},
        {"source_url": "mysql://db/demo"},
    ):
        with pytest.raises(
            SettingsError, match=r"'demo' is the simulated business, not that of a source; set CHURN_BUSINESS"
        ):
            load_settings(**given)


def test_all_that_is_wrong_is_named_at_once_and_no_value_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_GRACE_DAYS", "secret-1")
    monkeypatch.setenv("CHURN_TEST_SHARE", "2")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    said = str(refused.value)
    assert "CHURN_GRACE_DAYS: " in said
    assert "CHURN_TEST_SHARE: " in said
    assert "secret" not in said
    assert refused.value.__cause__ is None


def test_a_setting_that_does_not_exist_is_refused_in_a_mapping_with_the_one_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(mapping=mapping(tmp_path, "settings: {grace_day: 40, colour: red}"))
    assert "  acme.yaml: settings.grace_day: no such setting; did you mean grace_days?; got 40\n" in str(refused.value)
    assert "  acme.yaml: settings.colour: no such setting; got 'red'\n" in str(refused.value)


def test_what_a_mapping_sets_wrongly_is_told_with_file_key_and_value_but_no_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_THREADS", "none")
    text = "business: Acme!\nsettings: {grace_days: many, landmarks: [1, x], postgres_url: [secret], threads: 0}"
    with pytest.raises(SettingsError) as refused:
        load_settings(mapping=mapping(tmp_path, text))
    said = str(refused.value)
    assert re.search(r"\n  acme\.yaml: business: .*; got 'Acme!'\n", said)
    assert re.search(r"\n  acme\.yaml: settings\.grace_days: .*valid integer.*; got 'many'\n", said)
    assert re.search(r"\n  acme\.yaml: settings\.landmarks\.1: .*; got 'x'\n", said)
    assert "acme.yaml: settings.postgres_url: " in said
    assert "secret" not in said
    assert "  CHURN_THREADS: " in said
    assert "'none'" not in said


def test_a_variable_that_is_no_setting_is_warned_of_once_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CHURN_THREDS", "secret")
    assert load_settings().threads == 2
    load_settings()
    (warned,) = caplog.messages
    assert "  CHURN_THREDS: no such setting; did you mean CHURN_THREADS?\n" in warned
    assert "secret" not in warned


def test_variables_of_others_of_the_tests_and_settings_in_any_case_are_not_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for variable in (*NO_SETTINGS, "churn_seed", "CHURNING"):
        monkeypatch.setenv(variable, "1")
    load_settings()
    assert caplog.messages == []


def test_a_source_is_a_folder_or_a_database_and_not_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "secret")
    url = "postgresql://me:${SHOP_PASSWORD}@db/Shop-2"
    settings = load_settings(source_url=url)
    assert (settings.business, settings.simulated, settings.source_named) == ("shop_2", False, url)
    assert settings.source_database == "postgresql://me:secret@db/Shop-2"
    assert "SHOP_PASSWORD" not in repr(settings)
    assert load_settings(source_url="mysql://me:written@db/shop").source_named is None
    for wrong, why in (
        ({"source": tmp_path, "source_url": url}, "both set"),
        ({"source_url": "mysql://me:${NOBODY}@db/shop"}, "NOBODY, which the environment does not hold"),
        ({"source": Path("mysql://db/shop")}, "goes into CHURN_SOURCE_URL"),
    ):
        with pytest.raises(SettingsError, match=why):
            load_settings(**wrong)


def test_a_kind_of_expectation_that_is_none_is_refused() -> None:
    with pytest.raises(
        SettingsError, match="CHURN_EXPECTATION_LEVELS: volumes: no kind of expectation; allowed: columns"
    ):
        load_settings(expectation_levels={"volumes": "warn"})


def test_an_address_is_shown_under_no_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(mapping=mapping(tmp_path, "settings: {source_uri: 'mysql://me:hunter2@db/x'}"))
    assert "settings.source_uri: no such setting; did you mean source_url?" in str(refused.value)
    assert "hunter2" not in str(refused.value)
