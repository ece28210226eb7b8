"""Sources nobody has described: the demo's records under other names, in other shapes, with other tables beside them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from churn_pipeline_tests.batches import event, subscription, trial

Rows = list[dict[str, Any]]

TRUTH: dict[str, dict[str, tuple[str, dict[str, str]]]] = {
    "a German shop": {
        "trials": ("Testphasen.csv", {"trial_id": "trial_nr", "account_id": "account", "started_at": "begin", "trial_days": "days"}),
        "events": ("usage_log.csv", {"event_id": "id", "trial_id": "trial_nr", "occurred_at": "zeit", "event_name": "aktion"}),
        "subscriptions": ("contracts.csv", {"subscription_id": "contract_id", "trial_id": "trial_nr", "started_at": "paid_at"}),
    },
    "a CRM export": {
        "trials": ("Signups.csv", {"trial_id": "SignupId", "account_id": "CompanyId", "started_at": "SignupDate", "trial_days": "TrialLength"}),
        "events": ("activity.csv", {"event_id": "ActivityId", "trial_id": "SignupId", "occurred_at": "Timestamp", "event_name": "ActivityType"}),
        "subscriptions": ("deals.csv", {"subscription_id": "DealId", "trial_id": "SignupId", "started_at": "StartDate"}),
    },
    "a shop that counts, with a line twice": {
        "trials": ("signups.csv", {"trial_id": "signup_no", "account_id": "organisation", "started_at": "begun", "trial_days": "length"}),
        "events": ("actions.csv", {"event_id": "action_no", "trial_id": "signup_no", "occurred_at": "at", "event_name": "what"}),
        "subscriptions": ("payments.csv", {"subscription_id": "payment_no", "trial_id": "signup_no", "started_at": "paid"}),
    },
    "a warehouse": {
        "trials": ("dim_workspaces.csv", {"trial_id": "workspace_id", "account_id": "customer_id", "started_at": "created_at", "trial_days": "trial_length"}),
        "events": ("fct_tracking.csv", {"event_id": "hit_id", "trial_id": "wsp", "occurred_at": "event_ts", "event_name": "event"}),
        "subscriptions": ("fct_orders.csv", {"subscription_id": "order_id", "trial_id": "workspace", "started_at": "purchased_at"}),
    },
}  # fmt: skip
"""For each source: the file and the columns that are the contract's required ones."""
SHIFTED: dict[str, Callable[[str], str]] = {
    "a CRM export": lambda moment: f"{moment[8:10]}/{moment[5:7]}/{moment[:4]} {moment[11:16]}",
}
"""How a source writes its moments, where not in ISO 8601."""


def write_unknown(source: str, folder: Path, trials: int = 60) -> Path:
    """The records of a source under its names; gives the folder."""
    folder.mkdir(parents=True)
    records: dict[str, Rows] = {
        "trials": [trial(n) for n in range(trials)],
        "events": [
            event(m * trials + n) | {"trial_id": f"t{n}", "event_name": f"step {m}"}
            for m in range(3)
            for n in range(trials)
        ],
        "subscriptions": [subscription(n) for n in range(0, trials, 4)],
    }
    moment = SHIFTED.get(source, str)
    for table, (file, names) in TRUTH[source].items():
        rows = [
            {given: moment(str(row[c])) if c.endswith("_at") else row[c] for c, given in names.items()}
            | {"note": "x", "row_hash": f"{file}{place:05d}"}
            for place, row in enumerate(records[table])
        ]
        _write(folder / file, [*rows, *rows[:1]] if "twice" in source else rows)
    _write(folder / "regions.csv", [{"code": code, "label": code.lower()} for code in ("DE", "FR", "US")])
    return folder


def _write(path: Path, rows: Rows) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
