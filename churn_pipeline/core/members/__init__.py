"""The models a scorer is made of: each gives log-odds and, for every row, how its columns add up to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class MemberError(Exception):
    """A model cannot be what a member has to be."""


class Member(Protocol):
    """One fitted model over encoded columns (`FeatureSchema.encode`). It never changes, and its answers depend on the row alone."""

    name: ClassVar[str]
    library: ClassVar[str]
    """The package whose version its answers may depend on."""

    def margin(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds: (rows,)."""
        ...

    def contributions(self, x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Base and pushes (rows, encoded columns) in log-odds; base + pushes = margin, up to the rounding of the library."""
        ...

    def files(self) -> dict[str, bytes]:
        """The model in its native format, by file name; the same model gives the same bytes."""
        ...

    @classmethod
    def read(cls, files: Mapping[str, bytes]) -> Self:
        """The model of `files`."""
        ...


def kinds() -> dict[str, type[Member]]:
    """Every kind of member by its name."""
    from churn_pipeline.core.members.lightgbm import LightGBMMember
    from churn_pipeline.core.members.logistic import LogisticMember
    from churn_pipeline.core.members.network import NetworkMember
    from churn_pipeline.core.members.xgboost import XGBoostMember

    return {kind.name: kind for kind in (XGBoostMember, LightGBMMember, NetworkMember, LogisticMember)}


def read_member(name: str, files: Mapping[str, bytes]) -> Member:
    """The member of that name, from its files.

    Raises:
        MemberError: there is no such kind of member.
    """
    known = kinds()
    if name not in known:
        raise MemberError(f"no member is called {name!r}; there are: {', '.join(known)}")
    return known[name].read(files)
