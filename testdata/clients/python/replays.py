"""The calls that ODBC, Power BI, Grafana and Superset make, in their order, without those programs.

    python replays.py grpc://127.0.0.1:PORT GOLDEN_FOLDER [--write]

What the server says of itself (GetSqlInfo, GetXdbcTypeInfo) is compared with the files of the golden folder; `--write` writes them.

Start reading at `main`.
"""

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.flight as flight

from checks import Checks, refused, same
from messages import Raw, schema_of

# The names that the programs give themselves.
ODBC = "Arrow Flight SQL ODBC Driver"
GRAFANA = "grafana-flightsql-datasource"
SUPERSET = "flightsql-dbapi"
TYPES_OF_ODBC = {
    pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.float32(),
    pa.float64(), pa.utf8(), pa.binary(), pa.date32(),
}


def tables(catalog=None, schema=None, table=None, types=(), columns=False):
    """The fields of CommandGetTables."""
    values = {1: catalog, 2: schema, 3: table, 4: list(types), 5: columns}
    return {number: value for number, value in values.items() if value is not None}


def odbc(checks, uri):
    """SQLDriverConnect, SQLGetInfo, the catalog functions, SQLExecDirect, SQLPrepare and SQLExecute."""
    with checks.case("odbc: connects with user and password"):
        client = flight.connect(uri, generic_options=[("grpc.primary_user_agent", ODBC)])
        name, value = client.authenticate_basic_token("analyst", "anything")
        assert name == b"authorization" and value.startswith(b"Bearer "), (name, value)
        client.close()
    raw = Raw(uri, ODBC)
    with checks.case("odbc: SQLGetInfo"):
        info = raw.ask("CommandGetSqlInfo")
        same(info.column("info_name").to_pylist()[:3], [0, 1, 2])
    with checks.case("odbc: SQLTables of all catalogs"):
        same(raw.ask("CommandGetCatalogs").to_pydict(), {"catalog_name": ["mesh"]})
    with checks.case("odbc: SQLTables of all schemas"):
        assert "commerce" in raw.ask("CommandGetDbSchemas", {2: "%"}).column("db_schema_name").to_pylist()
    with checks.case("odbc: SQLTables of all types"):
        assert {"TABLE", "VIEW", "TEMPORARY TABLE"} <= set(raw.ask("CommandGetTableTypes").column("table_type").to_pylist())
    with checks.case("odbc: SQLTables"):
        found = raw.ask("CommandGetTables", tables("mesh", "%", "%", ["TABLE", "VIEW"]))
        same(found.schema.names, ["catalog_name", "db_schema_name", "table_name", "table_type"])
        assert "orders" in found.column("table_name").to_pylist()
    with checks.case("odbc: SQLColumns"):
        found = raw.ask("CommandGetTables", tables("mesh", "commerce", "orders", columns=True))
        same(found.num_rows, 1)
        columns = schema_of(found.column("table_schema")[0].as_py())
        same(columns.names[:2], ["order_id", "customer_id"])
        same(columns.field("total").metadata[b"ARROW:FLIGHT:SQL:SCALE"], b"2")
    with checks.case("odbc: SQLGetTypeInfo of all types"):
        types = raw.ask("CommandGetXdbcTypeInfo")
        assert types.num_rows > 10 and "VARCHAR" in types.column("type_name").to_pylist(), types
    with checks.case("odbc: SQLGetTypeInfo of one type"):
        same(set(raw.ask("CommandGetXdbcTypeInfo", {1: 12}).column("data_type").to_pylist()), {12})
    with checks.case("odbc: SQLPrimaryKeys and SQLForeignKeys"):
        same(raw.ask("CommandGetPrimaryKeys", {1: "mesh", 2: "commerce", 3: "orders"}).column("column_name").to_pylist(), ["order_id"])
        assert raw.ask("CommandGetImportedKeys", {1: "mesh", 2: "commerce", 3: "orders"}).num_rows == 1
    with checks.case("odbc: SQLExecDirect"):
        same(raw.ask("CommandStatementQuery", {1: "SELECT n_name FROM reference.nation WHERE n_nationkey = 7"}).to_pydict(), {"n_name": ["GERMANY"]})
    with checks.case("odbc: SQLPrepare, SQLNumResultCols, SQLExecute, SQLFreeStmt"):
        handle, columns, _ = raw.prepare("SELECT r_regionkey, r_name FROM reference.region")
        same(len(schema_of(columns)), 2)
        for _ in range(2):
            same(raw.ask("CommandPreparedStatementQuery", {1: handle}).num_rows, 5)
        raw.end(handle)
        raw.end(handle)
    with checks.case("odbc: types that it has"):
        plain = raw.info("CommandStatementQuery", {1: "SELECT * FROM lab.types"}).schema
        strange = [
            field
            for field in plain
            if field.type not in TYPES_OF_ODBC
            and not (pa.types.is_decimal128(field.type) or pa.types.is_temporal(field.type) or pa.types.is_nested(field.type))
            and not pa.types.is_fixed_size_binary(field.type)
        ]
        same(strange, [])
    raw.close()


def power_bi(checks, uri):
    """The navigator, the preview of a table, and a folded aggregation, over ODBC."""
    raw = Raw(uri, ODBC)
    with checks.case("power bi: the navigator"):
        raw.ask("CommandGetCatalogs")
        schemas = raw.ask("CommandGetDbSchemas", {1: "mesh", 2: "%"}).column("db_schema_name").to_pylist()
        for schema in schemas:
            raw.ask("CommandGetTables", tables("mesh", schema, "%"))
    with checks.case("power bi: the preview"):
        raw.ask("CommandGetXdbcTypeInfo")
        raw.ask("CommandGetTables", tables("mesh", "commerce", "orders", columns=True))
        found = raw.ask("CommandStatementQuery", {1: 'select * from "mesh"."commerce"."orders" limit 1000'})
        same(found.num_rows, 1000)
    with checks.case("power bi: a folded aggregation"):
        sql = """
            select "rows"."currency" as "currency", count(*) as "count", sum("rows"."total") as "sum"
            from (select "order_id", "currency", "total" from "mesh"."commerce"."orders" "$Table"
                  where "$Table"."currency" = 'EUR' and "$Table"."total" is not null) "rows"
            group by "currency"
        """
        same(raw.ask("CommandStatementQuery", {1: sql}).column("currency").to_pylist(), ["EUR"])
    with checks.case("power bi: a join of two domains"):
        sql = """
            select "OTBL"."order_id", "ITBL"."country" from "mesh"."commerce"."orders" as "OTBL"
            left outer join "mesh"."identity"."customers" as "ITBL" on ("OTBL"."customer_id" = "ITBL"."customer_id") limit 10
        """
        same(raw.ask("CommandStatementQuery", {1: sql}).num_rows, 10)
    raw.close()


def grafana(checks, uri):
    """The health check, the query editor's lists, and a panel over time. It reads one endpoint, in messages below 4 MiB."""
    raw = Raw(uri, GRAFANA)
    with checks.case("grafana: the health check"):
        same(raw.ask("CommandStatementQuery", {1: "select 1"}).num_rows, 1)
    with checks.case("grafana: the lists of the editor"):
        found = raw.ask("CommandGetTables", tables(types=["BASE TABLE", "table"]))
        assert "orders" in found.column("table_name").to_pylist()
        found = raw.ask("CommandGetTables", tables(table="shipments", types=["BASE TABLE", "table"], columns=True))
        assert "carrier" in schema_of(found.column("table_schema")[0].as_py()).names
        raw.ask("CommandGetSqlInfo", {1: 508})
    with checks.case("grafana: a panel"):
        sql = """
            select date_bin(interval '1 day', placed_at, timestamp '1970-01-01T00:00:00Z') as time, count(*) as orders
            from commerce.orders
            where placed_at >= cast('2000-01-01T00:00:00Z' as timestamp) and placed_at <= cast('2100-01-01T00:00:00Z' as timestamp)
            group by 1 order by 1
        """
        found = raw.ask("CommandStatementQuery", {1: sql})
        assert found.num_rows > 0 and pa.types.is_timestamp(found.schema.field("time").type), found.schema
    with checks.case("grafana: an error is shown with its text"), refused('data product "commerce.oders" does not exist'):
        raw.ask("CommandStatementQuery", {1: "select * from commerce.oders"})
    raw.close()


def superset(checks, uri):
    """The reflection of flightsql-dbapi and a chart; its dialect reads the codes 504 and 3 without asking whether they are there."""
    raw = Raw(uri, SUPERSET)
    with checks.case("superset: reflection"):
        info = raw.ask("CommandGetSqlInfo", {1: [504, 3]})
        same(dict(zip(info.column("info_name").to_pylist(), info.column("value").to_pylist())), {3: False, 504: '"'})
        raw.ask("CommandGetDbSchemas")
        found = raw.ask("CommandGetTables", tables(schema="commerce", columns=True))
        assert {"orders", "orders.items"} <= set(found.column("table_name").to_pylist())
    with checks.case("superset: a chart"):
        sql = "SELECT status AS status, count(*) AS \"count\" FROM commerce.orders GROUP BY status ORDER BY \"count\" DESC\nLIMIT 1000"
        assert raw.ask("CommandStatementQuery", {1: sql}).num_rows > 1
    raw.close()


def shown(table, code, value):
    """A table as JSON has it: values by code; long lists by their ends and their length, versions as words."""

    def short(values):
        return values if not isinstance(values, list) or len(values) <= 24 else [*values[:3], f"... {len(values)} ...", *values[-3:]]

    rows = zip(table.column(code).to_pylist(), table.select(value).to_pylist())
    return [[key, *(short(one) for one in row.values())] for key, row in rows]


def golden(checks, uri, folder, is_written):
    """What the server says of itself."""
    raw = Raw(uri, "replay")
    info = shown(raw.ask("CommandGetSqlInfo"), "info_name", ["value"])
    told = {
        "sql_info.json": [[code, "a version"] if code in (1, 2) else [code, value] for code, value in info],
        "xdbc_type_info.json": raw.ask("CommandGetXdbcTypeInfo").to_pylist(),
    }
    raw.close()
    for name, value in told.items():
        text = "[\n" + ",\n".join(json.dumps(one, ensure_ascii=False) for one in value) + "\n]\n"
        file = Path(folder) / name
        if is_written:
            file.write_text(text)
        with checks.case(f"golden: {name}"):
            same(text.splitlines(), file.read_text().splitlines())


def main():
    uri, folder = sys.argv[1:3]
    checks = Checks()
    for replay in (odbc, power_bi, grafana, superset):
        replay(checks, uri)
    golden(checks, uri, folder, "--write" in sys.argv)
    checks.end()


main()
