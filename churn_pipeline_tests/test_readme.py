"""Every command in the README is executed: each line of its code blocks, in order, in a shell, as it stands there.

They run in a folder that looks like a clone where `make setup` has been done: on a fresh one `make run` would begin with
it, and the environment that runs this is what it made. What a reader has to bring is there as well: a folder of files at
`path/to/folder`. The demo business is a small one, and the ports are free ones; nothing else differs.

`make test` is the only exception. It cannot run inside itself, so what it would run is read from make, and collected.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from csv import writer
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from benchmarks.crash import SMALL
from churn_pipeline.adapters.embedded_postgres import stop_server
from churn_pipeline.settings import PROJECT, Settings
from churn_pipeline_tests.chains import as_settings, world, write_source
from churn_pipeline_tests.conftest import short_folder
from churn_pipeline_tests.tables import team_table

pytestmark = pytest.mark.slow

README = (PROJECT / "README.md").read_text()
BLOCKS = "\n".join(re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE))
COMMANDS = [line for line in BLOCKS.splitlines() if line.strip() and not line.lstrip().startswith("#")]
PATIENCE_SECONDS = 300
QUICK = {
    **SMALL,
    "CHURN_DEMO_AGAIN_SHARE": "0",  # the reader's own folder is clean
    "CHURN_FEW_CONVERSIONS": "100000",  # regressions alone: they are fitted in no time
}


@dataclass(frozen=True)
class Clone:
    """A folder in which a reader stands, with the environment of the reader's shell."""

    folder: Path
    port: int

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self, line: str) -> subprocess.Popen[str]:
        """A line of the README in a shell, in a group of its own, as a terminal makes one; what it says in a file."""
        ours = ("CHURN_", "DAGSTER_", "MAKE", "MFLAGS")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        settings = {**QUICK, "CHURN_DATA_DIR": str(self.data), "CHURN_DEV_PORT": str(self.port)}
        # the pages of a run take a third of its time: drawn once of a business, and once of a table
        settings["CHURN_REPORTS"] = str(line.startswith(("make run", ".venv/bin/churn run --table"))).lower()
        with (self.folder / "said").open("w") as said:
            return subprocess.Popen(
                ["bash", "-c", line],
                cwd=self.folder,
                env={**inherited, **settings},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """All that the last command said so far."""
        return (self.folder / "said").read_text()

    def run(self, line: str) -> str:
        """What a line said that had to end well."""
        started = self.start(line)
        try:
            status = started.wait(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            raise
        assert status == 0, f"{line} ended with status {status}:\n{self.said}"
        return self.said


@pytest.fixture(scope="module")
def clone() -> Iterator[Clone]:
    """A clone after `make setup`, with a folder of files that a reader brought."""
    with short_folder() as folder:
        for name in ("Makefile", "pyproject.toml", "requirements.lock", "README.md"):
            shutil.copy2(PROJECT / name, folder / name)
        shutil.copytree(PROJECT / "data" / "mappings", folder / "data" / "mappings")
        (folder / ".venv").mkdir()
        (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
        (folder / ".venv" / ".ready").touch()
        business = Settings(data_dir=folder / "data", **as_settings(QUICK))
        (folder / "path" / "to").mkdir(parents=True)
        write_source(world(business, business.demo_until), folder / "path" / "to" / "folder")
        team_table().to_csv(folder / "path" / "to" / "customers.csv", index=False)
        try:
            yield Clone(folder, free_ports())
        finally:
            stop_server(folder / "data")


@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: line.split("  ")[0][:60])
def test_a_command_of_the_readme_does_what_it_says(line: str, clone: Clone) -> None:
    how(line)(clone, line)


def test_a_command_that_nobody_has_taught_this_test_fails_it() -> None:
    with pytest.raises(pytest.fail.Exception, match="does not know how to run `churn fly`"):
        how("churn fly    # over the moon")


def test_the_readme_has_commands_and_make_test_is_the_only_one_outside_of_its_blocks() -> None:
    assert [line for line in COMMANDS if line.startswith("make run")], COMMANDS
    prose = re.sub(r"^```.*?^```", "", README, flags=re.DOTALL | re.MULTILINE)
    runnable = [code for code in re.findall(r"`([^`\n]+)`", prose) if re.match(r"make |\S*/churn |psql ", code)]
    assert runnable == ["make test"]


def test_make_test_collects_every_test(clone: Clone) -> None:
    told = clone.run("make -n test")
    (line,) = [line for line in told.splitlines() if "pytest" in line]
    program, *arguments = shlex.split(line)
    assert program == ".venv/bin/pytest"
    assert not [word for word in arguments if word.startswith(("-m", "-k", "--ignore", "--deselect"))], line
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, "--collect-only", "-q", "-n", "0", "--no-cov"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert collected.returncode == 0, collected.stdout[-3000:] + collected.stderr[-3000:]
    modules = {path.relative_to(PROJECT).as_posix() for path in PROJECT.glob("churn_pipeline_tests/**/test_*.py")}
    assert {module for module in modules if f"{module}::" not in collected.stdout} == set()


# ---- how a command is run, and what it has to say


def ends_well(*words: str) -> Callable[[Clone, str], None]:
    """Run to its end, which has to be good, and say these words (regular expressions)."""

    def run(clone: Clone, line: str) -> None:
        said = clone.run(line)
        assert [word for word in words if not re.search(word, said)] == [], said
        assert "setting up .venv" not in said, "the environment was made anew"

    return run


def maps_a_real_set(clone: Clone, line: str) -> None:
    """Put the files that the named mapping is for where the reader has them, and run."""
    (name,) = re.findall(r"data/mappings/(\w+)\.yaml", line)
    folder = clone.folder / "path" / "to" / "folder"
    shutil.rmtree(folder)
    real = Path(os.environ.get("CHURN_REALDATA", "nowhere")) / name
    if real.is_dir():
        folder.symlink_to(real)
    else:
        assert name == "trial_workforce_saas", f"a small stand-in for the set {name} is missing here"
        write_workforce(folder)
    ends_well(r"read +[\d,]+ events, [\d,]+ subscriptions, [\d,]+ trials", r"scored +[\d,]+ trials by")(clone, line)


def serves(clone: Clone, line: str) -> None:
    """Start it, ask at each address, end it as Ctrl-C does; nobody may be left."""
    started = clone.start(line)
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while "Ctrl-C ends all of them.\n\n" not in clone.said:
            assert started.poll() is None, clone.said
            assert time.monotonic() < until, clone.said
            time.sleep(0.2)
        told = sorted({int(port) for port in re.findall(r"http://localhost:(\d+)", clone.said)})
        assert told == [clone.port, clone.port + 1, clone.port + 2]
        assert [page(port) for port in told] == ["Dagster", "MLflow", "Directory listing for /"]
    finally:
        os.killpg(started.pid, signal.SIGINT)
        started.wait(timeout=60)
    assert "ending ..." in clone.said
    assert [port for port in told if page(port)] == []


def asks_the_server(clone: Clone, line: str) -> None:
    """Let the client ask its query."""
    if shutil.which("psql") is None:
        pytest.skip("NO PSQL: the README's line for SQL clients is not tested on this machine")
    assert re.search(r"^\([1-9]\d* rows?\)$", clone.run(line), re.MULTILINE)


HOW: dict[str, Callable[[Clone, str], None]] = {
    r"make run": ends_well(r"read +.*\b[\d,]+ events", r"model +\w+", r"scored +[\d,]+ trials by", r"odd +\w+"),
    r"make dev": serves,
    r"\.venv/bin/churn table \w+": ends_well(r"trial_id +│ \S+", r"conversion_probability +│ [\d.]+"),
    r"\.venv/bin/churn table \w+ --mapping \S+": ends_well(r"trial_id +│ c\d+", r"business: customers"),
    r"\.venv/bin/churn table \"select .*\" --limit \d+": ends_well(
        r"│ trial_id +┃|┃ trial_id +┃", r"│ \S+ +│ [\d.]+ +│"
    ),
    r"PGPASSWORD=\S+ \S+ psql .*": asks_the_server,
    r"\.venv/bin/churn stop": ends_well(r"stopped the embedded PostgreSQL"),
    r"make clean": ends_well(r"removed +postgres, ", r"left +mappings\n"),
    r"\.venv/bin/churn source check \S+": ends_well(r"trials: [\d,]+ rows", "no problems"),
    r"\.venv/bin/churn source check --table \S+ .*": ends_well(
        r"600 rows; churned: ", r"final_invoice.* leak", "fit for a run"
    ),
    r"\.venv/bin/churn run --table \S+ .*": ends_well(
        r"read +600 feature_table", r"scored +100 rows by", "no split by time"
    ),
    r"\.venv/bin/churn run --source \S+": ends_well(r"read +.*\b[\d,]+ events", r"scored +[\d,]+ trials by"),
    r"\.venv/bin/churn run --source \S+ --mapping data/mappings/\w+\.yaml --as-of \S+": maps_a_real_set,
}


def how(line: str) -> Callable[[Clone, str], None]:
    """How to run a line and what to expect of it."""
    command = re.sub(r"\s+#.*$", "", line)
    known = [run for pattern, run in HOW.items() if re.fullmatch(pattern, command)]
    if len(known) != 1:
        pytest.fail(f"this test does not know how to run `{command}`: add it to HOW, with what it has to say")
    return known[0]


def page(port: int) -> str:
    """The title of the page that a browser would show at a port; empty where nobody answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        if answer.status in (301, 302, 307, 308):
            connection.request("GET", answer.headers["location"])
            answer = connection.getresponse()
        found = re.search(r"<title[^>]*>(.*?)</title>", answer.read().decode())
        return found[1] if found else ""
    except (OSError, HTTPException):
        return ""
    finally:
        connection.close()


def free_ports() -> int:
    """The first of three ports in a row that nobody listens on."""
    from churn_pipeline.cli.dev import PortsTaken, require_free

    for port in range(21_000, 29_000, 11):
        try:
            require_free({str(port + more): port + more for more in range(3)})
        except PortsTaken:
            continue
        return port
    raise AssertionError("no three free ports in a row")


def write_workforce(folder: Path) -> None:
    """Files in the shape of the real set `trial_workforce_saas`: sixty organisations, a third of which converts."""
    folder.mkdir()
    starts = [datetime(2024, 1, 1, 9) + timedelta(days=n) for n in range(60)]  # noqa: DTZ001 - as in the files: without a zone
    with (folder / "org_features_gogoharrison.csv").open("w") as file:
        rows = writer(file)
        rows.writerow(["ORGANIZATION_ID", "converted", "trial_start", "converted_at"])
        for number, start in enumerate(starts):
            converts = number % 3 == 0
            rows.writerow([f"o{number}", converts, start, start + timedelta(days=20) if converts else ""])
    with (folder / "trial_funnel_events_first_touch.csv").open("w") as file:
        rows = writer(file)
        rows.writerow(["timestamp", "organization_id", "activity_name"])
        for number, start in enumerate(starts):
            for hours, activity in enumerate(("First.Action", "Scheduling.Shift.Created", "Mobile.Schedule.Loaded")):
                rows.writerow([start + timedelta(hours=hours), f"o{number}", activity])
