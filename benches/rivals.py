"""Runs one TPC-H query in DuckDB or Polars over Parquet files and prints what it cost, as meshweave-bench does itself.

    python rivals.py duckdb|polars QUERY_FILE DATA_FOLDER RUNS THREADS

Prints one line of JSON: rows, CPU seconds of each run (all threads, planning included), peak memory of the process in bytes.
"""

import json
import pathlib
import sys
import time

TABLES = {
    "reference": ["region", "nation"],
    "inventory": ["part"],
    "supply": ["supplier", "partsupp"],
    "crm": ["customer"],
    "sales": ["orders", "lineitem"],
}


def files(data: pathlib.Path):
    """Domain, table and glob of every table."""
    for domain, tables in TABLES.items():
        for table in tables:
            yield domain, table, str(data / domain / table / "*.parquet")


def duckdb_runner(data: pathlib.Path, threads: int):
    """A function that runs a query and counts its rows."""
    import duckdb

    session = duckdb.connect(config={"threads": threads})
    for domain, table, glob in files(data):
        session.execute(f'CREATE SCHEMA IF NOT EXISTS "{domain}"')
        session.execute(f"CREATE VIEW \"{domain}\".{table} AS SELECT * FROM read_parquet('{glob}')")
    # Arrow batches, as the other engines give them; Python objects would be measured instead of the query.
    return lambda sql: session.sql(sql).to_arrow_table().num_rows


def polars_runner(data: pathlib.Path, threads: int):
    """A function that runs a query and counts its rows; Polars has no schemas, so names lose their domain."""
    import polars

    if polars.thread_pool_size() != threads:
        raise SystemExit(f"Polars has {polars.thread_pool_size()} threads instead of {threads}")
    context = polars.SQLContext()
    for _, table, glob in files(data):
        context.register(table, polars.scan_parquet(glob))

    def run(sql: str) -> int:
        for domain in TABLES:
            sql = sql.replace(f"{domain}.", "")
        return context.execute(sql).collect(engine="streaming").height

    return run


def peak_memory() -> int:
    """The most memory that this process held in RAM, bytes; `getrusage` would count its parent's too."""
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def main(engine: str, query: str, data: str, runs: str, threads: str) -> None:
    runner = {"duckdb": duckdb_runner, "polars": polars_runner}[engine](pathlib.Path(data), int(threads))
    sql = pathlib.Path(query).read_text()
    rows, seconds = None, []
    for _ in range(int(runs)):
        before = time.process_time()
        rows = runner(sql)
        seconds.append(time.process_time() - before)
    print(json.dumps({"rows": rows, "cpu_seconds": seconds, "peak_bytes": peak_memory()}))


if __name__ == "__main__":
    if len(sys.argv) != 6:
        raise SystemExit("usage: rivals.py duckdb|polars QUERY_FILE DATA_FOLDER RUNS THREADS")
    main(*sys.argv[1:])
