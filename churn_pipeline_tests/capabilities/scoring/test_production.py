from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from churn_pipeline.capabilities.scoring import production
from churn_pipeline.capabilities.scoring.production import in_production
from churn_pipeline.core.ledger import Scoring
from churn_pipeline.core.rules import RulesScorer
from churn_pipeline_tests.shops import Shop

pytestmark = pytest.mark.flow


def test_the_champion_scores_and_its_own_note_comes_before_the_days(shop: Shop) -> None:
    by = in_production(Scoring("1", "scored afterwards"), shop.models, rules=lambda: RulesScorer(0.3))
    assert (by.scored_by, by.model_version, by.error) == ("champion", "1", None)
    assert by.note == "few conversions yet; scored afterwards"
    assert by.scorer == shop.models.load("1").scorer


def test_before_the_first_promotion_the_rules_score_which_is_no_error(shop: Shop) -> None:
    by = in_production(Scoring(None), shop.models, rules=lambda: RulesScorer(0.3))
    assert (by.scored_by, by.model_version, by.error) == ("rules", "rules", None)
    assert by.note == production.NEVER_HAD_A_CHAMPION
    assert by.scorer == RulesScorer(0.3)


def test_a_champion_that_the_registry_does_not_have_is_replaced_by_the_rules_with_the_reason(shop: Shop) -> None:
    by = in_production(Scoring("99"), shop.models, rules=lambda: RulesScorer(0.3))
    assert (by.scored_by, by.note) == ("rules", production.NOT_LOADED)
    assert by.error is not None
    assert "has no version 99" in by.error


def bundle_of(shop: Shop, version: str) -> Path:
    run = shop.models.version(version).run_id
    (folder,) = {path for path in shop.models.folder.rglob("bundle") if run in str(path)}
    return folder


@contextmanager
def damaged(
    shop: Shop,
    *versions: str,
    name: str = "logistic.json",
    fault: Callable[[bytes], bytes] = lambda whole: whole.replace(b"1", b"2", 1),
) -> Iterator[None]:
    """While this is open a file of each of these models is another; without content it is missing."""
    with ExitStack() as mended:
        for version in versions:
            path = bundle_of(shop, version) / name
            whole = path.read_bytes()
            mended.callback(path.write_bytes, whole)
            path.write_bytes(fault(whole))
            if not path.stat().st_size:
                path.unlink()
        yield


def test_a_broken_bundle_is_replaced_by_the_rules_and_the_changed_file_is_named(shop: Shop) -> None:
    with damaged(shop, "1"):
        by = in_production(Scoring("1"), shop.models, rules=lambda: RulesScorer(0.3))
    assert (by.scored_by, by.stepped_in) == ("rules", "rules")
    assert by.error is not None
    assert by.error.startswith("model 1 could not be loaded: ")
    assert "logistic.json was changed" in by.error


def test_the_champion_before_a_broken_one_steps_in_and_says_so(shop: Shop) -> None:
    with damaged(shop, "2"):
        by = in_production(Scoring("2", before=("1",)), shop.models, rules=lambda: RulesScorer(0.3))
    assert (by.scored_by, by.model_version, by.stepped_in) == ("champion", "1", "previous_champion")
    assert by.scorer == shop.models.load("1").scorer
    assert by.note == "few conversions yet; champion before model 2, which could not be loaded"
    assert by.error is not None
    assert by.error.startswith("model 2 could not be loaded: ")
    assert "logistic.json was changed" in by.error


FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "one changed byte": lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
    "missing": lambda whole: b"",
    "cut in half": lambda whole: whole[: len(whole) // 2],
}


@pytest.mark.parametrize("name", ["golden.json", "logistic.json", "manifest.json", "manifest.sha256", "scorer.json"])
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_is_wrong_with_a_bundle_it_is_named_and_the_champion_before_scores(
    shop: Shop, name: str, fault: str
) -> None:
    with damaged(shop, "2", name=name, fault=FAULTS[fault]):
        by = in_production(Scoring("2", before=("1",)), shop.models, rules=lambda: RulesScorer(0.3))
    assert (by.model_version, by.stepped_in) == ("1", "previous_champion")
    assert by.error is not None
    assert name in by.error


@pytest.mark.parametrize("resealed", [False, True])
def test_the_schema_of_another_model_is_refused_by_name_and_the_champion_before_scores(
    shop: Shop, resealed: bool
) -> None:
    """Even where somebody made the sums agree again: the golden rows do not."""
    place = bundle_of(shop, "2")
    own, other = (json.loads((bundle_of(shop, v) / "scorer.json").read_text()) for v in ("2", "1"))
    theirs = json.dumps(own | {"schema": {**other["schema"], "features": other["schema"]["features"][::-1]}}).encode()
    manifest = json.loads((place / "manifest.json").read_text())
    manifest["files"]["scorer.json"] = sha256(theirs).hexdigest()
    resealing = json.dumps(manifest).encode()
    seal = f"{sha256(resealing).hexdigest()}  manifest.json\n".encode()
    with ExitStack() as swapped:
        swapped.enter_context(damaged(shop, "2", name="scorer.json", fault=lambda _: theirs))
        if resealed:
            swapped.enter_context(damaged(shop, "2", name="manifest.json", fault=lambda _: resealing))
            swapped.enter_context(damaged(shop, "2", name="manifest.sha256", fault=lambda _: seal))
        by = in_production(Scoring("2", before=("1",)), shop.models, rules=lambda: RulesScorer(0.3))
    assert (by.model_version, by.stepped_in) == ("1", "previous_champion")
    assert by.error is not None
    assert "scorer.json" in by.error
    assert ("was changed" in by.error) != resealed


def test_where_the_champion_before_is_broken_too_the_rules_score_and_both_are_named(shop: Shop) -> None:
    with damaged(shop, "1", "2"):
        by = in_production(Scoring("2", before=("1",)), shop.models, rules=lambda: RulesScorer(0.3))
    assert (by.scored_by, by.note, by.stepped_in) == ("rules", production.NOT_LOADED, "rules")
    assert by.error is not None
    first, second = by.error.index("model 2 could not be loaded"), by.error.index("model 1 could not be loaded")
    assert first < second


def test_the_champion_before_one_that_cannot_score_steps_in_and_the_rules_where_it_is_broken(shop: Shop) -> None:
    unable = {"2": "no column luck"}
    by = in_production(Scoring("2", before=("1",)), shop.models, rules=lambda: RulesScorer(0.3), unable=unable)
    assert (by.model_version, by.stepped_in, by.error) == (
        "1", "previous_champion", "model 2 could not score: no column luck",
    )  # fmt: skip
    assert by.note == "few conversions yet; champion before model 2, which could not score this day"
    with damaged(shop, "1"):
        by = in_production(Scoring("2", before=("1",)), shop.models, rules=lambda: RulesScorer(0.3), unable=unable)
    assert (by.scored_by, by.note, by.stepped_in) == ("rules", production.NOT_SCORED, "rules")
    assert by.error is not None
    assert by.error.startswith("model 2 could not score: no column luck\nmodel 1 could not be loaded: ")


def test_of_several_champions_before_the_newest_that_can_steps_in_and_the_note_names_the_champion(shop: Shop) -> None:
    chosen = Scoring("99", before=("98", "2", "1"))
    with damaged(shop, "2"):
        by = in_production(chosen, shop.models, rules=lambda: RulesScorer(0.3), unable={"98": "no column luck"})
    assert (by.model_version, by.stepped_in) == ("1", "previous_champion")
    assert by.note == "few conversions yet; champion before model 99, which could not be loaded"
    assert by.error is not None
    told = [by.error.index(f"model {version} could not ") for version in ("99", "98", "2")]
    assert told == sorted(told)


def test_nobody_steps_in_for_a_champion_that_is_whole(shop: Shop) -> None:
    by = in_production(Scoring("2", before=("1",)), shop.models, rules=lambda: RulesScorer(0.3))
    assert (by.model_version, by.note, by.stepped_in) == ("2", "few conversions yet", None)


def test_storage_that_does_not_answer_lets_the_rules_score(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def hiccup(_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("churn_pipeline.adapters.bundle.load", hiccup)
    by = in_production(Scoring("1"), shop.models, rules=lambda: RulesScorer(0.3))
    assert (by.scored_by, by.note) == ("rules", production.NOT_LOADED)
    assert by.error is not None
    assert "cannot be read now" in by.error
