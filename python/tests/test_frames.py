"""Local frames beside products, and the connection's own tables."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import meshweave
from meshweave import errors

RATES = {"currency": ["EUR", "GBP"], "rate": [1.0, 1.2]}
JOIN = "SELECT count(*) AS n FROM commerce.orders o JOIN temp.rates r ON r.currency = o.currency"
FRAMES = {
    "pandas": lambda: pd.DataFrame(RATES),
    "pandas index": lambda: pd.DataFrame(RATES).set_index("currency"),
    "polars": lambda: pl.DataFrame(RATES),
    "lazy": lambda: pl.DataFrame(RATES).lazy(),
    "table": lambda: pa.table(RATES),
    "batch": lambda: pa.record_batch(RATES),
    "reader": lambda: pa.table(RATES).to_reader(),
    "dictionary": lambda: RATES,
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_join_with_products(mesh: meshweave.Mesh, kind: str) -> None:
    assert mesh.register_frame("temp.rates", FRAMES[kind]()) == 2
    try:
        direct = mesh.sql("SELECT count(*) AS n FROM commerce.orders WHERE currency IN ('EUR', 'GBP')").to_pylist()
        assert mesh.sql(JOIN).to_pylist() == direct
    finally:
        mesh.unregister_frame("temp.rates")
    with pytest.raises(errors.NotFoundError):
        mesh.sql(JOIN)


def test_a_frame_takes_the_place_of_its_namesake(opened: meshweave.Mesh) -> None:
    opened.register_frame("again", {"a": [1]})
    opened.register_frame("temp.again", {"b": ["x", "y"]})
    assert opened.sql("SELECT b FROM temp.again ORDER BY b").to_pylist() == [{"b": "x"}, {"b": "y"}]
    opened.unregister_frame("again")


def test_an_answer_is_a_frame(opened: meshweave.Mesh) -> None:
    answer = opened.sql("SELECT customer_id, sum(total) AS worth FROM commerce.orders GROUP BY 1")
    rows = opened.register_frame("temp.worth", answer)
    assert opened.sql("SELECT count(*) AS n FROM temp.worth").to_pylist() == [{"n": rows}]
    opened.unregister_frame("temp.worth")


def test_frames_made_by_python_code_are_pulled(opened: meshweave.Mesh) -> None:
    schema = pa.schema([("n", pa.int64())])
    batches = (pa.record_batch({"n": range(k, k + 10)}, schema=schema) for k in range(0, 1000, 10))
    assert opened.register_frame("temp.made", pa.RecordBatchReader.from_batches(schema, batches)) == 1000
    assert opened.sql("SELECT sum(n) AS s FROM temp.made").to_pylist() == [{"s": 499500}]
    opened.unregister_frame("temp.made")

    def breaks():
        yield pa.record_batch({"n": [1]}, schema=schema)
        raise ValueError("a stone in the way")

    with pytest.raises(errors.Error, match="stone"):
        opened.register_frame("temp.broken", pa.RecordBatchReader.from_batches(schema, breaks()))
    with pytest.raises(errors.NotFoundError):
        opened.sql("SELECT * FROM temp.broken")


def test_products_are_not_written(opened: meshweave.Mesh) -> None:
    with pytest.raises(errors.InterfaceError, match=r"temp\.orders"):
        opened.register_frame("commerce.orders", RATES)
    with pytest.raises(errors.InterfaceError, match="no frame"):
        opened.register_frame("temp.x", 7)


def test_frames_are_held_within_a_limit(made, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHWEAVE_SESSIONS__TEMP_MEMORY", "1MiB")
    with meshweave.open(made) as mesh:
        assert mesh.register_frame("temp.small", {"n": range(1000)}) == 1000
        with pytest.raises(errors.ExhaustedError, match=r"sessions\.temp_memory"):
            mesh.register_frame("temp.large", {"n": range(1_000_000)})
        assert mesh.sql("SELECT count(*) AS n FROM temp.small").to_pylist() == [{"n": 1000}]


def test_statements_that_write_run_at_once(opened: meshweave.Mesh) -> None:
    made = opened.sql("CREATE TABLE temp.notes AS SELECT 1 AS n, 'a' AS note")
    assert made.to_pylist() == made.to_pylist()
    assert opened.sql("INSERT INTO temp.notes VALUES (2, 'b')").to_pylist() == [{"count": 1}]
    assert opened.sql("SELECT count(*) AS n FROM temp.notes").to_pylist() == [{"n": 2}]
    opened.sql("DROP TABLE temp.notes")
    with pytest.raises(errors.NotFoundError):
        opened.sql("SELECT * FROM temp.notes")


def test_frames_belong_to_one_mesh(made, opened: meshweave.Mesh) -> None:
    opened.register_frame("temp.mine", RATES)
    with meshweave.open(made) as other, pytest.raises(errors.NotFoundError):
        other.sql("SELECT * FROM temp.mine")
    opened.unregister_frame("temp.mine")
