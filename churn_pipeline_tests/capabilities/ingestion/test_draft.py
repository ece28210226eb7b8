from __future__ import annotations

from pathlib import Path

import duckdb
import yaml

from churn_pipeline.adapters.sources.mapping import load_mapping
from churn_pipeline.capabilities.ingestion.draft import draft
from churn_pipeline.capabilities.ingestion.guess import guess
from churn_pipeline.capabilities.ingestion.profile import profiles, tables_of_folder
from churn_pipeline_tests.unknown import TRUTH, write_unknown


def drafted(folder: Path) -> str:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    found = tables_of_folder(connection, folder)
    return draft(guess(profiles(connection, found)), {t.called: t.spec for t in found}, business="acme")


def test_a_draft_is_a_valid_mapping_that_says_what_was_chosen(tmp_path: Path) -> None:
    text = drafted(write_unknown("a CRM export", tmp_path / "source"))
    (tmp_path / "acme.yaml").write_text(text)
    mapping = load_mapping(tmp_path / "acme.yaml")
    assert mapping.business == "acme"
    for table, (file, names) in TRUTH["a CRM export"].items():
        mapped = mapping.tables[table]
        assert mapped.files is not None
        assert mapped.files.patterns == (file,)
        assert {c: mapped.columns[c].column for c in names} == names
    assert mapping.tables["trials"].columns["started_at"].format == "%d/%m/%Y %H:%M"


def test_what_is_unsure_or_missing_is_a_comment(tmp_path: Path) -> None:
    (tmp_path / "signups.csv").write_text("signup_id,started_at\ns1,2024-05-01\ns2,2024-05-02\n")
    text = drafted(tmp_path)
    assert "trial_days: {constant: 14}   # unsure: no column says how long a trial is" in text
    assert "# unsure: events: no table of the source looks like it" in text
    assert set(yaml.safe_load(text)["tables"]) == {"trials"}
