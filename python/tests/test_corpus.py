"""The TPC-H corpus: the same rows in process, over Flight SQL and from the command line, over Parquet and over Delta."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from conftest import run
from pyarrow import ipc

import meshweave

QUERIES = Path(__file__).parents[2] / "testdata" / "tpch" / "queries"


def statement(number: int, suffix: str) -> str:
    """Give a statement of the corpus; `suffix` chooses the products' format."""
    return (QUERIES / f"q{number:02}.sql").read_text().replace("{suffix}", suffix)


def rows(table: pa.Table) -> list[tuple[object, ...]]:
    """Give the rows in an order of their own, numbers to nine digits: sums of floats depend on the order of their terms."""

    def plain(value: object) -> object:
        return float(f"{value:.9g}") if isinstance(value, float) else value

    return sorted((tuple(plain(v) for v in row.values()) for row in table.to_pylist()), key=repr)


@pytest.mark.parametrize("suffix", ["", "_delta"])
@pytest.mark.parametrize("number", range(1, 23))
def test_in_process_and_over_the_wire(
    opened: meshweave.Mesh, connected: meshweave.Mesh, number: int, suffix: str
) -> None:
    sql = statement(number, suffix)
    here, there = opened.sql(sql), connected.sql(sql)
    assert here.versions == there.versions
    assert here.columns == there.columns
    assert rows(here.to_arrow()) == rows(there.to_arrow())


def test_the_command_line_gives_the_same(opened: meshweave.Mesh, made: Path, tmp_path: Path) -> None:
    for number in range(1, 23):
        sql = statement(number, "")
        file = tmp_path / f"q{number:02}.arrow"
        run("sql", sql, "--output", "arrow", "--out", str(file), mesh=made)
        with ipc.open_file(file) as reader:
            assert rows(reader.read_all()) == rows(opened.sql(sql).to_arrow()), number
