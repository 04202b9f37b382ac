"""Browses a server and runs statements with the real ADBC Flight SQL driver.

    python adbc_browse.py grpc://127.0.0.1:PORT EXPECTED.json

EXPECTED.json says what the mesh holds; every key is optional, and what is there is checked:

    {
      "catalog": "mesh",
      "schemas": ["commerce", "crm"],                      # must be among the listed ones
      "tables": {"commerce": ["orders", "orders.items"]},  # must be among the listed ones
      "columns": {"commerce.orders": ["id", "amount"]},    # exactly, in order
      "statements": [                                      # rows compared in order
        {"sql": "SELECT ...", "parameters": [1], "rows": [[1, "a"]]},
        {"sql": "SELECT ... $1", "parameter_rows": [[1], [2]], "rows": [[...], [...]]}
      ],
      "refused": [{"sql": "DELETE FROM ...", "contains": "..."}]
    }

Prints one line per check and ends with the number of checks; the first one that fails ends it with status 1.
"""

import json
import sys

import adbc_driver_flightsql.dbapi as flightsql
import adbc_driver_manager
import pyarrow as pa


class Checks:
    """Counts what was checked."""

    def __init__(self):
        self.count = 0

    def that(self, condition, what, detail=""):
        if not condition:
            print(f"failed: {what} {detail}")
            sys.exit(1)
        self.count += 1
        print(f"ok: {what}")


def plain(value):
    """A value as JSON can write it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return str(value)


def objects(connection, depth, **filters):
    return connection.adbc_get_objects(depth=depth, **filters).read_all().to_pylist()


def browse(connection, expected, checks):
    catalog = expected.get("catalog", "mesh")
    checks.that([c["catalog_name"] for c in objects(connection, "catalogs")] == [catalog], "one catalog")

    def schemas(depth, **filters):
        found = objects(connection, depth, **filters)
        return {s["db_schema_name"]: s for c in found for s in c["catalog_db_schemas"] or []}

    listed = schemas("db_schemas")
    for schema in expected.get("schemas", []):
        checks.that(schema in listed, f"schema {schema} is listed", sorted(listed))
        only = schemas("db_schemas", db_schema_filter=schema)
        checks.that(list(only) == [schema], f"schema {schema} is found by its name", sorted(only))
    checks.that(schemas("db_schemas", catalog_filter="no such catalog") == {}, "another catalog has no schemas")

    for schema, tables in expected.get("tables", {}).items():
        found = {t["table_name"] for t in schemas("tables", db_schema_filter=schema)[schema]["db_schema_tables"]}
        checks.that(set(tables) <= found, f"tables of {schema}", f"{tables} in {sorted(found)}")

    for name, columns in expected.get("columns", {}).items():
        schema, table = name.split(".", 1)
        found = schemas("all", db_schema_filter=schema, table_name_filter=table.replace("_", "\\_"))
        shown = [t for t in found[schema]["db_schema_tables"] if t["table_name"] == table]
        checks.that(len(shown) == 1, f"table {name} is found by its name", [t["table_name"] for t in shown])
        names = [c["column_name"] for c in shown[0]["table_columns"]]
        checks.that(names == columns, f"columns of {name}", f"{names} != {columns}")
        types = [c["xdbc_type_name"] for c in shown[0]["table_columns"]]
        checks.that(all(types), f"every column of {name} has a type's name", types)
        arrow = connection.adbc_get_table_schema(table, db_schema_filter=schema)
        checks.that(arrow.names == columns, f"Arrow schema of {name}", arrow.names)
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT * FROM "{schema}"."{table}" LIMIT 0')
            rows = cursor.fetch_arrow_table()
            checks.that(rows.schema.equals(arrow), f"a query sends the listed types of {name}", f"{rows.schema} != {arrow}")

    checks.that("TABLE" in connection.adbc_get_table_types(), "table types")
    info = connection.adbc_get_info()
    checks.that(info.get("vendor_name") == "Meshweave", "the server's name", info)


def run(connection, expected, checks):
    for statement in expected.get("statements", []):
        sql = statement["sql"]
        with connection.cursor() as cursor:
            if "parameter_rows" in statement:
                columns = list(zip(*statement["parameter_rows"]))
                batch = pa.record_batch([pa.array(c) for c in columns], names=[str(i) for i in range(len(columns))])
                cursor.execute(sql, batch)
            elif "parameters" in statement:
                cursor.execute(sql, statement["parameters"])
            else:
                cursor.execute(sql)
            rows = [plain(list(row)) for row in cursor.fetchall()]
        checks.that(rows == statement["rows"], sql, f"{rows} != {statement['rows']}")


def refuse(connection, expected, checks):
    for statement in expected.get("refused", []):
        with connection.cursor() as cursor:
            try:
                cursor.execute(statement["sql"])
                cursor.fetchall()
            except adbc_driver_manager.Error as error:
                checks.that(statement["contains"] in str(error), f"refused: {statement['sql']}", str(error))
            else:
                checks.that(False, f"refused: {statement['sql']}", "it ran")


def always(connection, checks):
    """What holds for every mesh."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 AS one WHERE false")
        empty = cursor.fetch_arrow_table()
        checks.that(empty.num_rows == 0 and empty.column_names == ["one"], "an empty answer has its columns")
        checks.that(cursor.adbc_execute_schema("SELECT 'x' AS t").names == ["t"], "execute_schema")
        cursor.execute("SELECT CAST($1 AS BIGINT) + 1", [41])
        checks.that(cursor.fetchone() == (42,), "a bound parameter")
        cursor.execute("SELECT CAST(? AS BIGINT) * 2", pa.record_batch([pa.array([1, 2, 3])], names=["x"]))
        checks.that([row[0] for row in cursor.fetchall()] == [2, 4, 6], "three parameter rows, joined in order")
        try:
            cursor.execute("SELECT nothing_like_this")
            cursor.fetchall()
        except adbc_driver_manager.Error as error:
            checks.that("nothing_like_this" in str(error), "an error names what is wrong", str(error))
        else:
            checks.that(False, "a wrong statement is refused")


def main():
    uri, expected = sys.argv[1], {}
    if len(sys.argv) > 2:
        with open(sys.argv[2], encoding="utf-8") as file:
            expected = json.load(file)
    checks = Checks()
    with flightsql.connect(uri, autocommit=True) as connection:
        browse(connection, expected, checks)
        always(connection, checks)
        run(connection, expected, checks)
        refuse(connection, expected, checks)
    # A user and a password: the handshake of the driver must find a bearer.
    options = {"username": "ada", "password": "any"}
    with flightsql.connect(uri, db_kwargs=options, autocommit=True) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            checks.that(cursor.fetchone() == (1,), "connected with a user and a password")
    print(f"{checks.count} checks")


if __name__ == "__main__":
    main()
