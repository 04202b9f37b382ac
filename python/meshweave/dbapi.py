"""DB-API 2.0 (PEP 249) over a mesh: ``meshweave.dbapi.connect("path/of/mesh")`` or ``connect("grpc+tls://host:port")``.

Products are read-only; tables of the ``temp`` schema are the connection's own and may be made and written. There are no
transactions: `Connection.commit` does nothing, and there is no ``rollback`` of what was written.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import pyarrow as pa

import meshweave

from ._answer import Answer
from ._mesh import Mesh
from .errors import (
    ClosedError,
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
)

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]

apilevel = "2.0"
threadsafety = 2
"""Threads may share the module and connections; each takes cursors of its own."""
paramstyle = "qmark"
""":name works as well, with a dictionary."""

Date = datetime.date
Time = datetime.time
Timestamp = datetime.datetime
Binary = bytes
Description = tuple[str, pa.DataType, int | None, int | None, int | None, int | None, bool | None]


def DateFromTicks(ticks: float) -> datetime.date:  # noqa: N802 - PEP 249's name
    """Give the local date of seconds since 1970."""
    return Date(*time.localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> datetime.time:  # noqa: N802
    """Give the local time of day of seconds since 1970."""
    return Time(*time.localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> datetime.datetime:  # noqa: N802
    """Give the local time of seconds since 1970."""
    return Timestamp(*time.localtime(ticks)[:6])


class TypeGroup:
    """Arrow types that PEP 249 has one name for: equal to each of them."""

    def __init__(self, name: str, *checks: Any) -> None:
        self.name = name
        self._checks = checks

    def __eq__(self, other: object) -> bool:
        if isinstance(other, pa.DataType):
            return any(check(other) for check in self._checks)
        return self is other

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return self.name


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    plain = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    return bool(plain or pa.types.is_binary_view(kind))


STRING = TypeGroup("STRING", _is_text)
BINARY = TypeGroup("BINARY", _is_bytes)
NUMBER = TypeGroup("NUMBER", pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
DATETIME = TypeGroup("DATETIME", pa.types.is_date, pa.types.is_time, pa.types.is_timestamp)
ROWID = TypeGroup("ROWID")


def connect(
    dsn: str | Mesh | None = None,
    *,
    schema: str | None = None,
    purpose: str | None = None,
    timeout: float | None = None,
    **options: Any,
) -> Connection:
    """Open a connection.

    Args:
        dsn: a mesh folder or bucket as `meshweave.open` takes it; ``grpc://`` and ``grpc+tls://`` as `meshweave.connect`
            takes it; or a `Mesh`, which stays open when the connection is closed.
        schema: the domain of one-part names.
        purpose: why data is asked for.
        timeout: seconds that each statement may take.
        **options: those of `meshweave.open` or `meshweave.connect`.
    """
    if isinstance(dsn, Mesh):
        return Connection(dsn, False, schema, purpose, timeout)
    remote = dsn is not None and dsn.startswith(("grpc://", "grpc+tls://", "grpc+tcp://"))
    mesh = meshweave.connect(str(dsn), **options) if remote else meshweave.open(dsn, **options)
    return Connection(mesh, True, schema, purpose, timeout)


class Connection:
    """A connection; `Mesh` in PEP 249's words."""

    Warning = Warning
    Error = Error
    InterfaceError = InterfaceError
    DatabaseError = DatabaseError
    DataError = DataError
    OperationalError = OperationalError
    IntegrityError = IntegrityError
    InternalError = InternalError
    ProgrammingError = ProgrammingError
    NotSupportedError = NotSupportedError

    def __init__(self, mesh: Mesh, owns: bool, schema: str | None, purpose: str | None, timeout: float | None) -> None:
        self._mesh: Mesh | None = mesh
        self._owns = owns
        self.schema = schema
        self.purpose = purpose
        self.timeout = timeout

    @property
    def mesh(self) -> Mesh:
        """The mesh below."""
        if self._mesh is None:
            raise ClosedError("the connection was closed", "Open another one with meshweave.dbapi.connect().")
        return self._mesh

    def cursor(self) -> Cursor:
        """Give a cursor."""
        self.mesh  # noqa: B018 - raises when it is closed
        return Cursor(self)

    def commit(self) -> None:
        """Do nothing: every statement stands for itself."""
        self.mesh  # noqa: B018

    def rollback(self) -> None:
        """Do nothing: what was written to the connection's own tables stays written."""
        self.mesh  # noqa: B018

    def close(self) -> None:
        """Close it; nothing can be done with it any more, not even close it again."""
        mesh, self._mesh = self.mesh, None
        if self._owns:
            mesh.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._mesh is not None:
            self.close()


class Cursor:
    """A cursor: one statement at a time, its rows streamed."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.arraysize = 1
        self.description: list[Description] | None = None
        self.rowcount = -1
        self._closed = False
        self._answer: Answer | None = None
        self._batches: Iterator[pa.RecordBatch] | None = None
        self._rows: Iterator[tuple[Any, ...]] = iter(())

    def _check(self) -> None:
        if self._closed:
            raise ClosedError("the cursor was closed", "Take another one from the connection.")
        self.connection.mesh  # noqa: B018

    def execute(self, operation: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> Cursor:
        """Run one statement; its rows are fetched as they come."""
        self._check()
        self._forget()
        connection = self.connection
        self._answer = connection.mesh.sql(
            operation,
            parameters or None,
            schema=connection.schema,
            purpose=connection.purpose,
            timeout=connection.timeout,
        )
        if self._answer._written is not None:
            self.rowcount = _count(self._answer._written)
            return self
        self.description = [
            (field.name, field.type, None, None, *_digits(field.type), field.nullable) for field in self._answer.schema
        ]
        self._batches = self._answer.batches()
        self._rows = self._all()
        return self

    def executemany(self, operation: str, seq_of_parameters: Sequence[Sequence[Any] | Mapping[str, Any]]) -> Cursor:
        """Run a statement that writes once for each row of parameters; `rowcount` is their sum."""
        self._check()
        total = 0
        for parameters in seq_of_parameters:
            self.execute(operation, parameters)
            if self.description is not None:
                self._forget()
                raise ProgrammingError("executemany is for statements that give no rows", "Use execute in a loop.")
            total += max(self.rowcount, 0)
        self.rowcount = total
        return self

    def _forget(self) -> None:
        """Stop what still runs."""
        batches, self._batches = self._batches, None
        if batches is not None:
            batches.close()  # type: ignore[attr-defined]
        self._answer, self.description, self.rowcount, self._rows = None, None, -1, iter(())

    def _all(self) -> Iterator[tuple[Any, ...]]:
        for batch in self._batches or ():
            columns = [column.to_pylist() for column in batch.columns]
            yield from zip(*columns, strict=True) if columns else ((),) * batch.num_rows

    def _fetchable(self) -> None:
        self._check()
        if self.description is None:
            raise ProgrammingError("there are no rows to fetch", "Execute a statement that gives rows first.")

    def fetchone(self) -> tuple[Any, ...] | None:
        """Give the next row; ``None`` behind the last."""
        self._fetchable()
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """Give the next rows, `arraysize` of them when no number is said."""
        self._fetchable()
        wanted = self.arraysize if size is None else size
        return [row for _, row in zip(range(wanted), self._rows, strict=False)]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Give all rows that are left."""
        self._fetchable()
        return list(self._rows)

    def fetch_arrow_table(self) -> pa.Table:
        """Give all rows as an Arrow table; instead of, not after, the other ways."""
        self._fetchable()
        assert self._answer is not None
        return pa.Table.from_batches(list(self._batches or ()), schema=self._answer.schema)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        self._fetchable()
        return self._rows

    def __next__(self) -> tuple[Any, ...]:
        self._fetchable()
        return next(self._rows)

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """Do nothing, as PEP 249 allows."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Do nothing, as PEP 249 allows."""

    def close(self) -> None:
        """Stop what runs; the cursor is not used again."""
        self._check()
        self._forget()
        self._closed = True

    def __enter__(self) -> Cursor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._closed and self.connection._mesh is not None:
            self.close()


def _digits(kind: pa.DataType) -> tuple[int | None, int | None]:
    return (kind.precision, kind.scale) if pa.types.is_decimal(kind) else (None, None)


def _count(table: pa.Table) -> int:
    """Give the number of rows that a statement has written."""
    if table.num_rows == 1 and table.num_columns == 1 and pa.types.is_integer(table.schema.field(0).type):
        return int(table.column(0)[0].as_py())
    return -1
