"""A team's own feature table that is made up: what is in it, and its mapping file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from churn_pipeline.cli.feature_table import TableOptions

SAID = {"id": "customer_id", "label": "churned", "positive": "no"}
"""What a person says of the table: the `positive` are those that stayed."""


def team_table(rows: int = 600, *, unlabelled: int = 100, seed: int = 5) -> pd.DataFrame:
    """A table with two columns that tell the label, noise, an id beside the id, a constant, and two columns that leak it.

    The label is null in the last `unlabelled` rows.
    """
    rng = np.random.default_rng(seed)
    visits, plan = rng.poisson(6, rows), rng.choice(["basic", "pro", "team"], rows)
    stays = rng.random(rows) < 1 / (1 + np.exp(-(0.5 * (visits - 6) + (plan == "team"))))
    frame = pd.DataFrame(
        {
            "customer_id": [f"c{n:05}" for n in range(rows)],
            "visits": visits,
            "plan": plan,
            "Noise, of no use": rng.normal(size=rows).round(3),
            "account_uuid": [f"{n:032x}" for n in rng.integers(0, 2**60, rows)],
            "version": "v1",
            "final_invoice": np.where(stays, rng.normal(100, 5, rows), rng.normal(0, 5, rows)).round(2),
            "churn_reason": pd.Series(stays).map({True: None, False: "price"}),
            "churned": np.where(stays, "no", "yes"),
        }
    )
    frame.loc[rows - unlabelled :, ["churned", "churn_reason"]] = None
    return frame


def table_mapping(folder: Path, *, place: dict[str, Any] | None = None, **other: Any) -> Path:
    """The mapping file of the made-up table, `table.csv` in the same folder; `place` are settings that say where else it is."""
    path = folder / "table.yaml"
    said = {
        "business": "team",
        "settings": {"source": str(folder)} if place is None else place,
        "feature_table": {"from": "table.csv"} | SAID | other,
    }
    path.write_text(yaml.safe_dump(said))
    return path


def write_table(folder: Path, frame: pd.DataFrame | None = None, **other: Any) -> Path:
    """Write a table (the made-up one) and its mapping; gives the mapping."""
    (team_table() if frame is None else frame).to_csv(folder / "table.csv", index=False)
    return table_mapping(folder, **other)


def customers(folder: Path) -> TableOptions:
    """The made-up table as a file of that name, and what is said of it."""
    team_table(60).to_csv(folder / "customers.csv", index=False)
    return TableOptions(str(folder / "customers.csv"), "customer_id", "churned", "no")
