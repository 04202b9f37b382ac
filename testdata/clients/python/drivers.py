"""The corpus and the data frame libraries through ADBC, as notebooks use them.

    python drivers.py grpc://127.0.0.1:PORT FOLDER_OF_TPCH_QUERIES

Start reading at `main`.
"""

import sys

import adbc_driver_flightsql.dbapi as flightsql
import adbc_driver_manager
import duckdb
import pandas
import polars
import pyarrow as pa

import corpus
from checks import Checks, refused, same

PRODUCT = "SELECT n_nationkey, n_name, n_regionkey FROM reference.nation ORDER BY n_nationkey"


def through_the_corpus(checks, connection, folder):
    """Each statement gives rows of exactly the columns that it announces."""
    statements = corpus.statements(folder)
    with checks.case("the corpus is large"):
        assert len(statements) >= 500, len(statements)
    with connection.cursor() as cursor:
        for name, sql in statements:
            with checks.case(f"corpus: {name}"):
                announced = cursor.adbc_execute_schema(sql)
                cursor.execute(sql)
                table = cursor.fetch_arrow_table()
                table.validate(full=True)
                same(table.schema, announced, "announced and sent")


def through_the_frames(checks, connection):
    """Rows, and types of columns, in each library's own way of asking."""
    names = ["n_nationkey", "n_name", "n_regionkey"]
    with checks.case("pyarrow: record batches"), connection.cursor() as cursor:
        cursor.execute(PRODUCT)
        reader = cursor.fetch_record_batch()
        same(reader.schema.names, names)
        same(sum(batch.num_rows for batch in reader), 25)
    with checks.case("pandas: read_sql"):
        frame = pandas.read_sql(PRODUCT, connection)
        same(list(frame.columns), names)
        same((len(frame), int(frame["n_nationkey"].sum())), (25, 300))
    with checks.case("pandas: fetch_df of every plain type"), connection.cursor() as cursor:
        # A time with nanoseconds is more than pandas holds.
        columns = ", ".join(column for column in corpus.PLAIN if column != "a_time_ns")
        cursor.execute(f"SELECT {columns} FROM lab.types ORDER BY id")
        same(len(cursor.fetch_df()), 3)
    with checks.case("polars: read_database"):
        frame = polars.read_database(PRODUCT, connection)
        same((frame.columns, frame.height), (names, 25))
    with checks.case("polars: every type"):
        columns = ", ".join(column for column in corpus.COLUMNS if column != "a_decimal256")
        frame = polars.read_database(f"SELECT {columns} FROM lab.types ORDER BY id", connection)
        same(frame.height, 3)
        same(frame["a_uint8"].to_list(), [0, 255, None])
    with checks.case("duckdb: a join of an answer with its own table"), connection.cursor() as cursor:
        cursor.execute(PRODUCT)
        nations = cursor.fetch_record_batch()
        local = duckdb.connect()
        local.execute("CREATE TABLE wanted AS SELECT 7 AS k UNION ALL SELECT 8")
        local.register("nations", nations)
        rows = local.execute("SELECT n_name FROM nations JOIN wanted ON n_nationkey = k ORDER BY 1").fetchall()
        same(rows, [("GERMANY",), ("INDIA",)])


def through_the_interface(checks, connection):
    """What DB-API and ADBC add to rows."""
    with checks.case("description, rowcount, fetchone, fetchmany, fetchall, iteration"), connection.cursor() as cursor:
        cursor.execute(PRODUCT)
        same([column[0] for column in cursor.description], ["n_nationkey", "n_name", "n_regionkey"])
        same(cursor.fetchone()[1], "ALGERIA")
        same([row[1] for row in cursor.fetchmany(2)], ["ARGENTINA", "BRAZIL"])
        same(len(cursor.fetchall()), 22)
        cursor.execute(PRODUCT)
        same(sum(1 for _ in cursor), 25)
    with checks.case("parameters of every kind"), connection.cursor() as cursor:
        for value in (1, -(2**63), 1.5, "größer", b"\x00\xff", True, None):
            cursor.execute("SELECT ? AS v", parameters=[value])
            same(cursor.fetchone(), (value,))
    with checks.case("rows of parameters"), connection.cursor() as cursor:
        rows = pa.RecordBatch.from_pydict({"k": [7, 8, 99]})
        cursor.adbc_prepare("SELECT n_name FROM reference.nation WHERE n_nationkey = ?")
        cursor.execute("SELECT n_name FROM reference.nation WHERE n_nationkey = ?", parameters=[7])
        same(cursor.fetchall(), [("GERMANY",)])
        cursor._stmt.set_sql_query("SELECT n_name FROM reference.nation WHERE n_nationkey = ?")
        cursor._stmt.prepare()
        cursor._stmt.bind(rows)
        handle, _ = cursor._stmt.execute_query()
        table = pa.RecordBatchReader._import_from_c(handle.address).read_all()
        same(table.column(0).to_pylist(), ["GERMANY", "INDIA"])
    with checks.case("get_info"):
        info = connection.adbc_get_info()
        same(info["vendor_name"], "Meshweave")
        assert info["vendor_arrow_version"] and info["vendor_version"], info
    for depth in ("catalogs", "db_schemas", "tables", "all"):
        with checks.case(f"get_objects to the depth of {depth}"):
            found = connection.adbc_get_objects(depth=depth).read_all().to_pylist()
            same([catalog["catalog_name"] for catalog in found], ["mesh"])
    with checks.case("get_objects by catalog, schema, table and column"):
        found = connection.adbc_get_objects(
            catalog_filter="mesh", db_schema_filter="comm%", table_name_filter="order\\_ev%", column_name_filter="%"
        )
        schemas = found.read_all().to_pylist()[0]["catalog_db_schemas"]
        same([schema["db_schema_name"] for schema in schemas], ["commerce"])
        same([table["table_name"] for table in schemas[0]["db_schema_tables"]], ["order_events"])
    with checks.case("get_table_schema"):
        told = connection.adbc_get_table_schema("types", db_schema_filter="lab")
        same(sorted(told.names), sorted(corpus.COLUMNS))
    with checks.case("get_table_types"):
        assert {"TABLE", "VIEW", "SYSTEM TABLE"} <= set(connection.adbc_get_table_types())
    with checks.case("partitions"), connection.cursor() as cursor:
        partitions, schema = cursor.adbc_execute_partitions(PRODUCT)
        same((len(partitions), schema.names), (1, ["n_nationkey", "n_name", "n_regionkey"]))
        cursor.adbc_read_partition(partitions[0])
        same(cursor.fetch_arrow_table().num_rows, 25)


def through_the_logins(checks, uri):
    """Without an authenticator every login is taken, and the handshake is answered all the same."""
    logins = {
        "user and password": {"username": "analyst", "password": "p:w ü"},
        "a bearer": {"adbc.flight.sql.authorization_header": "Bearer anything"},
        "cookies": {"adbc.flight.sql.rpc.with_cookie_middleware": "true"},
    }
    for name, options in logins.items():
        with checks.case(f"connects with {name}"), flightsql.connect(uri, db_kwargs=options, autocommit=True) as connection:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                same(cursor.fetchall(), [(1,)])
    with checks.case("a schema for one-part names"):
        options = {"adbc.flight.sql.rpc.call_header.schema": "reference"}
        with flightsql.connect(uri, db_kwargs=options, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM region")
            same(cursor.fetchall(), [(5,)])


def through_the_refusals(checks, connection):
    """Each kind of error has its class and its text, and the connection goes on."""
    errors = adbc_driver_manager
    cases = [
        ("SELECT * FROM commerce.oders", errors.ProgrammingError, 'data product "commerce.oders" does not exist'),
        ("SELECT nothing FROM commerce.orders", errors.ProgrammingError, "nothing"),
        ("SELEC 1", errors.ProgrammingError, "SELEC"),
        ("SELECT 1 / 0", errors.Error, "ivide by zero"),
        ("SELECT * FROM identity.login_events", errors.Error, "login_events"),
        ("DELETE FROM commerce.orders", errors.Error, "read"),
    ]
    for sql, by, text in cases:
        with checks.case(f"refused: {sql}"), connection.cursor() as cursor:
            with refused(text, by=by):
                cursor.execute(sql)
                cursor.fetchall()
            cursor.execute("SELECT 1")
            same(cursor.fetchall(), [(1,)])


def main():
    uri, folder = sys.argv[1:3]
    checks = Checks()
    through_the_logins(checks, uri)
    with flightsql.connect(uri, autocommit=True) as connection:
        through_the_interface(checks, connection)
        through_the_frames(checks, connection)
        through_the_refusals(checks, connection)
        through_the_corpus(checks, connection, folder)
    checks.end()


main()
