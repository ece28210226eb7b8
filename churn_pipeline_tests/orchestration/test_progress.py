import logging
import re
import time
from typing import Any

import dagster as dg
import pytest

from churn_pipeline.orchestration.progress import StepLines, step_lines

pytestmark = pytest.mark.flow


@dg.op
def works(context: dg.OpExecutionContext) -> None:
    context.log.debug("nobody needs this")
    context.log.info("half of it is done")
    context.log.warning("a remark")


@dg.op
def breaks() -> None:
    raise ValueError("broken")


@dg.op(ins={"start": dg.In(dg.Nothing)})
def waits() -> None: ...


@dg.job(logger_defs={"console": step_lines})
def chain() -> None:
    works()
    waits(start=breaks())


def test_a_run_says_one_line_a_step_with_its_time_and_state(capsys: pytest.CaptureFixture[str]) -> None:
    said_so: dict[str, Any] = {"loggers": {"console": {"config": {}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        chain.execute_in_process(raise_on_error=False, run_config=said_so, instance=instance)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    said = "\n".join(re.sub(r" +", " ", line).strip() for line in lines)
    assert re.search(r"^\d+\.\d s works$", said, re.MULTILINE)
    assert re.search(r"^half of it is done$", said, re.MULTILINE)
    assert re.search(r"^a remark$", said, re.MULTILINE)
    assert re.search(r"^breaks FAILED$", said, re.MULTILINE)
    assert "Dependencies for step" not in said
    assert "nobody needs this" not in said


def test_records_that_are_no_events_pass_from_info_on(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.Logger("churn")
    logger.addHandler(StepLines())
    logger.debug("quiet")
    logger.error("loud")
    assert capsys.readouterr().err.strip() == "loud"


@dg.logger
def impatient(_: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("churn", level=logging.DEBUG)
    logger.addHandler(StepLines(first=0.01, every=0.01))
    return logger


@dg.op
def lasts() -> None:
    time.sleep(0.5)


@dg.job(logger_defs={"console": impatient})
def long_job() -> None:
    lasts()


def test_a_long_step_says_that_it_is_at_work_until_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        long_job.execute_in_process(run_config={"loggers": {"console": {}}}, instance=instance)
    first, *_, last = [line for line in capsys.readouterr().err.splitlines() if "lasts" in line]
    assert re.fullmatch(r" +\d+ s  lasts \.\.\.", first)
    assert re.fullmatch(r" +\d+\.\d s  lasts", last)
    time.sleep(0.05)
    assert "lasts" not in capsys.readouterr().err
