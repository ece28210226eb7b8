from __future__ import annotations

import pytest

from churn_pipeline.adapters.sources.mapping import Files, Mapped, Taken
from churn_pipeline.adapters.sources.wording import in_source_words
from churn_pipeline.contracts.derive.rules import Rule


def mapped(**taken: object) -> Mapped:
    return Mapped(files=Files(patterns=("e.csv",)), columns={"trial_days": Taken.model_validate(taken)})


RULE = Rule("wrong_type_trial_days", "trial_days", "bad", "a whole number", "fix it", "shown")


@pytest.mark.parametrize(
    ("how", "column", "allowed"),
    [
        (mapped(column="len"), "trial_days (your column len)", "a whole number"),
        (mapped(column="trial_days"), "trial_days", "a whole number"),
        (mapped(sql="len + 1"), "trial_days (by SQL of your mapping)", "a whole number"),
        (mapped(constant=14), "trial_days (a constant of your mapping)", "a whole number"),
        (
            mapped(column="len", cast="double"),
            "trial_days (your column len)",
            "a whole number, read as double by `cast` of the mapping",
        ),
        (None, "trial_days", "a whole number"),
    ],
)
def test_a_rule_names_where_its_values_come_from(how: Mapped | None, column: str, allowed: str) -> None:
    told = in_source_words(RULE, how)
    assert (told.column, told.allowed) == (column, allowed)
    assert (told.name, told.bad, told.shows) == (RULE.name, RULE.bad, RULE.shows)


def test_what_breaks_another_rule_than_the_type_is_allowed_what_was_allowed() -> None:
    rule = Rule("out_of_bounds_trial_days", "trial_days", "bad", "1 to 365 days", "fix it")
    told = in_source_words(rule, mapped(column="len", cast="integer"))
    assert (told.column, told.allowed, told.do) == ("trial_days (your column len)", "1 to 365 days", "fix it")
