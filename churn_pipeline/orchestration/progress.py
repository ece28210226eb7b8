"""What a run says on the console while it works: one line a step, with its time."""

import logging
import sys

import dagster as dg
from dagster import DagsterEventType

SHOWN = {
    DagsterEventType.STEP_START: "...",
    DagsterEventType.STEP_SUCCESS: "done",
    DagsterEventType.STEP_FAILURE: "FAILED",
    DagsterEventType.STEP_SKIPPED: "skipped",
}


CONSEQUENCE = "Dependencies for step "
"""How Dagster begins to say, of each step after a failed one, that it is not executed."""


class StepLines(logging.Handler):
    """Turns the run's events into lines such as `  12.3 s  training_set  done`; other records pass from WARNING on."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of one record, if it has one."""
        line = self._line(record)
        if line:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    def _line(self, record: logging.LogRecord) -> str | None:
        told = getattr(record, "dagster_meta", {})
        event = told.get("dagster_event")
        if event is None:
            # without the ids of job and run that Dagster puts before each message
            message = told.get("orig_message") or record.getMessage()
            quiet = record.levelno < logging.WARNING or message.startswith(CONSEQUENCE)
            return None if quiet else f"            {message}"
        state = SHOWN.get(event.event_type)
        if state is None or state == "...":
            return None
        spent = getattr(event.event_specific_data, "duration_ms", None)
        seconds = f"{spent / 1000:6.1f} s" if spent is not None else " " * 8
        return f"  {seconds}  {event.step_key} {'' if state == 'done' else state}".rstrip()


@dg.logger(config_schema={}, description="One line a step.")
def step_lines(_: dg.InitLoggerContext) -> logging.Logger:
    """The console logger of every job."""
    logger = logging.Logger("churn", level=logging.DEBUG)
    logger.addHandler(StepLines())
    return logger
