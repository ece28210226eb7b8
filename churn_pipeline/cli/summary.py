"""The lines a person wants at the end of a run, read from the tables that the run wrote."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from churn_pipeline.adapters.feature_table import every_row_labelled, read_columns
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.cli.say import say
from churn_pipeline.contracts.lake import CHALLENGER
from churn_pipeline.contracts.raw import SUBSCRIPTIONS
from churn_pipeline.core.spelling import listed
from churn_pipeline.settings import PROJECT, Settings
from churn_pipeline.settings.mapping import document

READ = """
select table_name, rows_read, rows_kept, rows_quarantined, rows_duplicate, rows_new from ingestion_counts
where run_id = (select run_id from ingestion_counts where as_of = $1 order by read_at desc limit 1)
  and table_name in (select table_name from ingestion_counts where as_of <= $1 and rows_read > 0)
order by table_name
"""
"""Of the tables that were ever there: one that came without rows is said to have none."""
HANDLED = {
    "champion": "the champion scored its trials",
    "previous_champion": "the champion before scored",
    "rules": "the rules scored",
    "not_scored": "it has no score",
}
"""What was done instead, by `handled_by` of `prediction_errors`."""
OPEN_ISSUES = f"""
select count(*) filter (where mended.issue_id is null) as open, count(mended.issue_id) as resolved,
  count(*) filter (where mended.issue_id is null and issue.table_name = '{SUBSCRIPTIONS.name}') as outcomes
from data_quality_issues as issue left join data_quality_resolutions as mended using (issue_id)
"""
"""Now, whatever the day of the run was."""
CHAMPION = """
select model_version, from_as_of, verdict from model_promotions
where role = 'champion' and from_as_of <= $1 order by from_as_of desc, decided_at desc limit 1
"""
SUCCESSORS = """
select model_version, from_as_of from model_promotions
where role = 'champion' and from_as_of > $1 and model_version <> $2 order by from_as_of, decided_at
"""
VERDICT = "select verdict from model_verdicts where as_of = $1 order by length(model_version) desc, model_version desc limit 1"
ROLLOUT = "select verdict from rollout_verdicts where as_of = $1"
BUCKETS = """
select scored_by, count(*) as trials, count(*) filter (where score_bucket = 'at_risk') as at_risk,
  count(*) filter (where score_bucket = 'middle') as middle, count(*) filter (where score_bucket = 'hot') as hot,
  min(note) as note
from scores where as_of = $1 group by scored_by
"""
DRIFTED = "select feature from drift where as_of = $1 and drifted order by distance / threshold desc"
DEGRADED = "select verdict from model_performance where as_of = $1 and degraded"
PERFORMANCE = "select verdict from model_performance where as_of = $1 order by scored_by, model_version"
UNEXPECTED = """
select words from data_expectations where as_of = $1 and verdict in ('warn', 'block') order by verdict = 'warn', table_name, kind, subject
"""
ERRORS = "select error, handled_by from prediction_errors where as_of = $1 order by subject"


def run_facts(warehouse: Warehouse, lake: Lake, as_of: datetime, *, business: str = "") -> dict[str, Any]:
    """What a run did, as plain values: read, table (what a feature table was found to be), champion, verdict (or why there is no challenger), rollout, scored, performance, odd.

    `business` are the options that name the business, for the commands that are spoken of.
    """

    def rows(query: str) -> list[dict[str, Any]]:
        return list(warehouse.read(query, [as_of]).to_pylist())

    champion = rows(CHAMPION)
    verdict = rows(VERDICT)
    return {
        "as_of": as_of.date().isoformat(),
        "read": rows(READ),
        "table": _table(lake, as_of),
        "champion": _reign(champion[0], warehouse, as_of) if champion else None,
        "verdict": verdict[0]["verdict"] if verdict else _no_challenger(lake, as_of),
        "rollout": next((row["verdict"] for row in rows(ROLLOUT)), None),
        "scored": rows(BUCKETS),
        "performance": [row["verdict"] for row in rows(PERFORMANCE)],
        "odd": [
            *_quarantine_words(warehouse.read(OPEN_ISSUES).to_pylist()[0], business),
            *_unexpected_words([row["words"] for row in rows(UNEXPECTED)]),
            *_failed_words(rows(ERRORS)),
            *(f"performance: {row['verdict']}" for row in rows(DEGRADED)),
            *_drift_words([row["feature"] for row in rows(DRIFTED)]),
        ],
    }


def say_run(settings: Settings, as_of: datetime, *, as_json: bool, scored: bool = True) -> None:
    """Print what a run did; `scored` is false for a run that scores nobody."""
    facts = run_facts(Warehouse.of(settings), Lake.of(settings), as_of, business=named(settings))
    if as_json:
        sys.stdout.write(json.dumps(facts, default=str) + "\n")
        return
    told = [
        line
        for line in _lines(facts, settings, Lake.of(settings).first_day())
        if scored or not line.startswith(("scored", "matured"))
    ]
    say("\n".join(told))


def say_scored(settings: Settings, days: Sequence[datetime], *, as_json: bool) -> None:
    """Print how many trials were scored on each day, and which model could not score any."""
    warehouse = Warehouse.of(settings)
    facts = [
        {
            "as_of": day.date().isoformat(),
            "scored": warehouse.read(BUCKETS, [day]).to_pylist(),
            "odd": _failed_words(warehouse.read(ERRORS, [day]).to_pylist()),
        }
        for day in days
    ]
    none, noun = _words_of(settings.of_feature_table)
    if as_json:
        sys.stdout.write(json.dumps(facts, default=str) + "\n")
        return
    for day in facts:
        say("; ".join([f"{day['as_of']}  {_scored(day['scored'], none, noun)}", *day["odd"]]))


def _lines(facts: dict[str, Any], settings: Settings, first: date | None) -> list[str]:
    churn, business = command(), named(settings)
    # a record counts from the midnight after the day on which it became known
    early = first is not None and facts["as_of"] <= first.isoformat()
    none, noun = _words_of(facts["table"] is not None)
    if early:
        none = f"that day does not lie after your first record ({first})"
    return [
        "",
        f"read     {_read(facts['read'])}{'; none of it was known by then' if early else ''}",
        *([f"table    {_table_words(facts['table'])}"] if facts["table"] else []),
        f"model    {_model(facts['champion'], facts['verdict'])}",
        *([f"rollout  {facts['rollout']}"] if facts["rollout"] else []),
        f"scored   {_scored(facts['scored'], none, noun)} (as of {facts['as_of']})",
        f"matured  {'; '.join(facts['performance']) or _nothing_matured(settings, facts['table'])}",
        f"odd      {'; '.join(facts['odd']) or 'nothing'}",
        f"look     {churn} table scores_latest{business}   the scores with their reasons (schema analytics)",
        f"         {churn} dev{business}   Dagster at http://localhost:{settings.dev_port}, MLflow at {settings.mlflow_address}",
    ]


def command() -> str:
    """How a person in the project's folder calls this command."""
    called = Path(sys.argv[0]).absolute()
    return str(called.relative_to(PROJECT)) if called.is_relative_to(PROJECT) and called.name == "churn" else "churn"


def named(settings: Settings) -> str:
    """The options without which a command would speak of another business."""
    source = settings.source_named
    if settings.mapping is not None and settings.mapping.exists():
        said = document(settings.mapping).get("settings") or {}
        source = None if source in (said.get("source"), said.get("source_url")) else source
    options = (("--source", source), ("--mapping", settings.mapping))
    return "".join(f" {option} {shlex.quote(str(path))}" for option, path in options if path is not None)


def _table(lake: Lake, as_of: datetime) -> dict[str, Any] | None:
    """What a feature table was found to be; None where the business has none."""
    table = read_columns(lake, as_of)
    if table is None:
        return None
    return {
        "features": [column.name for column in table.features],
        "left_out": {column.name: column.because for column in table.left_out},
        "time": table.time,
        "every_row_labelled": every_row_labelled(lake, as_of),
    }


def _table_words(table: dict[str, Any]) -> str:
    left = f"; left out: {listed(list(table['left_out']))}" if table["left_out"] else ""
    order = (
        f"by the first {table['time']} of each entity"
        if table["time"]
        else "by a hash of the id, so this is no split by time"
    )
    whole = "; every row has its label, so those are scored that models are only tested on"
    return f"{len(table['features'])} columns are features{left}; cohorts {order}{whole if table['every_row_labelled'] else ''}"


def _reign(champion: dict[str, Any], warehouse: Warehouse, as_of: datetime) -> dict[str, Any]:
    """The champion of a day, and who took over from it on which later day, if somebody has."""
    later = warehouse.read(SUCCESSORS, [as_of, champion["model_version"]]).to_pylist()
    successor = {"until": str(later[0]["from_as_of"].date()), "successor": later[0]["model_version"]} if later else {}
    return champion | {"from_as_of": str(champion["from_as_of"].date())} | successor


def _model(champion: dict[str, Any] | None, verdict: str | None) -> str:
    held = "no champion yet: the rules score"
    if champion is not None:
        held = f"champion is version {champion['model_version']} since {champion['from_as_of']}"
        if "until" in champion:
            held = (
                f"champion of that day was version {champion['model_version']}, from {champion['from_as_of']} until version "
                f"{champion['successor']} took over on {champion['until']}; this run changes nothing from then on"
            )
    return "; ".join(part for part in (held, verdict) if part)


def _no_challenger(lake: Lake, as_of: datetime) -> str | None:
    """Why no model could be trained as of the day; None where one was, or nobody tried."""
    if not lake.has(CHALLENGER.name, as_of):
        return None
    noted = lake.read(CHALLENGER.name, as_of).to_pylist()[0]
    return f"no challenger: {noted['because']}" if noted["model_version"] is None else None


def _read(read: list[dict[str, Any]]) -> str:
    if not read:
        return "nothing"
    return ", ".join(
        f"{row['rows_kept']:,} {row['table_name']}"
        + (f" ({row['rows_quarantined']:,} in quarantine)" if row["rows_quarantined"] else "")
        for row in read
    )


def _words_of(feature_table: bool) -> tuple[str, str]:
    """Why nothing was scored, where there was nothing to score, and what one score is about."""
    return ("none is without its label", "row") if feature_table else ("none is running", "trial")


def _scored(scored: list[dict[str, Any]], none: str, noun: str) -> str:
    if not scored:
        return f"no {noun}: {none}"
    return "; ".join(
        f"{row['trials']:,} {noun}s by {'the rules' if row['scored_by'] == 'rules' else 'the ' + row['scored_by']}: "
        f"{row['at_risk']:,} at risk, {row['middle']:,} in the middle, {row['hot']:,} hot"
        + (f" [{row['note']}]" if row["note"] else "")
        for row in scored
    )


def _nothing_matured(settings: Settings, table: dict[str, Any] | None) -> str:
    if table and table["every_row_labelled"]:
        return "nothing can: every row had its label before it was scored"
    when = (
        "it is once the table has the label of what was scored"
        if table
        else f"what became of a score is known {settings.grace_days} days after its trial's planned end"
    )
    return f"no score in the last {settings.performance_window_days} days: {when}"


def _failed_words(errors: list[dict[str, Any]]) -> list[str]:
    """Of each error of a scoring who failed, and what was done instead."""
    return [f"{_who_failed(row['error'])}; {HANDLED[row['handled_by']]}" for row in errors]


def _who_failed(error: str) -> str:
    """The models that could not score, each with the first line of why; of what names none the first line."""
    lines = error.splitlines()
    return "; ".join([line for line in lines if re.match(r"model \S+ could not ", line)] or lines[:1])


def _quarantine_words(issues: dict[str, int], business: str) -> list[str]:
    look = f"{command()} quarantine list{business}"
    total = issues["open"] + issues["resolved"]
    of, rest = (f" of {total:,}", f", {issues['resolved']:,} resolved") if issues["resolved"] else ("", "")
    many = "issue of the quarantine is" if total == 1 else "issues of the quarantine are"
    words = [f"{issues['open']:,}{of} {many} open{rest} (`{look}` says why)"] if issues["open"] else []
    return words + (
        ["trials whose subscription is in quarantine have no label until it is mended or dismissed"]
        if issues["outcomes"]
        else []
    )


def _unexpected_words(words: list[str]) -> list[str]:
    more = [f"{len(words) - 3} more expectations broken (table data_expectations)"] if len(words) > 3 else []
    return words[:3] + more


def _drift_words(features: list[str]) -> list[str]:
    if not features:
        return []
    more = f" and {len(features) - 3} more" if len(features) > 3 else ""
    return [f"drifted: {', '.join(features[:3])}{more}"]
