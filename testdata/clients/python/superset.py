"""Superset's way in: flightsql-dbapi and its SQLAlchemy dialect, in an environment of its own (it needs SQLAlchemy 1).

    python superset.py HOST:PORT
"""

import sys

import sqlalchemy
import flightsql.sqlalchemy  # noqa: F401  (it registers its dialects)
from flightsql import FlightSQLClient, connect

from checks import Checks, refused, same


def dialect(checks, address):
    engine = sqlalchemy.create_engine(f"datafusion+flightsql://{address}?insecure=true")
    with checks.case("sqlalchemy: schemas, tables, columns"):
        inspector = sqlalchemy.inspect(engine)
        assert {"commerce", "identity", "lab"} <= set(inspector.get_schema_names())
        assert {"orders", "orders.items", "order_events"} <= set(inspector.get_table_names(schema="commerce"))
        columns = {column["name"]: column for column in inspector.get_columns("nation", schema="reference")}
        same(list(columns), ["n_nationkey", "n_name", "n_regionkey", "n_comment"])
        same(columns["n_name"]["nullable"], False)
    with checks.case("sqlalchemy: a table is reflected and asked"):
        nation = sqlalchemy.Table("nation", sqlalchemy.MetaData(), schema="reference", autoload_with=engine)
        asked = sqlalchemy.select([nation.c.n_name]).where(nation.c.n_nationkey == sqlalchemy.literal_column("7"))
        with engine.connect() as connection:
            same(connection.execute(asked).fetchall(), [("GERMANY",)])
    with checks.case("sqlalchemy: a chart with an alias, a group and a limit"), engine.connect() as connection:
        rows = connection.execute(
            sqlalchemy.text("SELECT status AS s, count(*) AS n FROM commerce.orders GROUP BY status ORDER BY n DESC LIMIT 3")
        )
        same((list(rows.keys()), len(rows.fetchall())), (["s", "n"], 3))
    with checks.case("sqlalchemy: our message is shown"), engine.connect() as connection:
        with refused('data product "commerce.oders" does not exist'):
            connection.execute(sqlalchemy.text("SELECT * FROM commerce.oders"))


def interface(checks, address):
    host, port = address.split(":")
    with checks.case("dbapi: rows and description"):
        connection = connect(FlightSQLClient(host=host, port=int(port), insecure=True))
        cursor = connection.cursor()
        cursor.execute("SELECT r_regionkey, r_name FROM reference.region ORDER BY r_regionkey")
        same([column[0] for column in cursor.description], ["r_regionkey", "r_name"])
        same(tuple(cursor.fetchone()), (0, "AFRICA"))
        same(len(cursor.fetchall()), 4)
        connection.close()
    with checks.case("client: a prepared statement"):
        client = FlightSQLClient(host=host, port=int(port), insecure=True)
        with client.prepare("SELECT n_name FROM reference.nation WHERE n_nationkey < 3 ORDER BY 1") as statement:
            info = statement.execute(None)
            same(client.do_get(info.endpoints[0].ticket).read_all().column(0).to_pylist(), ["ALGERIA", "ARGENTINA", "BRAZIL"])
    with checks.case("client: metadata"):
        info = client.get_sql_info([0])
        same(client.do_get(info.endpoints[0].ticket).read_all().column("value").to_pylist(), ["Meshweave"])
        info = client.get_db_schemas()
        assert "commerce" in client.do_get(info.endpoints[0].ticket).read_all().column("db_schema_name").to_pylist()


def main():
    checks = Checks()
    dialect(checks, sys.argv[1])
    interface(checks, sys.argv[1])
    checks.end()


main()
