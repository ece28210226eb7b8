"""Where everything of the embedded server lies.

<data_dir>/postgres            the cluster, mode 700, owned by the account the server runs as
<data_dir>/postgres.password   the generated password of role `churn`, mode 600
<data_dir>/postgres.lock       held while a process creates or starts the server
<data_dir>/postgres.host       the machine (and its PID namespace) that last started the server
<data_dir>/postgres.socket     the folder of the socket, where the path of the cluster is too long for one
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything of one server lies."""

    data_dir: Path

    @property
    def cluster(self) -> Path:
        """The cluster."""
        return self.data_dir / "postgres"

    @property
    def password(self) -> Path:
        """The file with the password."""
        return self.data_dir / "postgres.password"

    @property
    def lock(self) -> Path:
        """The file that is locked while the server is created, started or stopped."""
        return self.data_dir / "postgres.lock"

    @property
    def host_note(self) -> Path:
        """The file that names the machine that last started the server."""
        return self.data_dir / "postgres.host"

    @property
    def socket_note(self) -> Path:
        """The file that names the folder of the socket, if it is not the cluster."""
        return self.data_dir / "postgres.socket"

    @property
    def beside(self) -> Path:
        """Where the cluster is made, before it is renamed to its place."""
        return self.data_dir / "postgres.new"

    @property
    def parts(self) -> tuple[Path, ...]:
        """All of these, whether they are there or not."""
        return (self.cluster, self.beside, self.password, self.host_note, self.socket_note, self.lock)
