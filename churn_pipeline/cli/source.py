"""A source, described before anything is done with it."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.postgres import database_url
from churn_pipeline.adapters.sources import Source, SourceError, open_source, opened
from churn_pipeline.adapters.sources.files import SUFFIXES
from churn_pipeline.capabilities.ingestion.description import (
    SourceDescription,
    TableDescription,
    beside,
    describe_source,
)
from churn_pipeline.capabilities.ingestion.draft import draft
from churn_pipeline.capabilities.ingestion.guess import Guess, guess
from churn_pipeline.capabilities.ingestion.profile import profiles, tables_of_database, tables_of_folder
from churn_pipeline.capabilities.ingestion.staging import stage_table
from churn_pipeline.capabilities.validation.batch import check_batch
from churn_pipeline.cli.environment import leaving_nothing_empty
from churn_pipeline.cli.say import null_share, say
from churn_pipeline.cli.summary import command, named
from churn_pipeline.contracts.features.catalogue import falling_away
from churn_pipeline.contracts.features.feature import Feature, Named
from churn_pipeline.contracts.raw import RAW_TABLES, TRIALS
from churn_pipeline.contracts.spec import Table
from churn_pipeline.core.clock import midnight
from churn_pipeline.core.spelling import did_you_mean, listed
from churn_pipeline.settings import Settings

FIT = "columns and rows are fit for a run; whether the newest day is as expected, the run says"


def check(settings: Settings) -> None:
    """Print what the source holds; exit with status 1 where a run on it would stop, with what the run would say.

    Raises:
        SourceError: the source cannot be read, or no file of it is called like a raw table.
        DatabaseError: another source goes by the name of this one.
    """
    require_records(settings)
    _require_own(settings)
    now = datetime.now(UTC)
    with opened(settings) as source, beside(Lake.of(settings)) as lake:
        described = describe_source(lake, source, read_at=now, max_deleted_share=settings.max_deleted_share)
        verdicts = [
            check_batch(lake, table, as_of=midnight(now.date()), max_bad_share=settings.max_bad_share, sample_rows=0)
            for table in RAW_TABLES
        ]
    stopping = [problem for verdict in verdicts for problem in verdict.problems]
    verdict = _stopping(stopping) or [
        *([] if described.problems else ["no problems"]),
        FIT,
        f"next: {command()} run{named(settings)}",
    ]
    say("\n".join([*lines(described), *verdict]))
    if stopping:
        raise SystemExit(1)


def init(settings: Settings, out: Path | None) -> None:
    """Write the guessed mapping of a source, and print what was chosen and why.

    Raises:
        SourceError: the source cannot be read, nothing in it looks like a raw table, or the mapping file is there already.
        DatabaseError: another source goes by the name of this one.
    """
    _require_own(settings)
    place = out or Path(f"{settings.business}.yaml")
    if place.exists():
        raise SourceError(f"{place} is there already.\n  do: name another file by --out, or remove it")
    url = settings.source_database
    with leaving_nothing_empty(settings), Lake.of(settings).engine.connection() as connection, ExitStack() as held:
        found = (
            held.enter_context(tables_of_database(connection, url))
            if url is not None
            else tables_of_folder(connection, open_source(settings.source_folder).folder)
        )
        guesses = guess(profiles(connection, found))
    if not any(guessed.of for guessed in guesses):
        raise SourceError(
            f"{settings.source_named}: none of its tables looks like {listed([guessed.table.name for guessed in guesses])}; there is: "
            f"{listed([table.called for table in found]) or 'nothing that can be read'}\n"
            "  allowed: a table with a row a trial, one with a row an event, one with a row a subscription\n"
            "  do: write the mapping by hand (docs/mapping.md); of a file with a row a customer and what became of them: churn run --table (docs/feature-table.md)"
        )
    place.write_text(draft(guesses, {table.called: table.spec for table in found}, business=settings.business))
    say("\n".join([*_chosen(guesses), *_next(settings, place)]))


def require_records(settings: Settings) -> None:
    """Return if a file of a folder that no mapping speaks of is called like a raw table, or there is none at all.

    Raises:
        SourceError: none is, so that perhaps a feature table was meant, or there is no such folder.
        MappingError: the mapping breaks its rules.
    """
    if settings.source is None:
        return
    source = open_source(settings.source, settings.mapping)
    if source.mapping and (source.mapping.tables or source.mapping.feature_table):
        return
    files = [path for path in source.all_files() if path.name.lower().endswith(SUFFIXES)]
    if not files or any(source.files(table) for table in RAW_TABLES):
        return
    raise SourceError(
        f"{source.named}: none of its files is called like a raw table; there is: {listed([source.shown(path) for path in files])}\n"
        f"  allowed: {', '.join(table.name for table in RAW_TABLES)}, or a mapping that says which file is which\n"
        f"  do: churn source init {shlex.quote(source.named)} guesses a mapping; a file with a row a customer and what became of them is a feature table:\n"
        f"      churn run --table {shlex.quote(str(files[0]))} --label COLUMN --positive VALUE (docs/feature-table.md)"
    )


def _require_own(settings: Settings) -> None:
    """Return if what has landed under the name of the business, if anything, came from this source."""
    if Lake.of(settings).root.exists():
        database_url(settings)


def reland(settings: Settings, table: str) -> None:
    """Replace a table's landed records by a fresh reading that passes the same checks as a run's.

    Raises:
        SourceError: there is no such raw table, or the reading does not pass; nothing has changed then.
        Busy: a run is under way.
    """
    from churn_pipeline.adapters.locks import WRITERS
    from churn_pipeline.adapters.warehouse import Warehouse

    wanted = [declared for declared in RAW_TABLES if declared.name == table]
    if not wanted:
        allowed = [declared.name for declared in RAW_TABLES]
        raise SourceError(
            f"there is no raw table {table}{did_you_mean(table, allowed)}\n  allowed: {', '.join(allowed)}"
        )
    warehouse, now = Warehouse.of(settings), datetime.now(UTC)
    warehouse.create()
    lake = Lake.of(settings)
    with warehouse.lock(WRITERS), opened(settings) as source, beside(lake, without=table) as look:
        said = _reland(lake, look, source, wanted[0], read_at=now, most_bad=settings.max_bad_share)
    say(f"{table}: {said}")


def _reland(lake: Lake, look: Lake, source: Source, table: Table, *, read_at: datetime, most_bad: float) -> str:
    """Judge a fresh reading in a lake that knows nothing of the table, and put its good rows in the place of what has landed."""
    as_of = midnight(read_at.date())
    for one in dict.fromkeys((TRIALS, table)):
        stage_table(look, source, one, as_of=as_of, read_at=read_at)
    verdict = check_batch(look, table, as_of=as_of, max_bad_share=most_bad, sample_rows=0)
    if not verdict.passed:
        raise SourceError(f"{verdict}\n  nothing has changed")
    with lake.engine.connection() as connection:
        connection.execute(
            f"create temp view good as select * from ({look.rows(f'staged_{table.name}', as_of)}) "
            "where _broken is null and not _copy"
        )
        landed = lake.replace(connection, table, "good")
    return f"{verdict.rows:,} rows read, {verdict.bad_rows:,} rejected, {landed:,} now stand in the place of all that had landed"


def _chosen(guesses: tuple[Guess, ...]) -> list[str]:
    rows: list[str] = []
    for one in guesses:
        rows.append(f"{one.table.name}: {one.of or 'not found'} ({one.because})")
        for choice in one.choices:
            needed = not one.table.column(choice.column).null
            taken = choice.taken.column if choice.taken else choice.derived or choice.constant or "-"
            if choice.taken or choice.derived or choice.constant or needed:
                mark = "unsure: " if choice.unsure else ""
                rows.append(f"  {choice.column:<18} {taken!s:<28} {choice.sure:>4.0%}  {mark}{choice.because}")
    return rows


def _next(settings: Settings, place: Path) -> list[str]:
    source = shlex.quote(settings.source_named or "SOURCE")
    return [
        f"written: {place}",
        f"next: look at what is unsure in it, then churn source check {source} --mapping {shlex.quote(str(place))}",
    ]


def lines(described: SourceDescription) -> list[str]:
    """What was found, what is missing, which features fall away."""
    found = [line for table in described.tables for line in _table(table)]
    lost = falling_away(present(described))
    by_need: dict[str, list[str]] = {}
    for feature in lost:
        by_need.setdefault(", ".join(feature.needs), []).append(_called(feature))
    away = [f"  without {needs}: {', '.join(names)}" for needs, names in by_need.items()]
    return [
        *found,
        *([f"outcomes: {described.outcomes}"] if described.outcomes.converted else []),
        *([f"not used: {listed(described.unused)}"] if described.unused else []),
        *(["features that fall away:", *away] if away else ["every feature can be computed"]),
        *(["problems:", *map(_indented, described.problems)] if described.problems else []),
    ]


def _called(feature: Feature | Named) -> str:
    """A feature by its name, a family with a member for each name in the data by how those begin."""
    return feature.name if isinstance(feature, Feature) else f"{feature.prefix}..."


def _stopping(problems: list[str]) -> list[str]:
    return ["a run would stop here:", *map(_indented, problems)] if problems else []


def _indented(text: str) -> str:
    return "  " + text.replace("\n", "\n  ")


def present(described: SourceDescription) -> set[str]:
    """The columns that the source has, as `table.column`."""
    return {
        f"{table.name}.{column}"
        for table, found in zip(RAW_TABLES, described.tables, strict=True)
        for column in table.names
        if found.files and column not in (*found.absent, *found.missing)
    }


def _table(table: TableDescription) -> list[str]:
    if not table.files:
        return [f"{table.table}: not found ({table.presence.value.replace('_', ' ')})"]
    span = f", known {table.first:%Y-%m-%d} to {table.last:%Y-%m-%d}" if table.first and table.last else ""
    files = listed([file.file for file in table.files])
    rows = f"{table.rows:,} rows, {table.good:,} good" + (
        f", {table.duplicates:,} exact copies" if table.duplicates else ""
    )
    null = [f"{column} {null_share(many, rows=table.good)}" for column, many in table.nulls.items() if many]
    return [f"{table.table}: {rows}{span} ({files})", *([f"  null: {', '.join(null)}"] if null else [])]
