"""What a run says on the console while it works: one line a step, with its time, and a sign of life where a step is long."""

import logging
import sys
from contextlib import AbstractContextManager, nullcontext
from threading import Event, Thread
from time import monotonic

import dagster as dg
from dagster import DagsterEventType

ENDED = {
    DagsterEventType.STEP_SUCCESS: "",
    DagsterEventType.STEP_FAILURE: "FAILED",
    DagsterEventType.STEP_SKIPPED: "skipped",
}
LIFE_AFTER, LIFE_EVERY = 10.0, 60.0
"""Seconds until a step that is at work says so, and from then on between two such lines."""


INTERRUPTS = {dg.DagsterExecutionInterruptedError.__name__, KeyboardInterrupt.__name__}
CONSEQUENCE = "Dependencies for step "
"""How Dagster begins to say, of each step after a failed one, that it is not executed."""


INTERRUPTED_QUERY = "Query interrupted"
"""What DuckDB says when Ctrl-C came while it was at work."""


def was_interrupted(event: dg.DagsterEvent) -> bool:
    """Whether the step of a failure failed because somebody pressed Ctrl-C: Dagster counts that as a failure of the step."""
    error = event.step_failure_data.error
    while error is not None:
        if error.cls_name in INTERRUPTS or INTERRUPTED_QUERY in error.message:
            return True
        error = error.cause or error.context
    return False


class StepLines(logging.Handler):
    """Turns the run's events into lines such as `  12.3 s  training_set`; what assets say passes from INFO on.

    A step at work says so after `first` seconds, then every `every` seconds.
    """

    def __init__(self, *, first: float = LIFE_AFTER, every: float = LIFE_EVERY) -> None:
        super().__init__()
        self.first, self.every = first, every
        self._ends: dict[str, Event] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of one record, if it has one."""
        line = self._line(record)
        if line:
            _write(line)

    def _line(self, record: logging.LogRecord) -> str | None:
        told = getattr(record, "dagster_meta", {})
        event = told.get("dagster_event")
        if event is None:
            # without the ids of job and run that Dagster puts before each message
            message = told.get("orig_message") or record.getMessage()
            quiet = record.levelno < logging.INFO or message.startswith(CONSEQUENCE)
            return None if quiet else f"            {message}"
        if event.event_type == DagsterEventType.STEP_START:
            self._watch(event.step_key)
        if event.event_type not in ENDED:
            return None
        self._ends.pop(event.step_key, Event()).set()
        spent = getattr(event.event_specific_data, "duration_ms", None)
        seconds = f"{spent / 1000:6.1f} s" if spent is not None else " " * 8
        stopped = event.event_type == DagsterEventType.STEP_FAILURE and was_interrupted(event)
        return f"  {seconds}  {event.step_key} {'stopped' if stopped else ENDED[event.event_type]}".rstrip()

    def _watch(self, step: str) -> None:
        ended = self._ends[step] = Event()
        # a daemon: a step that is interrupted has no end that anybody logs
        Thread(target=self._live, args=(step, ended), daemon=True).start()

    def _live(self, step: str, ended: Event) -> None:
        began, wait = monotonic(), self.first
        while not ended.wait(wait):
            # a record is emitted under the same lock: nothing is said of a step after the line of its end
            with self._lock_of_records():
                if not ended.is_set():
                    _write(f"  {monotonic() - began:6.0f} s  {step} ...")
            wait = self.every

    def _lock_of_records(self) -> AbstractContextManager[object]:
        return self.lock or nullcontext()


def _write(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


@dg.logger(config_schema={}, description="One line a step.")
def step_lines(_: dg.InitLoggerContext) -> logging.Logger:
    """The console logger of every job."""
    logger = logging.Logger("churn", level=logging.DEBUG)
    logger.addHandler(StepLines())
    return logger
