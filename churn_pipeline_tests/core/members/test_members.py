from __future__ import annotations

import pytest

from churn_pipeline.core.members import MemberError, kinds, read_member
from churn_pipeline_tests.scorers import fitted


def test_every_member_is_read_by_its_name() -> None:
    for member in fitted().members:
        assert read_member(member.name, member.files()).files() == member.files()
    assert {member.name for member in fitted().members} == set(kinds())


def test_an_unknown_member_is_refused_with_those_there_are() -> None:
    with pytest.raises(MemberError, match="no member is called 'forest'; there are: xgboost, lightgbm, logistic"):
        read_member("forest", {})
