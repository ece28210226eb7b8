from __future__ import annotations

import re
from pathlib import Path

import pytest

from churn_pipeline.capabilities.validation.batch import BatchVerdict, check_batch
from churn_pipeline.capabilities.validation.data_docs import FOLDER, standing_alone, write_docs
from churn_pipeline.contracts.raw import CONTACTS, TRIALS
from churn_pipeline_tests.batches import AS_OF, clean_source, empty_lake, stage, trial, write_csv

SECRET = "ada.lovelace@example.org"
LOADED = re.compile(r"<script|<link|<img|src=|@import|url\(")


def test_a_page_loads_nothing_and_links_to_what_is_there() -> None:
    given = (
        '<head><link href="https://cdn.example/a.css"><script src="https://cdn.example/a.js">x</script><style>b</style></head>'
        '<body><a href="../../../index.html"><img\n src="https://logo.example"></a><a href="../../expectations/t.html" >t</a>'
        '<footer><a href="https://news.example">Subscribe</a></footer></body>'
    )
    page = standing_alone(given)
    assert page.startswith("<head><style>\nbody {")
    assert page.endswith('</head><body><a href="index.html"></a>t</body>')


def test_the_pages_of_a_batch_take_the_place_of_those_before(tmp_path: Path) -> None:
    def verdict(table: str, page: str = "<head></head>") -> BatchVerdict:
        return BatchVerdict(table, True, (), 1_000, 0, {}, 500, 12, 2, page)

    folder = tmp_path / "reports" / FOLDER
    write_docs([verdict("trials"), verdict("events")], folder, as_of=AS_OF)
    write_docs([verdict("trials"), verdict("events", "")], folder, as_of=AS_OF)
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "trials.html"]
    index = (folder / "index.html").read_text()
    assert "batch of 2024-06-01" in index
    assert '<a href="trials.html">trials</a></td><td>10 of 12 met</td><td>500 of 1,000</td>' in index
    assert list(folder.parent.iterdir()) == [folder]
    write_docs([verdict("trials", "")], folder, as_of=AS_OF)
    assert "no table was looked at" in (folder / "index.html").read_text()


@pytest.mark.flow
def test_what_great_expectations_found_is_shown_without_personal_values(tmp_path: Path) -> None:
    source, lake = clean_source(tmp_path / "source"), empty_lake(tmp_path)
    write_csv(source.folder / "trials.csv", [trial(n, country="Germany" if n % 2 else "DE") for n in range(40)])
    rows = [{"contact_id": f"c{n}", "trial_id": f"t{n}", "email": SECRET + "x" * 400} for n in range(40)]
    write_csv(source.folder / "contacts.csv", rows)
    stage(lake, source, [TRIALS, CONTACTS])
    verdicts = [
        check_batch(lake, table, as_of=AS_OF, max_bad_share=0.2, sample_rows=100) for table in (TRIALS, CONTACTS)
    ]
    write_docs(verdicts, tmp_path / FOLDER, as_of=AS_OF)
    trials, contacts = ((tmp_path / FOLDER / f"{name}.html").read_text() for name in ("trials", "contacts"))
    assert "Germany" in trials
    assert verdicts[1].unmet
    assert "email" in contacts
    assert "ada.lovelace" not in contacts
    assert [LOADED.findall(page) for page in (trials, contacts)] == [[], []]
