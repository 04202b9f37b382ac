"""SQLAlchemy: reflection, statements, pandas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from meshweave.sqlalchemy import type_of


@pytest.fixture(params=["opened", "connected"])
def engine(request: pytest.FixtureRequest, made: Path) -> Iterator[sa.Engine]:
    """Give an engine for the demo's mesh."""
    if request.param == "opened":
        url = f"meshweave:///{made}"
    else:
        url = request.getfixturevalue("address").replace("grpc://", "meshweave://")
    engine = sa.create_engine(url)
    yield engine
    engine.dispose()


def test_the_catalog_is_reflected(engine: sa.Engine) -> None:
    inspector = sa.inspect(engine)
    assert "commerce" in inspector.get_schema_names()
    assert inspector.get_table_names("commerce") == ["order_events", "orders", "orders.items", "orders@1"]
    assert inspector.get_view_names("analytics") == ["order_facts", "revenue_by_country"]
    columns = {column["name"]: column for column in inspector.get_columns("orders", "commerce")}
    assert isinstance(columns["total"]["type"], sa.NUMERIC)
    assert columns["order_id"]["nullable"] is False
    assert columns["order_id"]["comment"] == "Unique number of the order."
    assert inspector.get_pk_constraint("orders", "commerce")["constrained_columns"] == ["order_id"]
    assert inspector.get_columns("orders@1", "commerce")[0]["name"] == "orderId"
    assert inspector.get_columns("orders.items", "commerce")
    assert "Replaces major 1" in (inspector.get_table_comment("orders", "commerce")["text"] or "")
    assert inspector.has_table("orders", "commerce")
    assert not inspector.has_table("nothing", "commerce")
    assert inspector.get_foreign_keys("orders", "commerce") == inspector.get_indexes("orders", "commerce") == []
    with pytest.raises(exc.NoSuchTableError):
        inspector.get_columns("nothing", "commerce")


def test_statements_are_built_and_read(engine: sa.Engine) -> None:
    orders = sa.Table("orders", sa.MetaData(), schema="commerce", autoload_with=engine)
    statement = (
        sa.select(orders.c.status, sa.func.count().label("n"))
        .where(orders.c.total > 100, orders.c.status.in_(["paid", "created"]))
        .group_by(orders.c.status)
        .order_by(orders.c.status)
        .limit(10)
    )
    with engine.connect() as connection:
        rows = connection.execute(statement).all()
        assert [row.status for row in rows] == ["created", "paid"]
        one = connection.execute(sa.text("SELECT count(*) FROM commerce.orders WHERE status = :s"), {"s": "paid"})
        assert one.scalar_one() == 659
        items = sa.Table("orders.items", sa.MetaData(), schema="commerce", autoload_with=engine)
        assert connection.execute(sa.select(sa.func.count()).select_from(items)).scalar_one() > 0


def test_pandas_reads_sql(engine: sa.Engine) -> None:
    frame = pd.read_sql("SELECT status, count(*) AS n FROM commerce.orders GROUP BY 1 ORDER BY 1", engine)
    assert frame["n"].sum() == 4000
    frame = pd.read_sql(sa.text("SELECT * FROM reference.nation WHERE n_regionkey = :r"), engine, params={"r": 1})
    assert len(frame) == 5


def test_frames_of_pandas_are_written_to_the_connections_own_schema(made: Path) -> None:
    engine = sa.create_engine(f"meshweave:///{made}")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE temp.x (a BIGINT)")
        table = sa.Table("x", sa.MetaData(), sa.Column("a", sa.BIGINT), schema="temp")
        connection.execute(table.insert(), [{"a": 1}, {"a": 2}])
        assert connection.execute(sa.select(sa.func.sum(table.c.a))).scalar_one() == 3
    engine.dispose()


def test_errors_are_wrapped_as_sqlalchemy_does(engine: sa.Engine) -> None:
    with engine.connect() as connection, pytest.raises(exc.ProgrammingError, match="nope"):
        connection.execute(sa.text("SELECT nope FROM commerce.orders"))


def test_types_of_contracts_have_types_of_sqlalchemy() -> None:
    words = {
        "string": sa.VARCHAR,
        "int64": sa.BIGINT,
        "int32": sa.INTEGER,
        "decimal(12, 2)": sa.NUMERIC,
        "timestamp(us, utc)": sa.TIMESTAMP,
        "date": sa.DATE,
        "bool": sa.BOOLEAN,
        "float64": sa.FLOAT,
        "binary": sa.LargeBinary,
        "struct": sa.types.NullType,
    }
    for word, kind in words.items():
        assert isinstance(type_of(word), kind), word
