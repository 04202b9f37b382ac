"""How long the row of a statement takes through ADBC.

    python first_row.py grpc://127.0.0.1:PORT STATEMENT TIMES

Prints one line of JSON: milliseconds of each statement, by way of asking. *DB-API* is a cursor, which prepares; *statement* is
the driver's own, which does not.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi
import adbc_driver_manager
import pyarrow


def times(ask: Callable[[], object], count: int) -> list[float]:
    """Give the milliseconds of each call, after one that warms up."""
    told = []
    for turn in range(count + 1):
        began = time.perf_counter()
        row = ask()
        took = time.perf_counter() - began
        if row != 1:
            raise SystemExit(f"the row is {row!r}")
        if turn:
            told.append(took * 1000)
    return told


def main() -> None:
    """Measure both ways, and print them."""
    uri, sql, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with adbc_driver_flightsql.dbapi.connect(uri) as connection:

        def through_cursor() -> object:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchone()[0]

        prepared = times(through_cursor, count)

    with adbc_driver_flightsql.connect(uri) as database, adbc_driver_manager.AdbcConnection(database) as connection:

        def through_statement() -> object:
            with adbc_driver_manager.AdbcStatement(connection) as statement:
                statement.set_sql_query(sql)
                stream, _ = statement.execute_query()
                with pyarrow.RecordBatchReader._import_from_c(stream.address) as reader:
                    return reader.read_next_batch().column(0)[0].as_py()

        plain = times(through_statement, count)
    print(json.dumps({"milliseconds": {"DB-API": prepared, "statement": plain}}))


if __name__ == "__main__":
    main()
