from __future__ import annotations

import threading
import traceback
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import psycopg2
import pyarrow as pa
import pytest

from churn_pipeline.adapters.postgres import connect, database_url
from churn_pipeline.adapters.warehouse import Warehouse, WarehouseError
from churn_pipeline.contracts.analytics import ANALYTICS_TABLES, DATA_QUALITY_ISSUES, SCORES
from churn_pipeline.contracts.production import MODEL_PROMOTIONS
from churn_pipeline.contracts.spec import Column, Instant, Integer, Json, Money, OneOf, Real, Table, Text, View
from churn_pipeline.settings import Settings

DAY = datetime(2024, 5, 1, tzinfo=UTC)
NEXT_DAY = datetime(2024, 5, 2, tzinfo=UTC)
PARCELS = Table(
    "parcels",
    "One parcel, weighed on a day.",
    key=("day", "parcel_id"),
    columns=(
        Column("day", Instant(), "The day."),
        Column("parcel_id", Text(low=1, high=20), "The parcel."),
        Column("weight", Real(0, 30), "Its weight.", unit="kg"),
        Column("state", OneOf(("sent", "lost")), "What became of it.", null=True, absent="not known yet"),
        Column("price", Money(0), "Its price.", null=True),
        Column("papers", Json(), "Its papers.", null=True),
    ),
)
LEDGER = Table(
    "ledger",
    "Who took over.",
    key=("entry",),
    append_only=True,
    columns=(Column("entry", Text(), "The entry."), Column("who", Text(), "Who.")),
)
LATEST = View("parcels_latest", "The newest weighing.", of=PARCELS, per="parcel_id", at="day")


def parcels(day: datetime, **weights: float) -> pa.Table:
    return pa.table(
        {
            "day": pa.array([day] * len(weights), pa.timestamp("us", tz="UTC")),
            "parcel_id": list(weights),
            "weight": list(weights.values()),
            "state": pa.array(["sent"] * len(weights)).dictionary_encode(),
            "price": pa.array(["2.5"] * len(weights)).cast(pa.decimal128(18, 4)),
            "papers": ['{"from": "here"}'] * len(weights),
        }
    )


@pytest.fixture
def house(warehouse: Warehouse) -> Warehouse:
    warehouse.create((PARCELS, LEDGER), (LATEST,))
    return warehouse


def weights(house: Warehouse) -> list[tuple[str, float]]:
    rows = house.read("select parcel_id, weight from parcels order by day, parcel_id")
    return list(zip(rows["parcel_id"].to_pylist(), rows["weight"].to_pylist(), strict=True))


def test_a_day_is_replaced_as_a_whole_and_other_days_stay(house: Warehouse) -> None:
    assert house.replace(PARCELS, parcels(DAY, a=1.0, b=2.0), where={"day": DAY}) == 2
    assert house.replace(PARCELS, parcels(NEXT_DAY, a=3.0), where={"day": NEXT_DAY}) == 1
    assert house.replace(PARCELS, parcels(DAY, c=4.0), where={"day": DAY}) == 1
    assert weights(house) == [("c", 4.0), ("a", 3.0)]


def test_replacing_by_nothing_empties_the_day(house: Warehouse) -> None:
    house.replace(PARCELS, parcels(DAY, a=1.0), where={"day": DAY})
    assert house.replace(PARCELS, parcels(DAY, a=1.0).slice(0, 0), where={"day": DAY}) == 0
    assert weights(house) == []


def test_rows_that_break_a_rule_leave_yesterday_and_are_not_quoted(house: Warehouse) -> None:
    house.replace(PARCELS, parcels(DAY, a=1.0), where={"day": DAY})
    bad = parcels(DAY, b=2.0, secretname=31.0)
    with pytest.raises(WarehouseError, match=r"parcels refused the rows \(rule weight_allowed\)") as caught:
        house.replace(PARCELS, bad, where={"day": DAY})
    told = "".join(traceback.format_exception(caught.value))
    assert '"weight" >= 0 and "weight" <= 30' in told
    assert "secretname" not in told
    assert caught.value.__context__ is None
    assert weights(house) == [("a", 1.0)]


def test_a_null_a_bad_json_and_a_doubled_key_are_refused_by_name(house: Warehouse) -> None:
    rows = parcels(DAY, a=1.0)
    empty = rows.set_column(2, "weight", pa.array([None], pa.float64()))
    with pytest.raises(WarehouseError, match="column weight may not be null"):
        house.replace(PARCELS, empty, where={"day": DAY})
    with pytest.raises(WarehouseError, match="SQLSTATE 22P02"):
        house.replace(PARCELS, rows.set_column(5, "papers", pa.array(["{secret"])), where={"day": DAY})
    with pytest.raises(WarehouseError, match=r"rule parcels_key.*\n.*each day \+ parcel_id once"):
        house.replace(PARCELS, pa.concat_tables([rows, rows]), where={"day": DAY})
    assert weights(house) == []


def test_nan_and_infinity_are_refused(house: Warehouse) -> None:
    for weight in (float("nan"), float("inf"), float("-inf")):
        with pytest.raises(WarehouseError, match="weight_allowed"):
            house.replace(PARCELS, parcels(DAY, a=weight), where={"day": DAY})


def test_rows_of_another_day_or_another_shape_are_refused(house: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="not among those they replace: day"):
        house.replace(PARCELS, parcels(NEXT_DAY, a=1.0), where={"day": DAY})
    with pytest.raises(WarehouseError, match="names no column"):
        house.replace(PARCELS, parcels(DAY, a=1.0), where={})
    with pytest.raises(WarehouseError, match=r"column weight is missing; column mass is not declared"):
        house.replace(PARCELS, parcels(DAY, a=1.0).rename_columns({"weight": "mass"}), where={"day": DAY})
    with pytest.raises(WarehouseError, match=r"column weight is string, wanted is double"):
        house.replace(PARCELS, parcels(DAY, a=1.0).set_column(2, "weight", pa.array(["heavy"])), where={"day": DAY})


def test_a_reader_never_sees_a_part_of_a_day(house: Warehouse) -> None:
    seen: set[tuple[int, float]] = set()
    done = threading.Event()

    def watch() -> None:
        with closing(connect(house.url)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            while not done.is_set():
                cursor.execute("select count(*), coalesce(sum(weight), 0) from analytics.parcels")
                seen.add(cursor.fetchall()[0])

    reader = threading.Thread(target=watch)
    reader.start()
    for weight in (1.0, 2.0, 3.0):
        house.replace(PARCELS, parcels(DAY, **{f"p{n}": weight for n in range(2000)}), where={"day": DAY})
    done.set()
    reader.join()
    assert seen <= {(0, 0.0), (2000, 2000.0), (2000, 4000.0), (2000, 6000.0)}


def test_two_writers_of_one_day_take_turns(house: Warehouse) -> None:
    failures: list[BaseException] = []

    def write(weight: float) -> None:
        try:
            house.replace(PARCELS, parcels(DAY, **{f"p{n}": weight for n in range(500)}), where={"day": DAY})
        except WarehouseError as error:
            failures.append(error)

    writers = [threading.Thread(target=write, args=(float(n),)) for n in range(1, 6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not failures
    assert len({weight for _, weight in weights(house)}) == 1


def test_appending_twice_adds_once(house: Warehouse) -> None:
    rows = pa.table({"entry": ["1", "2", "2"], "who": ["ann", "bo", "bo"]})
    assert house.append(LEDGER, rows) == 2
    assert house.append(LEDGER, pa.concat_tables([rows, pa.table({"entry": ["3"], "who": ["cy"]})])) == 1
    assert house.append(LEDGER, rows.slice(0, 0)) == 0
    assert house.read("select count(*) as n from ledger")["n"].to_pylist() == [3]


@pytest.mark.parametrize(
    "act", ["update analytics.ledger set who = 'me'", "delete from analytics.ledger", "truncate analytics.ledger"]
)
def test_an_append_only_table_refuses_to_be_changed(house: Warehouse, act: str) -> None:
    house.append(LEDGER, pa.table({"entry": ["1"], "who": ["ann"]}))
    refused = pytest.raises(psycopg2.errors.RaiseException, match="ledger is append-only")
    with closing(connect(house.url)) as connection, connection.cursor() as cursor, refused:
        cursor.execute(act)
    with pytest.raises(WarehouseError, match="append-only"):
        house.replace(LEDGER, pa.table({"entry": ["1"], "who": ["bo"]}), where={"entry": "1"})
    assert house.read("select who from ledger")["who"].to_pylist() == ["ann"]


def test_every_declared_table_and_column_is_commented_in_the_database(warehouse: Warehouse) -> None:
    rows = warehouse.read(
        "select c.relname::text as table_name, a.attname::text as column_name, col_description(c.oid, a.attnum) as words, "
        "obj_description(c.oid, 'pg_class') as meaning from pg_class as c join pg_attribute as a on a.attrelid = c.oid "
        "where c.relnamespace = 'analytics'::regnamespace and c.relkind in ('r', 'v') and a.attnum > 0"
    ).to_pylist()
    assert all(row["words"] and row["meaning"] for row in rows)
    told = {(row["table_name"], row["column_name"]): row["words"] for row in rows}
    for table in ANALYTICS_TABLES:
        for column in table.columns:
            assert told[table.name, column.name].startswith(column.meaning)
    assert told["scores_latest", "trial_id"] == "The trial."


def test_declaring_twice_changes_nothing(house: Warehouse) -> None:
    # the transaction that last touched each entry of the catalogue
    query = (
        "select xmin::text as x from pg_class where relnamespace = 'analytics'::regnamespace union all "
        "select d.xmin::text from pg_description as d order by 1"
    )
    before = house.read(query)
    house.create()
    house.create((PARCELS, LEDGER), (LATEST,))
    assert house.read(query) == before


def test_what_somebody_built_on_a_view_outlives_new_columns_and_stops_the_loss_of_one(house: Warehouse) -> None:
    with closing(connect(house.url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("create view analytics.mine as select * from analytics.parcels_latest")
    wider = replace(PARCELS, columns=(Column("colour", Text(), "Colour.", null=True, absent="none"), *PARCELS.columns))
    house.create((wider,), (replace(LATEST, of=wider),))
    house.replace(wider, parcels(DAY, a=1.0).append_column("colour", pa.array(["red"])), where={"day": DAY})
    assert house.read("select colour from parcels_latest")["colour"].to_pylist() == ["red"]
    assert house.read("select parcel_id from mine")["parcel_id"].to_pylist() == ["a"]
    narrower = replace(PARCELS, columns=tuple(c for c in PARCELS.columns if c.name != "papers"))
    with pytest.raises(
        WarehouseError, match=r"parcels_latest lost a column .*mine depends on view(?s:.*)do: drop that"
    ):
        house.create((narrower,), (replace(LATEST, of=narrower),))


def test_many_may_declare_at_once(settings: Settings) -> None:
    house = Warehouse(database_url(settings))
    failures: list[BaseException] = []

    def declare() -> None:
        try:
            house.create()
        except psycopg2.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=declare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_changed_declaration_alters_the_table_and_keeps_its_rows(house: Warehouse) -> None:
    house.replace(PARCELS, parcels(DAY, a=25.0), where={"day": DAY})
    changed = Table(
        "parcels",
        "One parcel, weighed on a day.",
        key=("day", "parcel_id"),
        columns=(
            *PARCELS.columns[:2],
            Column("size", Integer(1), "Its size."),
            Column("weight", Real(0, 20), "Its weight.", unit="kg"),
        ),
    )
    house.create((changed,), (View("parcels_latest", "The newest.", of=changed, per="parcel_id", at="day"),))
    assert house.read("select parcel_id, weight, size from parcels_latest").to_pylist() == [
        {"parcel_id": "a", "weight": 25.0, "size": None}
    ]
    new = parcels(NEXT_DAY, b=1.0).select(["day", "parcel_id", "weight"])
    assert house.replace(changed, new.append_column("size", pa.array([3])), where={"day": NEXT_DAY}) == 1
    with pytest.raises(WarehouseError, match="size_required"):
        house.replace(changed, new.append_column("size", pa.array([None], pa.int64())), where={"day": NEXT_DAY})
    heavy = parcels(NEXT_DAY, b=21.0).select(["day", "parcel_id", "weight"])
    with pytest.raises(WarehouseError, match="weight_allowed"):
        house.replace(changed, heavy.append_column("size", pa.array([3])), where={"day": NEXT_DAY})
    house.create((PARCELS,), (LATEST,))  # and back
    assert house.replace(PARCELS, parcels(DAY, a=25.0), where={"day": DAY}) == 1


def test_a_changed_type_or_key_is_refused_with_what_to_do(house: Warehouse) -> None:
    changed = Table(
        "ledger",
        "Who.",
        key=("who",),
        columns=(Column("entry", Integer(), "The entry."), Column("who", Text(), "Who.")),
    )
    with pytest.raises(
        WarehouseError, match=r"column entry is text, declared is bigint; its key is entry, declared is who"
    ):
        house.create((changed,), ())


def test_the_latest_view_shows_the_newest_row_of_who_was_seen_on_the_newest_day(house: Warehouse) -> None:
    house.replace(PARCELS, parcels(DAY, a=1.0, gone=2.0), where={"day": DAY})
    house.replace(PARCELS, parcels(NEXT_DAY, a=3.0, b=4.0), where={"day": NEXT_DAY})
    noon = NEXT_DAY.replace(hour=12)
    house.replace(PARCELS, parcels(noon, b=5.0), where={"day": noon})
    rows = house.read("select parcel_id, weight from parcels_latest order by 1").to_pylist()
    assert rows == [{"parcel_id": "a", "weight": 3.0}, {"parcel_id": "b", "weight": 5.0}]


def test_what_is_read_comes_in_plain_types(house: Warehouse) -> None:
    house.replace(PARCELS, parcels(DAY, a=1.0), where={"day": DAY})
    rows = house.read(
        "select *, sum(1::bigint) over () as n from parcels where day = $1 and parcel_id = $2", (DAY, "a")
    )
    assert rows.schema.field("papers").type == pa.string()
    assert rows.schema.field("price").type == pa.decimal128(18, 4)
    assert rows.schema.field("n").type == pa.float64()
    (row,) = rows.to_pylist()
    assert (row["day"], row["state"], row["n"]) == (DAY, "sent", 1.0)


def test_many_rows_come_in_blocks_which_are_those_that_reading_gives(house: Warehouse) -> None:
    query = "select n, (n / 7.0)::numeric(9, 2) as part, repeat('x', 90) as word from generate_series(1, 400000) as n order by n"
    blocks = list(house.blocks(query))
    assert len(blocks) > 2
    assert max(block.num_rows for block in blocks) < 200_000
    assert pa.concat_tables(blocks).equals(house.read(query))
    assert [block.num_rows for block in house.blocks("select 1 as n where false")] == [0]


def test_a_writer_that_lost_its_lock_writes_nothing(house: Warehouse) -> None:
    house.replace(PARCELS, parcels(DAY, a=1.0), where={"day": DAY})
    with house.lock("writing"):
        with closing(connect(house.url)) as other, other, other.cursor() as cursor:
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name like 'churn: process%' and datname = current_database()"
            )
        refused = r"table parcels was not written: lock `writing` is lost.*\n  do: run it again"
        with pytest.raises(WarehouseError, match=refused):
            house.replace(PARCELS, parcels(DAY, a=9.0), where={"day": DAY})
        with pytest.raises(WarehouseError, match=refused):
            house.append(PARCELS, parcels(DAY, b=9.0))
    assert [row["weight"] for row in house.read("select weight from parcels").to_pylist()] == [1.0]
    house.replace(PARCELS, parcels(DAY, a=9.0), where={"day": DAY})


def test_the_url_is_in_no_representation(warehouse: Warehouse) -> None:
    assert repr(warehouse) == "Warehouse(schema='analytics')"


def test_the_declared_ledger_of_promotions_and_the_personal_issues_are_there(warehouse: Warehouse) -> None:
    for table in (SCORES, MODEL_PROMOTIONS, DATA_QUALITY_ISSUES):
        assert warehouse.read(f"select * from {table.name}").column_names == list(table.names)


@pytest.mark.parametrize("change", ["drop column papers cascade", "rename to parcels_before"])
def test_a_failure_of_the_server_is_not_blamed_on_the_rows(house: Warehouse, change: str) -> None:
    rows = parcels(DAY, secretname=1.0)
    with closing(connect(house.url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"alter table {house.schema}.parcels {change}")
    with pytest.raises(WarehouseError, match=r"parcels could not be written: (.|\n)*do: (.|\n)*run again") as caught:
        house.replace(PARCELS, rows, where={"day": DAY})
    told = "".join(traceback.format_exception(caught.value))
    assert "refused" not in told
    assert "secretname" not in told


def test_a_server_that_cannot_be_reached_is_named_as_such() -> None:
    nowhere = Warehouse("postgresql://nobody:word@127.0.0.1:1/none")
    with pytest.raises(WarehouseError, match="the connection to the server was lost"):
        nowhere.replace(PARCELS, parcels(DAY, a=1.0), where={"day": DAY})
