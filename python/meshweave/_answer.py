"""The answer of a statement: what it will be is known, its rows come when they are asked for."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from . import _html, _progress
from ._backend import Asked, Backend, Query, Reading
from ._plan import Plan

if TYPE_CHECKING:
    import duckdb
    import pandas
    import polars


class Answer:
    """Rows, and what they were computed from. Lazy: each way to read it runs the statement.

    The versions of every product are pinned when the answer is made. However often it is read, and however long after,
    it reads the same versions; rows have no order unless the statement gives them one.

    Anything that speaks Arrow's C stream interface takes an answer as it is, without a copy: ``polars.from_arrow(answer)``,
    ``pyarrow.table(answer)``, ``duckdb.from_arrow(answer)``.

    A statement that writes to the ``temp`` schema is run at once; its answer is one row with the number of rows.
    """

    def __init__(self, backend: Backend, asked: Asked, query: Query) -> None:
        self._backend = backend
        self._asked = asked
        self._query = query
        self._written: pa.Table | None = None
        self.query_id: str | None = None
        """The query of the last reading, as ``mesh.queries`` shows it; ``None`` before the first."""
        if query.writes:
            self._written = self._table()

    # What is known without reading

    @property
    def sql(self) -> str:
        """The statement."""
        return self._asked.sql

    @property
    def schema(self) -> pa.Schema:
        """The columns."""
        return self._query.schema

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self._query.schema.names)

    @property
    def versions(self) -> dict[str, Any]:
        """The version vector: the pinned version of every product; give it to `Mesh.at` to ask again of the same data."""
        return self._query.versions

    @property
    def products(self) -> list[str]:
        """The products that are read, ``domain.product@major``."""
        return list(self._query.versions.get("products", {}))

    def explain(self, analyze: bool = False) -> Plan:
        """Tell what each product's storage is asked for, and the physical plan.

        Args:
            analyze: run the statement, and tell rows, bytes, requests, files and seconds per product.
        """
        first = self.sql.split(None, 1)[:1]
        if first and first[0].lower() == "explain":
            explained = self._asked
        else:
            words = "EXPLAIN ANALYZE" if analyze else "EXPLAIN"
            explained = replace(self._asked, sql=f"{words} {self.sql}", versions=self.versions)
        answer = Answer(self._backend, explained, self._backend.plan(explained))
        return Plan([tuple(row.values()) for row in answer.to_arrow().to_pylist()])

    # Reading

    @contextmanager
    def _reading(self) -> Iterator[Reading]:
        """Begin to read; what ended it early is raised as ours, whatever the reader has made of it."""
        reading = self._query.read()
        self.query_id = reading.query_id
        try:
            with _progress.shown(reading.progress, self.products):
                yield reading
        except GeneratorExit:
            raise
        except BaseException as trouble:
            try:
                reading.fault()
            except BaseException as cause:
                raise cause from None
            raise trouble
        finally:
            reading.close()

    def _table(self) -> pa.Table:
        with self._reading() as reading:
            return reading.reader().read_all()

    def to_arrow(self) -> pa.Table:
        """Read everything into a ``pyarrow.Table`` of rows × columns."""
        return self._table() if self._written is None else self._written

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read batch by batch, some thousand rows each; memory holds a few at a time. Leaving the loop stops the query."""
        if self._written is not None:
            yield from self._written.to_batches()
            return
        with self._reading() as reading:
            yield from reading.reader()

    __iter__ = batches

    def reader(self) -> pa.RecordBatchReader:
        """Give a ``pyarrow.RecordBatchReader`` that pulls the rows; dropping it stops the query."""
        return pa.RecordBatchReader.from_stream(self)

    def to_pandas(self, **options: Any) -> pandas.DataFrame:
        """Read everything into a ``pandas.DataFrame``.

        Args:
            **options: those of ``pyarrow.Table.to_pandas``, such as ``types_mapper``.
        """
        return _for_pandas(self.to_arrow()).to_pandas(**options)

    def to_polars(self) -> polars.DataFrame:
        """Read everything into a ``polars.DataFrame``."""
        import polars

        frame = polars.from_arrow(self.to_arrow())
        assert isinstance(frame, polars.DataFrame)
        return frame

    def to_duckdb(self, connection: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyRelation:
        """Read everything into memory and give it to DuckDB as a relation, without a copy.

        Args:
            connection: the DuckDB connection to use; the default one without it.
        """
        import duckdb

        return duckdb.from_arrow(self.to_arrow(), connection=connection or duckdb.default_connection())

    def to_pylist(self) -> list[dict[str, Any]]:
        """Read everything into a list of dictionaries, one per row."""
        rows: list[dict[str, Any]] = self.to_arrow().to_pylist()
        return rows

    def write_parquet(self, path: str | os.PathLike[str], **options: Any) -> int:
        """Stream the rows into a Parquet file, which appears whole or not at all; an existing file stays until then.

        Args:
            path: the file.
            **options: those of ``pyarrow.parquet.ParquetWriter``, such as ``compression``.

        Returns:
            The number of rows.
        """
        import tempfile
        from pathlib import Path

        from pyarrow import parquet

        path = Path(path)
        rows = 0
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        try:
            with parquet.ParquetWriter(draft, self.schema, **options) as writer:
                for batch in self.batches():
                    writer.write_batch(batch)
                    rows += batch.num_rows
            os.chmod(draft, 0o666 & ~_umask())
            os.replace(draft, path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        return rows

    def plot(self, *args: Any, **options: Any) -> Any:
        """Plot through pandas: ``answer.plot(x="country", y="parcels", kind="bar")``."""
        return self.to_pandas().plot(*args, **options)

    def cancel(self) -> None:
        """Stop every reading, from any thread; they raise `errors.CancelledError`, and so do later ones."""
        self._query.cancel()

    # Arrow's C interfaces

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        if self._written is not None:
            return self._written.__arrow_c_stream__(requested_schema)
        reading = self._query.read()
        self.query_id = reading.query_id
        return reading.stream().__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self.schema.__arrow_c_schema__()

    # Async

    async def to_arrow_async(self) -> pa.Table:
        """Do as `to_arrow`, without blocking the event loop; cancelling the task cancels the answer."""
        return await _in_thread(self, self.to_arrow)

    async def to_pandas_async(self, **options: Any) -> pandas.DataFrame:
        """Do as `to_pandas`, without blocking the event loop; cancelling the task cancels the answer."""
        frame: pandas.DataFrame = await _in_thread(self, lambda: self.to_pandas(**options))
        return frame

    async def __aiter__(self) -> AsyncIterator[pa.RecordBatch]:
        import asyncio

        batches = self.batches()
        try:
            while (batch := await _in_thread(self, lambda: next(batches, None))) is not None:
                yield batch
        finally:
            # A batch that is still being waited for ends by itself: its answer was cancelled.
            with suppress(ValueError):
                await asyncio.to_thread(batches.close)  # type: ignore[attr-defined]

    # Showing

    def head(self, rows: int = 5) -> pa.Table:
        """Read the first rows, whichever come first, and stop the query."""
        taken: list[pa.RecordBatch] = []
        missing = rows
        batches = self.batches()
        for batch in batches:
            taken.append(batch.slice(0, missing))
            missing -= taken[-1].num_rows
            if missing <= 0:
                break
        return pa.Table.from_batches(taken, schema=self.schema)

    def __repr__(self) -> str:
        columns = ", ".join(f"{field.name}: {field.type}" for field in self.schema)
        return f"<Answer [{columns}] of {', '.join(self.products) or 'no product'}>"

    def _repr_html_(self) -> str:
        limit = _progress.options.preview_rows
        first = self.head(limit + 1)
        more = first.num_rows > limit
        shown = first.slice(0, limit)
        rows = [list(row.values()) for row in _unique(shown).to_pylist()]
        below = f"the first {limit} rows" if more else f"{shown.num_rows} row{'' if shown.num_rows == 1 else 's'}"
        if self.products:
            below += " · " + ", ".join(self.products)
        return _html.table(self.columns, rows, below, [str(field.type) for field in self.schema])


async def _in_thread(answer: Answer, work: Any) -> Any:
    """Run in a thread; a task that is cancelled cancels the answer and waits for its end."""
    import asyncio

    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        answer.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise


def _unique(table: pa.Table) -> pa.Table:
    """Give every column a name of its own, so that rows can be dictionaries."""
    return table.rename_columns([str(place) for place in range(table.num_columns)])


def _for_pandas(table: pa.Table) -> pa.Table:
    """Give types that pandas takes where it takes no others: views of text and bytes as plain ones."""
    plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    fields = [field.with_type(plain.get(field.type, field.type)) for field in table.schema]
    schema = pa.schema(fields, metadata=table.schema.metadata)
    return table if schema == table.schema else table.cast(schema)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
