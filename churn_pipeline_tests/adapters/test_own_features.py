from __future__ import annotations

from pathlib import Path

import pytest

from churn_pipeline.adapters.engine import Engine
from churn_pipeline.adapters.own_features import OwnFeatureError, own_features
from churn_pipeline.contracts.features.own import OwnFeature

HEAD = "-- meaning: Exports.\n-- says: {value:.0f} exports\n"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine("200MB", 1, tmp_path_factory.mktemp("spill"))


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text)
    return folder


def test_a_file_is_a_feature_by_its_name(tmp_path: Path, engine: Engine) -> None:
    exports = f"{HEAD}-- unit: exports\n\n-- anything else\ncount(*) filter (event_name = 'export') -- all of them\n;\n"
    mails = f"{HEAD}--over:touches\n-- absent: no mail yet\nmax(sent_at - started_at > interval 1 day)::int"
    assert own_features(written(tmp_path, mails=mails, exports=exports), engine) == (
        OwnFeature(
            "exports", "Exports.", "{value:.0f} exports", "count(*) filter (event_name = 'export') -- all of them\n", unit="exports",
            uses=("event_name",),
        ),
        OwnFeature(
            "mails", "Exports.", "{value:.0f} exports", "max(sent_at - started_at > interval 1 day)::int", over="touches",
            absent="no mail yet", uses=("sent_at", "started_at"),
        ),
    )  # fmt: skip


def test_without_a_folder_there_are_none_and_other_files_are_left_alone(tmp_path: Path, engine: Engine) -> None:
    assert own_features(None, engine) == ()
    (tmp_path / "README.md").write_text("mine")
    assert own_features(tmp_path, engine) == ()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(OwnFeatureError, match=r"nowhere, is not there\n  do: make it, or unset CHURN_OWN_FEATURES"):
        own_features(tmp_path / "nowhere", engine)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("count(*)", "it does not say its meaning"),
        ("-- meaning: x\ncount(*)", "it does not say its says"),
        (f"{HEAD}-- unti: exports\ncount(*)", "unti: nothing a file may say; did you mean unit?"),
        (f"{HEAD}-- over: invoices\ncount(*)", "over: invoices is none of events, touches"),
        ("-- meaning: x\n-- says: {count} exports\ncount(*)", "is no template for {value}"),
        (HEAD, "it holds no expression"),
        (f"{HEAD}count(*", "syntax error"),
        (f"{HEAD}select count(*) from events", "it reads another table"),
        (f"{HEAD}(select count(*) from events)", "it reads another table, where the future may be found"),
        (f"{HEAD}count(*) filter (trial_day in (select 1))", "it reads another table"),
        (f"{HEAD}1) from offered, (select 2", "syntax error"),
        (f"{HEAD}1), (2", "it is more than one expression"),
        (f"{HEAD}1) from offered; drop table x; select (1", "Only SELECT statements"),
        (f"{HEAD}count(*) filter (occurred_at > now())", "now() gives something else each time"),
        (f"{HEAD}count(*) filter (occurred_at > current_date)", "no column current_date"),
        (f"{HEAD}max(random())", "random() gives something else each time"),
        (f"{HEAD}max(vallue)", "no column vallue; did you mean value?"),
        (f"{HEAD}count(*) filter (occurred_at > current_timestamp)", "no column current_timestamp"),
        (f"{HEAD}count(*) filter (occurred_at > localtimestamp)", "no column localtimestamp"),
        (f"{HEAD}count(*) filter (occurred_at > current_localtimestamp())", "current_localtimestamp() gives something"),
        (f"{HEAD}max(date_part('day', age(occurred_at)))", "age() gives something else each time"),
        (f"{HEAD}count(*) filter (occurred_at > 'tomorrow'::date)", "Conversion Error"),
        (f"{HEAD}first(value)", "first() gives another value for another order of the rows"),
        (f"{HEAD}count(properties)", "no column properties"),
        (f"{HEAD}count(*) filter (consent_profiling)", "no column consent_profiling"),
        ("-- meaning: x\n-- says: {value.foo} exports\ncount(*)", "is no template for {value}"),
        ("-- meaning: x\n-- says: {value[0]} exports\ncount(*)", "is no template for {value}"),
        (f"{HEAD}value", "must be part of an aggregate function"),
        (f"{HEAD}lag(value) over ()", "it is no aggregate over the records (a window function)"),
        (f"{HEAD}max(event_name)", "it gives VARCHAR and no number"),
        (f"{HEAD}histogram(value)", "and no number"),
    ],
)
def test_what_could_not_be_trusted_is_refused_by_name(text: str, said: str, tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(OwnFeatureError) as refused:
        own_features(written(tmp_path, exports=text), engine)
    assert f"  exports.sql: {said}" in str(refused.value) or said in str(refused.value)
    assert "exports.sql: " in str(refused.value)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(OwnFeatureError) as refused:
        own_features(written(tmp_path, Mine=f"{HEAD}count(*)", other="now()", good=f"{HEAD}count(*)"), engine)
    said = str(refused.value)
    assert "  Mine.sql: its name is no name in small letters, digits and _\n" in said
    assert "  other.sql: it does not say its meaning" in said
    assert "good" not in said
