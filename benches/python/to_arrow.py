"""How fast rows come to Python as Arrow: `to_arrow` of many rows, against datafusion-python and DuckDB on the same files.

    cd python && maturin build --release --out ../target/wheels
    python -m venv bench && bench/bin/pip install -r benches/python/requirements.txt target/wheels/*.whl
    bench/bin/python benches/python/to_arrow.py --rows 10000000 --markdown

Each engine has a process of its own, so that what it costs is its own: seconds by the wall clock, CPU seconds of all its threads,
and the most memory that it held meanwhile, all told. Every round asks each process once, in turn, and our own
twice: the ratio of the two ("A/A") says how much of a difference is noise. All read the same Parquet files into one table, and
use every core.
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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


def files(folder: Path) -> Path:
    """Give the folder of the product's files."""
    return folder / "data" / "bench" / "rows"


def make(folder: Path, rows: int) -> None:
    """Write a mesh with one product of `rows` rows and four columns."""
    data = files(folder)
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


# What is measured: each gives a function that reads all rows into one Arrow table.


def _meshweave(folder: Path, data: Path) -> Callable[[], pa.Table]:
    import meshweave

    mesh = meshweave.open(folder, principal="bench@bench")
    return lambda: mesh.sql("SELECT * FROM bench.rows").to_arrow()


def _datafusion(folder: Path, data: Path) -> Callable[[], pa.Table]:
    import datafusion

    session = datafusion.SessionContext()
    session.register_parquet("rows", str(data))
    return lambda: session.sql("SELECT * FROM rows").to_arrow_table()


def _duckdb(folder: Path, data: Path) -> Callable[[], pa.Table]:
    import duckdb

    duck = duckdb.connect()
    return lambda: duck.sql(f"SELECT * FROM read_parquet('{data}/*.parquet')").to_arrow_table()


ENGINES = {
    "meshweave": _meshweave,
    "datafusion": _datafusion,
    "duckdb": _duckdb,
    "meshweave again": _meshweave,
}
PACKAGES = ("meshweave", "datafusion", "duckdb", "pyarrow")


# The process of one engine


def _memory(line: str) -> int:
    """Give a line of this process's status, bytes: ``VmHWM`` is the most memory since it was last set back."""
    status = Path("/proc/self/status").read_text()
    return next(int(row.split()[1]) * 1024 for row in status.splitlines() if row.startswith(f"{line}:"))


def serve(engine: str, folder: Path, data: Path) -> None:
    """Read all rows for each line of standard input, and tell what it took as one line of JSON."""
    read = ENGINES[engine](folder, data)
    for _ in sys.stdin:
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")
        cpu, began = time.process_time(), time.perf_counter()
        table = read()
        took = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
        took["memory"] = _memory("VmHWM") / (1 << 20)
        rows, size = table.num_rows, table.nbytes / (1 << 20)
        del table
        print(json.dumps({**took, "rows": rows, "table": size}), flush=True)


# The run


@dataclass
class Engine:
    """One engine's process, and what its readings took."""

    process: subprocess.Popen[str]
    rounds: list[dict[str, float]] = field(default_factory=list)

    def ask(self) -> dict[str, float]:
        """Let it read once."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print("read", file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("an engine has ended; its error stands above")
        told: dict[str, float] = json.loads(line)
        return told

    def told(self) -> dict[str, float]:
        """Give its figures."""
        seconds, cpu = [turn["seconds"] for turn in self.rounds], [turn["cpu"] for turn in self.rounds]
        return {
            "min_seconds": round(min(seconds), 4),
            "median_seconds": round(statistics.median(seconds), 4),
            "cpu_seconds": round(statistics.median(cpu), 4),
            "table_mib": round(self.rounds[0]["table"], 1),
            "peak_mib": round(max(turn["memory"] for turn in self.rounds), 1),
        }


def measure(folder: Path, rows: int, rounds: int) -> dict[str, dict[str, float]]:
    """Give each engine's figures over `rounds` turns; one turn before them warms files and engines."""
    import meshweave

    make(folder, rows)
    with meshweave.open(folder, principal="bench@bench") as mesh:
        mesh.register(contract())
    words = [sys.executable, __file__, "--serve"]
    started = {
        name: Engine(
            subprocess.Popen([*words, name, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        for name in ENGINES
    }
    try:
        for turn in range(rounds + 1):
            for name, engine in started.items():
                took = engine.ask()
                if took["rows"] != rows // FILES * FILES:
                    raise SystemExit(f"{name} gave {took['rows']} rows")
                if turn:
                    engine.rounds.append(took)
    finally:
        for engine in started.values():
            engine.process.terminate()
            engine.process.wait()
    return {name: engine.told() for name, engine in started.items()}


def ratios(told: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Give our figures over those of each other one; over our own second process: how much is noise."""
    ours = told["meshweave"]
    kinds = ("min_seconds", "median_seconds", "cpu_seconds")
    others = {name: figures for name, figures in told.items() if name != "meshweave"}
    return {
        name: {kind: round(ours[kind] / max(figures[kind], 1e-9), 3) for kind in kinds}
        for name, figures in others.items()
    }


def markdown(result: dict[str, Any]) -> str:
    """Give the section of the book."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines = [
        "## Rows to Python",
        "",
        f"`to_arrow` of {result['rows']:,} rows and four columns from {FILES} Parquet files into one `pyarrow.Table`"
        f" ({result['rounds']} rounds, {result['cores']} cores, {versions}). Seconds by the wall clock, CPU seconds of"
        " all threads (median), and the most memory that the process held"
        f" (the table has {result['engines']['meshweave']['table_mib']:.0f} MiB). A/A is the first process of"
        " Meshweave over a second one: what is nearer to 1 than this is noise.",
        "",
        "| engine | min s | median s | CPU s | peak MiB | Meshweave's median over it | CPU over it |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, figures in result["engines"].items():
        over = result["ratios"].get(name)
        beside = "| |" if over is None else f"{over['median_seconds']:.2f} | {over['cpu_seconds']:.2f} |"
        label = "meshweave, a second process (A/A)" if name.endswith("again") else name
        lines.append(
            f"| {label} | {figures['min_seconds']:.3f} | {figures['median_seconds']:.3f} | {figures['cpu_seconds']:.3f}"
            f" | {figures['peak_mib']:.0f} | {beside}"
        )
    command = f"python benches/python/to_arrow.py --rows {result['rows']} --rounds {result['rounds']} --markdown"
    return "\n".join([*lines, "", f"`{command}`", ""])


def main() -> None:
    """Measure, and print one JSON object or the section of the book."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--markdown", action="store_true", help="print the section of the book")
    parser.add_argument("--serve", nargs=2, metavar=("ENGINE", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        folder = Path(asked.serve[1])
        serve(asked.serve[0], folder, files(folder))
        return
    with tempfile.TemporaryDirectory() as place:
        engines = measure(Path(place), asked.rows, asked.rounds)
    result = {
        "rows": asked.rows,
        "rounds": asked.rounds,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "engines": engines,
        "ratios": ratios(engines),
    }
    print(markdown(result) if asked.markdown else json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
