"""The mesh in this process: the backend over the native engine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from typing import Any

import pyarrow as pa

from . import _native, _values
from ._backend import Asked, Progress, Registered, settled


class LocalReading:
    """One reading of an answer."""

    def __init__(self, native: _native.Reading) -> None:
        self._native = native
        self.query_id: str | None = native.query_id

    def stream(self) -> Any:
        """Give the Arrow C stream's owner; it can be taken once."""
        return self._native

    def reader(self) -> pa.RecordBatchReader:
        """Give the stream as a reader of pyarrow's."""
        return pa.RecordBatchReader.from_stream(self._native)

    def fault(self) -> None:
        """Raise what ended the stream early."""
        self._native.fault()

    def progress(self) -> Progress:
        """Tell what was done so far."""
        return Progress(*self._native.progress())

    def close(self) -> None:
        """Nothing to do: dropping the reader stops the work."""


class LocalQuery:
    """A planned statement."""

    def __init__(self, native: _native.Query) -> None:
        self._native = native
        self.schema: pa.Schema = pa.schema(native)
        self.versions: dict[str, Any] = json.loads(native.versions)
        self.writes = native.writes

    def read(self) -> LocalReading:
        """Start to run."""
        return LocalReading(self._native.read())

    def cancel(self) -> None:
        """Stop every reading, and those to come."""
        self._native.cancel()


class LocalBackend:
    """An engine of this process."""

    is_remote = False

    def __init__(
        self,
        mesh: str | PathLike[str] | None,
        settings: str | PathLike[str] | None,
        allow_local: Sequence[str | PathLike[str]],
        principal: str | None,
    ) -> None:
        self._engine = _native.Engine.open(mesh, settings, list(allow_local), principal)
        self.where = "the current folder" if mesh is None else str(mesh)

    def plan(self, asked: Asked) -> LocalQuery:
        """Resolve names, ask the policy, pin versions."""
        versions = None if asked.versions is None else json.dumps(asked.versions)
        params: Any = _values.to_arrays(asked.params)
        native = self._engine.plan(asked.sql, params, versions, asked.schema, asked.purpose, asked.timeout)
        return LocalQuery(native)

    def search(self, words: str) -> list[dict[str, Any]]:
        """Find products by words."""
        found: list[dict[str, Any]] = json.loads(self._engine.search(words))
        return found

    def describe(self, name: str) -> dict[str, Any]:
        """Tell everything about one product."""
        told: dict[str, Any] = json.loads(self._engine.describe(name))
        return told

    def register(
        self,
        paths: Sequence[str | PathLike[str]],
        documents: Sequence[tuple[str, bytes]],
        storage: str | None,
        dry_run: bool,
    ) -> list[Registered]:
        """Register contracts; the first failure is raised after all were tried."""
        done = self._engine.register(list(paths), list(documents), storage, dry_run)
        told = [(file, None if what is None else json.loads(what), error) for file, what, error in done]
        return settled(told)

    def ingest(self, name: str, frame: Any) -> int:
        """Take a frame's rows into ``temp.name``; give their number."""
        return self._engine.ingest(name, frame)

    @property
    def principal(self) -> tuple[str, list[str]]:
        """Who asks."""
        return self._engine.principal

    @property
    def running(self) -> int:
        """Queries that run now."""
        return self._engine.running

    @property
    def reserved_bytes(self) -> int:
        """Bytes that all queries hold now."""
        return self._engine.reserved_bytes

    def settle(self) -> None:
        """Wait until the query log is written: SQLite would stay locked in the child."""
        self._engine.flush()

    def close(self) -> None:
        """Stop what runs, and write down what is left to be written."""
        self._engine.close()
