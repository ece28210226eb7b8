from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing, nullcontext, suppress

import pytest

from churn_pipeline.adapters import locks
from churn_pipeline.adapters.locks import Busy, hold

HOLDER = """
import sys, time
from churn_pipeline.adapters.locks import hold
with hold(sys.argv[1], "writing", key=7):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lock_is_held_by_one_process_and_freed_when_it_is_killed(database: str) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, database], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        told = rf"at work \(lock `writing`\): process {holder.pid} on .*, since 20\d\d-.* UTC"
        with pytest.raises(Busy, match=told), hold(database, "writing", key=7):
            pass
        with hold(database, "something else", key=8) as lock:
            assert lock.held()
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    for _ in range(100):
        try:
            with hold(database, "writing", key=7):
                return
        except Busy:
            threading.Event().wait(0.05)
    pytest.fail("the lock of a dead process was not freed")


@pytest.mark.parametrize("fails", [False, True])
def test_a_lock_that_was_left_is_free_before_the_server_has_ended_the_session(
    fails: bool, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(locks, "closing", nullcontext)
        with suppress(ZeroDivisionError), hold(database, "writing", key=7) as left:
            _ = 1 / (not fails)
    with closing(left.session), hold(database, "writing", key=7) as lock:
        assert lock.held()


def test_a_lock_whose_session_ended_is_not_held_any_more(database: str) -> None:
    with hold(database, "writing", key=7) as lock:
        lock.session.close()
        assert not lock.held()
