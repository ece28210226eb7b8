from __future__ import annotations

import pytest

from churn_pipeline.contracts.derive.rules import all_rules
from churn_pipeline.contracts.feature_table import FeatureTable, TableColumn, Use
from churn_pipeline.contracts.spec import Instant, Real, Text
from churn_pipeline_tests.rows import DAY

WHO = TableColumn("id", "category", Use.ID)
LABEL = TableColumn("churned", "category", Use.LABEL)
WHEN = TableColumn("day", "category", Use.TIME)
VISITS = TableColumn("visits", "number", Use.FEATURE)
PLAN = TableColumn("plan", "category", Use.FEATURE)
UUID = TableColumn("uuid", "category", Use.LEFT_OUT, "it looks like an id")


def test_a_table_knows_its_columns_by_what_they_are_for() -> None:
    table = FeatureTable((WHO, LABEL, WHEN, VISITS, UUID, PLAN), "no")
    assert (table.id, table.label, table.time) == ("id", "churned", "day")
    assert table.features == (VISITS, PLAN)
    assert table.left_out == (UUID,)


def test_the_contract_is_that_of_any_raw_table_without_what_is_left_out() -> None:
    contract = FeatureTable((WHO, LABEL, WHEN, VISITS, UUID, PLAN), "no").contract
    assert contract.names == ("id", "day", "churned", "visits", "plan")
    assert (contract.key, contract.known_at) == (("id", "day"), ("day",))
    assert {c.name: type(c.type) for c in contract.columns} == {
        "id": Text, "day": Instant, "churned": Text, "visits": Real, "plan": Text
    }  # fmt: skip
    assert [c.name for c in contract.columns if not c.null] == ["id", "day"]


@pytest.mark.parametrize(("columns", "in_the_future"), [((WHO, LABEL, PLAN), False), ((WHO, LABEL, WHEN, PLAN), True)])
def test_only_a_table_with_a_time_can_lie_in_the_future(columns: tuple[TableColumn, ...], in_the_future: bool) -> None:
    rules = {rule.name for rule in all_rules(FeatureTable(columns, "no").contract, read_at=DAY)}
    assert ("in_the_future" in rules) == in_the_future
    assert {"missing_key", "wrong_type_plan", "duplicate_key"} <= rules
