"""Makes the golden TPC-H answers: runs testdata/tpch/queries/*.sql in DuckDB over Parquet files of our generator.

In: the data folder of a mesh at scale factor 0.1. Out: testdata/tpch/golden/q01.jsonl ... q22.jsonl and index.json.
Each answer's first line tells the columns and their families; every further line is one row of texts and nulls.

    cargo run --release -p meshweave-testdata --bin meshweave-demo-data -- /tmp/golden-mesh --scale 0.1
    python testdata/tpch/make_golden.py /tmp/golden-mesh/data

Needs: duckdb 2.0.0.
"""

import json
import pathlib
import sys

import duckdb

HERE = pathlib.Path(__file__).resolve().parent
SCALE = 0.1
TABLES = {
    "reference": ["region", "nation"],
    "inventory": ["part"],
    "supply": ["supplier", "partsupp"],
    "crm": ["customer"],
    "sales": ["orders", "lineitem"],
}


def family(duckdb_type: str) -> str:
    """The family of types that an answer's column must belong to."""
    word = str(duckdb_type).split("(")[0].upper()
    if word in {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "UINTEGER"}:
        return "integer"
    if word == "DECIMAL":
        return "decimal"
    if word in {"DOUBLE", "FLOAT"}:
        return "float"
    if word == "VARCHAR":
        return "text"
    if word == "DATE":
        return "date"
    raise SystemExit(f"no family for the type {duckdb_type}")


def cell(value):
    """A value as text; null stays null."""
    if value is None:
        return None
    return repr(value) if isinstance(value, float) else str(value)


def main(data: pathlib.Path) -> None:
    session = duckdb.connect()
    for domain, tables in TABLES.items():
        session.execute(f'CREATE SCHEMA "{domain}"')
        for table in tables:
            files = data / domain / table / "*.parquet"
            session.execute(f"CREATE VIEW \"{domain}\".{table} AS SELECT * FROM read_parquet('{files}')")
    golden = HERE / "golden"
    golden.mkdir(exist_ok=True)
    counts = {}
    for query in sorted((HERE / "queries").glob("q*.sql")):
        session.execute(query.read_text().replace("{suffix}", ""))
        columns = [{"name": d[0], "family": family(d[1])} for d in session.description]
        rows = [[cell(value) for value in row] for row in session.fetchall()]
        lines = [json.dumps({"columns": columns, "rows": len(rows)})]
        lines += [json.dumps(row, ensure_ascii=False) for row in rows]
        (golden / f"{query.stem}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        counts[query.stem] = len(rows)
        print(query.stem, len(rows))
    index = {
        "v": 1,
        "scale": SCALE,
        "made_by": f"duckdb {duckdb.__version__}",
        "rows": counts,
        "empty": [name for name, rows in counts.items() if rows == 0],
    }
    (golden / "index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: make_golden.py DATA_FOLDER")
    main(pathlib.Path(sys.argv[1]))
