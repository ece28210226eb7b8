from __future__ import annotations

import importlib
import pkgutil

import churn_pipeline
from churn_pipeline.cli.errors import foreseen

INSIDE = {
    # faults of the program or of a library, which must come with their traceback
    "ActionError", "CalibrationError", "DamagedFileError", "GateError", "MemberError", "MetricError", "NoTextError", "NotFittedError", "PicturesError", "ReasonsError",
    "ReportError", "RowLawError", "RulesError", "ScorerError", "TrainingError", "ValidationFaultError",
}  # fmt: skip


def declared() -> dict[str, type[Exception]]:
    """Every exception that a module of the package declares."""
    found: dict[str, type[Exception]] = {}
    for module in pkgutil.walk_packages(churn_pipeline.__path__, "churn_pipeline."):
        if module.name.endswith((".assets", ".definitions")):
            continue
        found |= {
            name: value
            for name, value in vars(importlib.import_module(module.name)).items()
            if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == module.name
        }
    return found


def test_each_exception_of_ours_either_speaks_to_people_or_is_a_fault_of_the_program() -> None:
    """A new exception must be put on one side: into `foreseen`, or here among those that keep their traceback."""
    names = {error.__name__ for error in foreseen()}
    assert set(declared()) - names - INSIDE == set()
    assert not names & INSIDE


def test_every_foreseen_error_is_one_of_ours() -> None:
    assert {error.__name__ for error in foreseen()} <= set(declared())
