from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

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


@contextmanager
def damaged(shop: Shop, *versions: str) -> Iterator[None]:
    """While this is open one byte of each of these models is another."""
    with ExitStack() as mended:
        for version in versions:
            run = shop.models.version(version).run_id
            (path,) = {p for p in shop.models.folder.rglob("bundle/logistic.json") if run in str(p)}
            whole = path.read_bytes()
            mended.callback(path.write_bytes, whole)
            path.write_bytes(whole.replace(b"1", b"2", 1))
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
        by = in_production(Scoring("2", before="1"), shop.models, rules=lambda: RulesScorer(0.3))
    assert (by.scored_by, by.model_version, by.stepped_in) == ("champion", "1", "previous_champion")
    assert by.scorer == shop.models.load("1").scorer
    assert by.note == "few conversions yet; champion before model 2, which could not be loaded"
    assert by.error is not None
    assert by.error.startswith("model 2 could not be loaded: ")
    assert "logistic.json was changed" in by.error


def test_where_the_champion_before_is_broken_too_the_rules_score_and_both_are_named(shop: Shop) -> None:
    with damaged(shop, "1", "2"):
        by = in_production(Scoring("2", before="1"), shop.models, rules=lambda: RulesScorer(0.3))
    assert (by.scored_by, by.note, by.stepped_in) == ("rules", production.NOT_LOADED, "rules")
    assert by.error is not None
    first, second = by.error.index("model 2 could not be loaded"), by.error.index("model 1 could not be loaded")
    assert first < second


def test_nobody_steps_in_for_a_champion_that_is_whole(shop: Shop) -> None:
    by = in_production(Scoring("2", before="1"), shop.models, rules=lambda: RulesScorer(0.3))
    assert (by.model_version, by.note, by.stepped_in) == ("2", "few conversions yet", None)


def test_storage_that_does_not_answer_lets_the_rules_score(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def hiccup(_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("churn_pipeline.adapters.bundle.load", hiccup)
    by = in_production(Scoring("1"), shop.models, rules=lambda: RulesScorer(0.3))
    assert (by.scored_by, by.note) == ("rules", production.NOT_LOADED)
    assert by.error is not None
    assert "cannot be read now" in by.error
