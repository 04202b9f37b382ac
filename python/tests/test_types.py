"""Every Arrow type round trips: into the mesh as a frame, and out to pyarrow, pandas and polars."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import meshweave

MOMENT = dt.datetime(2026, 3, 29, 1, 30, 15, 123456)
DAY = dt.date(1969, 7, 20)
CLOCK = dt.time(23, 59, 59, 999999)

COLUMNS: dict[str, pa.Array] = {
    "null": pa.array([None, None, None]),
    "bool": pa.array([True, None, False]),
    **{
        str(kind): pa.array([low, None, high], kind)
        for kind, low, high in [
            (pa.int8(), -128, 127),
            (pa.int16(), -(2**15), 2**15 - 1),
            (pa.int32(), -(2**31), 2**31 - 1),
            (pa.int64(), -(2**63), 2**63 - 1),
            (pa.uint8(), 0, 255),
            (pa.uint16(), 0, 2**16 - 1),
            (pa.uint32(), 0, 2**32 - 1),
            (pa.uint64(), 0, 2**64 - 1),
            (pa.float16(), -1.5, 2.25),
            (pa.float32(), -1.5, 2.25),
            (pa.float64(), -1.5, 2.25),
            (pa.decimal32(5, 2), Decimal("-999.99"), Decimal("1.10")),
            (pa.decimal64(15, 3), Decimal("-999999999999.999"), Decimal("1.100")),
            (pa.decimal128(38, 10), Decimal("-9999999999999999999999999999.9999999999"), Decimal("1.1000000000")),
            (pa.decimal256(60, 5), Decimal("-" + "9" * 55 + ".99999"), Decimal("1.10000")),
            (pa.string(), "", "Straße 北京 🦀"),
            (pa.large_string(), "", "Straße"),
            (pa.string_view(), "", "a text that is longer than a view can hold by itself"),
            (pa.binary(), b"", b"\x00\xff"),
            (pa.large_binary(), b"", b"\x00\xff"),
            (pa.binary_view(), b"", b"\x00" * 40),
            (pa.binary(3), b"abc", b"\x00\x01\x02"),
            (pa.date32(), DAY, dt.date(9999, 12, 31)),
            (pa.date64(), DAY, dt.date(2026, 1, 1)),
            (pa.time32("s"), dt.time(1, 2, 3), dt.time(23, 59, 59)),
            (pa.time32("ms"), dt.time(1, 2, 3, 4000), dt.time(23, 59, 59)),
            (pa.time64("us"), CLOCK, dt.time(0)),
            (pa.time64("ns"), CLOCK, dt.time(0)),
            *[
                (pa.timestamp(unit), MOMENT.replace(microsecond=0), MOMENT.replace(microsecond=0))
                for unit in ("s", "ms")
            ],
            (pa.timestamp("us"), MOMENT, MOMENT),
            (pa.timestamp("ns"), MOMENT, MOMENT),
            (pa.timestamp("us", "UTC"), MOMENT.replace(tzinfo=dt.timezone.utc), None),
            (pa.timestamp("ns", "Europe/Berlin"), MOMENT.replace(tzinfo=ZoneInfo("UTC")), None),
            *[
                (pa.duration(unit), dt.timedelta(days=-3, seconds=7), dt.timedelta(0))
                for unit in ("s", "ms", "us", "ns")
            ],
            (pa.month_day_nano_interval(), pa.MonthDayNano([1, -2, 3]), pa.MonthDayNano([0, 0, 0])),
            (pa.list_(pa.int32()), [], [1, None, 3]),
            (pa.large_list(pa.string()), [], ["a", None]),
            (pa.list_(pa.float64(), 2), [1.0, 2.0], [None, 0.5]),
            (
                pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))]),
                {"a": 1, "b": ["x"]},
                {"a": None, "b": None},
            ),
            (pa.map_(pa.string(), pa.int64()), [], [("k", 1), ("l", None)]),
            (pa.dictionary(pa.int32(), pa.string()), "red", "green"),
        ]
    },
}
CASES = sorted(COLUMNS)
NO_PANDAS = {"month_day_nano_interval"}


@pytest.fixture(scope="module")
def table(opened: meshweave.Mesh) -> Iterator[pa.Table]:
    """Give every column as the mesh gives it back."""
    given = pa.table({f"c{place}": COLUMNS[name] for place, name in enumerate(CASES)})
    assert opened.register_frame("temp.every_type", given) == 3
    yield opened.sql("SELECT * FROM temp.every_type").to_arrow()
    opened.unregister_frame("temp.every_type")


def _plain(value: Any) -> Any:
    """Give a value that compares with `==`."""
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return value


@pytest.mark.parametrize("name", CASES)
def test_pyarrow_gets_the_same_type_and_the_same_values(table: pa.Table, name: str) -> None:
    column = table.column(CASES.index(name)).combine_chunks()
    given = COLUMNS[name]
    assert column.type == given.type
    assert [_plain(value) for value in column.to_pylist()] == [_plain(value) for value in given.to_pylist()]


@pytest.mark.parametrize("name", [name for name in CASES if name not in NO_PANDAS])
def test_pandas_gets_what_pyarrow_would_give_it(opened: meshweave.Mesh, table: pa.Table, name: str) -> None:
    place = CASES.index(name)
    frame = opened.sql(f"SELECT c{place} AS c FROM temp.every_type").to_pandas()
    given = COLUMNS[name]
    views = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
    expected = pa.table({"c": given.cast(views.get(given.type, given.type))}).to_pandas()
    pd.testing.assert_frame_equal(frame, expected)


@pytest.mark.parametrize("name", CASES)
def test_polars_gets_the_values(opened: meshweave.Mesh, table: pa.Table, name: str) -> None:
    place = CASES.index(name)
    try:
        expected = pl.from_arrow(pa.table({"c": COLUMNS[name]}))
    except BaseException as error:  # A Rust panic of polars is no Exception.
        with pytest.raises(type(error)):
            opened.sql(f"SELECT c{place} AS c FROM temp.every_type").to_polars()
        return
    assert isinstance(expected, pl.DataFrame)
    assert opened.sql(f"SELECT c{place} AS c FROM temp.every_type").to_polars().equals(expected)


def test_values_of_python_travel_as_parameters(mesh: meshweave.Mesh) -> None:
    values: list[Any] = [
        True,
        -(2**63),
        1.5,
        "O'Hara 🦀",
        b"\x00\xff",
        Decimal("12345678901234567890.123456789"),
        DAY,
        CLOCK,
        MOMENT,
        MOMENT.replace(tzinfo=dt.timezone.utc),
        None,
    ]
    names = [f"c{place}" for place in range(len(values))]
    row = mesh.sql("SELECT " + ", ".join(f"? AS {name}" for name in names), values).to_pylist()[0]
    assert [_plain(row[name]) for name in names] == values


def test_scalars_of_other_libraries_travel_as_parameters(opened: meshweave.Mesh) -> None:
    import uuid

    import numpy as np

    key = uuid.UUID(int=7)
    values = [np.int16(3), np.float32(0.5), pd.Timestamp(MOMENT), key, pa.scalar(7, pa.int8())]
    row = opened.sql("SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e", values).to_pylist()[0]
    assert [_plain(value) for value in row.values()] == [3, 0.5, MOMENT, str(key), 7]
