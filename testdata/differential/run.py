"""Random statements over random tables: what a mesh answers, against what DuckDB answers over the same rows in memory.

    run.py make    MESH SEED TABLES           writes a mesh folder; its contracts are to be registered
    run.py compare URI  SEED TABLES QUERIES   asks a Flight SQL server; prints every pair that differs
    run.py compare URI  SEED TABLES QUERIES TABLE:QUERY     one pair again, with both answers

Rows are compared as multisets, with the families of their types. Exit code 1 when a pair differs.
"""

import collections
import datetime
import decimal
import math
import pathlib
import sys

import adbc_driver_flightsql.dbapi as flight
import duckdb
import pyarrow as pa

import statements
import tables

HERE = pathlib.Path(__file__).resolve().parent
SPARK = HERE.parent / "delta-spark"


def family(data_type):
    """What a type is, whichever engine named it."""
    if pa.types.is_integer(data_type) or (pa.types.is_decimal(data_type) and data_type.scale == 0):
        return "whole"
    for is_it, word in [(pa.types.is_decimal, "decimal"), (pa.types.is_floating, "float"), (pa.types.is_boolean, "boolean"),
                        (pa.types.is_date, "date"), (pa.types.is_timestamp, "timestamp")]:
        if is_it(data_type):
            return word if word != "timestamp" or data_type.tz is None else "instant"
    if pa.types.is_string(data_type) or pa.types.is_large_string(data_type) or pa.types.is_string_view(data_type):
        return "text"
    return str(data_type)


def plain(value):
    """A value as both engines have it: numbers by value, one NaN, one zero, instants in UTC."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value + 0.0
    if isinstance(value, decimal.Decimal):
        return value.normalize() + 0
    if isinstance(value, datetime.datetime) and value.tzinfo:
        return value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return value


def answer(table):
    """Families of the columns, and how often each row comes."""
    columns = [[plain(value) for value in column.to_pylist()] for column in table.columns]
    counts = collections.Counter(zip(*columns)) if columns else collections.Counter()
    return [family(field.type) for field in table.schema], counts


def truth(all_tables):
    """DuckDB with the rows in memory."""
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.execute("CREATE SCHEMA shop")
    for one in all_tables:
        arrow = one.rows
        database.register("stored", arrow)
        database.execute(f"CREATE TABLE shop.{one.name} AS SELECT * FROM stored")
        database.unregister("stored")
    return database


def asked(run):
    """An answer, or the word for its failure."""
    try:
        return answer(run())
    except Exception as error:  # both engines have many kinds of errors
        return f"{type(error).__name__}: {error}"


def difference(ours, theirs):
    """How two answers differ; none when they do not."""
    if isinstance(ours, str) or isinstance(theirs, str):
        if isinstance(ours, str) and isinstance(theirs, str):
            return f"both refuse it\n  mesh: {ours[:300]}\n  DuckDB: {theirs[:300]}"
        return f"one refuses it\n  mesh: {str(ours)[:300]}\n  DuckDB: {str(theirs)[:300]}"
    if ours[0] != theirs[0]:
        return f"types {ours[0]} instead of {theirs[0]}"
    more, less = ours[1] - theirs[1], theirs[1] - ours[1]
    if more or less:
        return (f"{sum(more.values())} rows too many, {sum(less.values())} missing\n"
                f"  too many: {list(more)[:3]}\n  missing: {list(less)[:3]}")
    return None


def make(mesh, seed, count):
    all_tables = tables.all_tables(seed, count, SPARK)
    tables.write_mesh(pathlib.Path(mesh), seed, all_tables, SPARK)


def compare(uri, seed, count, queries, only=None):
    all_tables = tables.all_tables(seed, count, SPARK)
    database = truth(all_tables)
    pairs = [(table, query) for table in range(len(all_tables)) for query in range(queries)]
    if only:
        pairs = [tuple(int(part) for part in only.split(":"))]
    differing = 0
    rows = 0
    with flight.connect(uri) as connection, connection.cursor() as cursor:
        def ask(sql):
            cursor.execute(sql)
            return cursor.fetch_arrow_table()

        for table, query in pairs:
            sql = statements.statement(seed, all_tables, table, query)
            ours = asked(lambda: ask(sql))
            theirs = asked(lambda: database.execute(sql).to_arrow_table())
            if only:
                print(f"{sql}\nmesh: {ours}\nDuckDB: {theirs}")
            differs = difference(ours, theirs)
            if differs:
                differing += 1
                print(f"differs: {seed}:{table}:{query} ({all_tables[table].form})\n  {sql}\n  {differs}")
            elif not isinstance(ours, str):
                rows += sum(ours[1].values())
    print(f"{len(pairs)} pairs over {len(all_tables)} tables, seed {seed}: {differing} differ, {rows} rows equal")
    return differing == 0


if __name__ == "__main__":
    verb, place, seed, *numbers = sys.argv[1:]
    if verb == "make":
        make(place, int(seed), int(numbers[0]))
    elif not compare(place, int(seed), int(numbers[0]), int(numbers[1]), *numbers[2:]):
        sys.exit(1)
