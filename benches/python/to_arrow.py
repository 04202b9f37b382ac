"""How fast rows come to Python as Arrow: `to_arrow` of many rows, against datafusion-python and DuckDB on the same files.

    cd python && maturin build --release --out ../target/wheels
    python -m venv bench && bench/bin/pip install -r benches/python/requirements.txt target/wheels/*.whl
    bench/bin/python benches/python/to_arrow.py --rows 10000000

Every round asks each engine once, in turn, and our own twice: the ratio of the two ("A/A") says how much of a difference is
noise. Times are seconds of wall clock, medians over the rounds; each engine reads the same Parquet files into one table.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
from pyarrow import parquet

FILES = 8
DOMAIN = """\
apiVersion: meshweave/v1
kind: Domain
name: bench
owner: { team: bench, contact: bench@example.com }
storage:
  - prefix: file://./data/bench/
"""


def make(folder: Path, rows: int) -> Path:
    """Write a mesh with one product of `rows` rows and four columns; give the folder of its files."""
    data = folder / "data" / "bench" / "rows"
    data.mkdir(parents=True)
    each = rows // FILES
    for number in range(FILES):
        first = number * each
        n = pa.array(range(first, first + each), pa.int64())
        table = pa.table(
            {
                "n": n,
                "x": pa.compute.divide(n.cast(pa.float64()), 7.0),
                "word": pa.array([f"word {i % 1000}" for i in range(each)]),
                "day": pa.compute.add(n, 0).cast(pa.timestamp("s")).cast(pa.timestamp("us")),
            }
        )
        parquet.write_table(table, data / f"p{number}.parquet", row_group_size=1 << 18)
    (folder / "mesh.yaml").write_text(
        "apiVersion: meshweave/v1\nkind: Mesh\nname: bench\ncatalog: { source: folder }\n"
    )
    domain = folder / "domains" / "bench"
    domain.mkdir(parents=True)
    (domain / "domain.yaml").write_text(DOMAIN)
    return data


def contract() -> dict[str, object]:
    """Give the product's contract."""
    columns = {"n": ("integer", "BIGINT"), "x": ("number", "DOUBLE"), "word": ("string", "VARCHAR")}
    properties = [{"name": name, "logicalType": kind, "physicalType": sql} for name, (kind, sql) in columns.items()]
    properties.append({"name": "day", "logicalType": "timestamp", "physicalType": "TIMESTAMP"})
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "urn:bench:rows",
        "name": "rows",
        "version": "1.0.0",
        "status": "active",
        "domain": "bench",
        "dataProduct": "rows",
        "servers": [{"server": "mesh", "type": "local", "path": "file://./data/bench/rows/", "format": "parquet"}],
        "schema": [{"name": "rows", "properties": properties}],
        "customProperties": [{"property": "access", "value": "public"}],
    }


def engines(folder: Path, data: Path) -> dict[str, Callable[[], pa.Table]]:
    """Give what is timed: each reads all rows into one Arrow table."""
    import datafusion
    import duckdb
    import meshweave

    mesh = meshweave.open(folder, principal="bench@bench")
    mesh.register(contract())
    session = datafusion.SessionContext()
    session.register_parquet("rows", str(data))
    duck = duckdb.connect()
    files = f"SELECT * FROM read_parquet('{data}/*.parquet')"

    def ours() -> pa.Table:
        return mesh.sql("SELECT * FROM bench.rows").to_arrow()

    return {
        "meshweave": ours,
        "datafusion": lambda: session.sql("SELECT * FROM rows").to_arrow_table(),
        "duckdb": lambda: duck.sql(files).to_arrow_table(),
        "meshweave again": ours,
    }


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        data = make(folder, asked.rows)
        timed_engines = engines(folder, data)
        timed: dict[str, list[float]] = {}
        for turn in range(asked.rounds + 1):
            for name, read in timed_engines.items():
                began = time.perf_counter()
                rows = read().num_rows
                took = time.perf_counter() - began
                if rows != asked.rows // FILES * FILES:
                    raise SystemExit(f"{name} gave {rows} rows")
                # The first turn warms the files and the engines.
                if turn:
                    timed.setdefault(name, []).append(took)
    medians = {name: statistics.median(times) for name, times in timed.items()}
    ours = medians["meshweave"]
    told = {
        "rows": asked.rows,
        "rounds": asked.rounds,
        "seconds": {name: round(took, 4) for name, took in medians.items()},
        "rows_per_second": {name: round(asked.rows / took) for name, took in medians.items()},
        "ratio_to_datafusion": round(ours / medians["datafusion"], 3),
        "ratio_to_duckdb": round(ours / medians["duckdb"], 3),
        "a_to_a": round(ours / medians["meshweave again"], 3),
    }
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
