"""The DB-API module: the compliance suite, and what it leaves out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import dbapi20
import pytest

import meshweave
from meshweave import dbapi, errors


@pytest.fixture(autouse=True, scope="module")
def _place(made: Path) -> None:
    TestCompliance.connect_args = (str(made),)


class TestCompliance(dbapi20.DatabaseAPI20Test):
    """The suite, over tables of the connection's own schema."""

    driver = dbapi
    connect_args: tuple[str, ...] = ()
    table_prefix = "temp.dbapi20test_"
    ddl1 = f"CREATE TABLE {table_prefix}booze (name varchar(20))"
    ddl2 = f"CREATE TABLE {table_prefix}barflys (name varchar(20), drink varchar(30))"
    xddl1 = f"DROP TABLE {table_prefix}booze"
    xddl2 = f"DROP TABLE {table_prefix}barflys"

    def test_nextset(self) -> None:
        """It is optional: a statement gives one set."""
        with self._connect() as connection, connection.cursor() as cursor:
            assert not hasattr(cursor, "nextset")

    def test_setoutputsize(self) -> None:
        """It may do nothing."""
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.setoutputsize(1000)
            cursor.setoutputsize(2000, 0)
            self._paraminsert(cursor)

    def test_callproc(self) -> None:
        """It is optional: there are no stored procedures."""
        with self._connect() as connection, connection.cursor() as cursor:
            assert not hasattr(cursor, "callproc")


@pytest.fixture(params=["opened", "connected"])
def cursor(request: pytest.FixtureRequest) -> Any:
    """Give a cursor over the demo's mesh."""
    with dbapi.connect(request.getfixturevalue(request.param)) as connection, connection.cursor() as cursor:
        yield cursor


def test_rows_are_tuples_of_python(cursor: dbapi.Cursor) -> None:
    cursor.execute(
        "SELECT order_id, total, placed_at, tags FROM commerce.orders WHERE total > ? ORDER BY order_id", (100,)
    )
    assert [column[0] for column in cursor.description or ()] == ["order_id", "total", "placed_at", "tags"]
    kinds = [column[1] for column in cursor.description or ()]
    assert kinds[0] == dbapi.STRING
    assert kinds[1] == dbapi.NUMBER
    assert kinds[2] == dbapi.DATETIME
    assert (cursor.description or [])[1][4:6] == (12, 2)
    first = cursor.fetchone()
    assert first is not None
    assert isinstance(first[2], dt.datetime)
    cursor.arraysize = 3
    assert len(cursor.fetchmany()) == 3
    assert len(cursor.fetchmany(2)) == 2
    rest = cursor.fetchall()
    assert len(rest) + 6 == 3700
    assert cursor.fetchone() is None
    assert cursor.fetchall() == []


def test_statements_by_name_and_as_arrow(cursor: dbapi.Cursor) -> None:
    cursor.execute("SELECT count(*) FROM commerce.orders WHERE status = :status", {"status": "paid"})
    assert cursor.fetchall() == [(659,)]
    table = cursor.execute("SELECT * FROM reference.nation").fetch_arrow_table()
    assert table.num_rows == 25
    assert len(list(cursor.execute("SELECT * FROM reference.region"))) == 5


def test_wrong_use_is_told(cursor: dbapi.Cursor) -> None:
    with pytest.raises(dbapi.ProgrammingError):
        cursor.fetchone()
    with pytest.raises(dbapi.ProgrammingError):
        cursor.execute("SELECT nope FROM commerce.orders")
    with pytest.raises(dbapi.ProgrammingError):
        cursor.executemany("SELECT ?", [[1], [2]])


def test_a_mesh_that_was_lent_stays_open(opened: meshweave.Mesh) -> None:
    connection = dbapi.connect(opened)
    connection.close()
    for use in (connection.cursor, connection.close, connection.commit, connection.rollback):
        with pytest.raises(errors.ClosedError):
            use()
    assert "commerce.orders" in opened


def test_rows_are_written_to_the_connections_own_tables(opened: meshweave.Mesh) -> None:
    with dbapi.connect(opened) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE temp.own (n BIGINT, word VARCHAR)")
        cursor.executemany("INSERT INTO temp.own VALUES (?, ?)", [[1, "a"], [2, "b"], [3, None]])
        assert cursor.rowcount == 3
        cursor.execute("SELECT n, word FROM temp.own ORDER BY n")
        assert cursor.fetchall() == [(1, "a"), (2, "b"), (3, None)]
        connection.rollback()
        connection.commit()
        cursor.execute("DROP TABLE temp.own")


def test_a_location_of_a_server_connects(address: str) -> None:
    with dbapi.connect(address, schema="commerce", purpose="tests", timeout=600) as connection:
        cursor = connection.cursor().execute("SELECT count(*) FROM orders")
        assert cursor.fetchone() == (4000,)
