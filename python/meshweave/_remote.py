"""A server as the backend: Arrow Flight SQL through the ADBC driver.

A statement is planned by the server, which pins the versions and tells them; each reading asks for these versions. The
driver's errors come out as ours.
"""

from __future__ import annotations

import json
import queue
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, TypeVar

import pyarrow as pa

from . import _native, _search, _values, _wire, errors
from ._backend import Asked, Progress, Registered

T = TypeVar("T")

AHEAD = 2
"""Batches that are read before they are asked for."""
_HEADER = "adbc.flight.sql.rpc.call_header."


def _driver() -> Any:
    try:
        import adbc_driver_flightsql.dbapi
    except ImportError as error:
        hint = "Install it with `pip install meshweave[remote]`."
        raise errors.InterfaceError("the ADBC Flight SQL driver is not installed", hint) from error
    return adbc_driver_flightsql.dbapi


_BY_STATUS: dict[str, type[errors.Error]] = {
    "CANCELLED": errors.CancelledError,
    "INTERNAL": errors.InternalError,
    "INVALID_ARGUMENT": errors.InvalidQueryError,
    "INVALID_STATE": errors.OperationalError,
    "IO": errors.UnavailableError,
    "NOT_FOUND": errors.NotFoundError,
    "NOT_IMPLEMENTED": errors.UnsupportedError,
    "TIMEOUT": errors.TimedOutError,
    "UNAUTHENTICATED": errors.UnauthenticatedError,
    "UNAUTHORIZED": errors.DeniedError,
}


_LATER = re.compile(r"rpc error: code = (\w+) desc = (.*)", re.DOTALL)
"""How the driver words an error that comes after the first rows; it hands on no details then."""
_FRAMED = re.compile(r"(.*?)\s*\((\w+); \w+.*", re.DOTALL)
"""The same in another version, and how it words all others."""
_BY_CODE: dict[str, type[errors.Error]] = {
    "canceled": errors.CancelledError,
    "cancelled": errors.CancelledError,
    "deadlineexceeded": errors.TimedOutError,
    "failedprecondition": errors.OperationalError,
    "internal": errors.InternalError,
    "invalidargument": errors.InvalidQueryError,
    "notfound": errors.NotFoundError,
    "permissiondenied": errors.DeniedError,
    "resourceexhausted": errors.ExhaustedError,
    "unauthenticated": errors.UnauthenticatedError,
    "unavailable": errors.UnavailableError,
    "unimplemented": errors.UnsupportedError,
}


def ours(error: Exception) -> errors.Error:
    """Give our exception for one of the driver's."""
    if isinstance(error, errors.Error):
        return error
    heads: dict[str, bytes] = dict(getattr(error, "details", None) or [])
    heads = {_text(name): value for name, value in heads.items()}
    try:
        facts = _wire.error_facts(heads.get("grpc-status-details-bin", b""))
    except ValueError:
        facts = {}
    for fact in ("kind", "hint", "product", "query_id"):
        head = heads.get(f"x-meshweave-{fact.replace('_', '-')}")
        if head is not None:
            facts.setdefault(fact, _text(head))
    status = getattr(getattr(error, "status_code", None), "name", "")
    message, hint = _plain(str(error)), "Is the server running, and is this its address?" if status == "IO" else None
    kind = _BY_STATUS.get(status, errors.DatabaseError)
    later, framed = _LATER.search(message), _FRAMED.fullmatch(message)
    if later or framed:
        words, code = (later[2], later[1]) if later else (framed[1], framed[2]) if framed else (message, "")
        message, _, told = words.partition("\nhint: ")
        kind, hint = _BY_CODE.get(code.lower(), kind), told.strip() or hint
    kind = errors.of_kind(facts["kind"]) if "kind" in facts else kind
    message = facts.get("message") or message.strip()
    return kind(message, facts.get("hint") or hint, facts.get("product"), facts.get("query_id"))


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _plain(message: str) -> str:
    """Give the driver's words without its frame."""
    words = message.partition("[FlightSQL] ")[2] or message
    return words.strip()


class RemoteReading:
    """One reading: the statement is run with the versions that were pinned when it was planned."""

    def __init__(self, backend: RemoteBackend, asked: Asked) -> None:
        self.query_id: str | None = None
        self._fault: BaseException | None = None
        self._rows = 0
        self._ended = threading.Event()
        self._cursor = backend.cursor(asked)
        try:
            self._cursor.execute(asked.sql, bound(asked))
            self._source: pa.RecordBatchReader = self._cursor.fetch_record_batch()
            info = self._cursor.adbc_statement.get_option_bytes("adbc.flight.sql.statement.exec.last_flight_info")
            self.query_id = _told(info).get("query_id")
        except BaseException as error:
            self._cursor.close()
            if isinstance(error, Exception):
                raise ours(error) from None
            raise

    def stream(self) -> Any:
        """Give the Arrow C stream's owner."""
        return self.reader()

    def reader(self) -> pa.RecordBatchReader:
        """Give the batches; the main thread waits in a way that Ctrl-C ends."""
        return pa.RecordBatchReader.from_batches(self._source.schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        ready: queue.Queue[pa.RecordBatch | BaseException | None] = queue.Queue(AHEAD)
        puller = threading.Thread(target=self._pull, args=(ready,), name="meshweave reader", daemon=True)
        puller.start()
        try:
            while (batch := ready.get()) is not None:
                if isinstance(batch, BaseException):
                    self._fault = batch
                    raise batch
                self._rows += batch.num_rows
                yield batch
        except BaseException as trouble:
            if self._fault is None and not isinstance(trouble, GeneratorExit):
                self._fault = trouble
            raise
        finally:
            self._ended.set()
            if puller.is_alive():
                self.cancel()
            while puller.is_alive():
                _drain(ready)
                puller.join(0.01)
            self.close()

    def _pull(self, ready: queue.Queue[pa.RecordBatch | BaseException | None]) -> None:
        last: BaseException | None = None
        try:
            for batch in self._source:
                ready.put(batch)
                if self._ended.is_set():
                    return
        except Exception as error:
            last = ours(error)
        ready.put(last)

    def cancel(self) -> None:
        """Stop the server's work."""
        try:
            self._cursor.adbc_cancel()
        except Exception:  # The reading has ended by itself.
            return

    def fault(self) -> None:
        """Raise what ended the stream early."""
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    def progress(self) -> Progress:
        """Tell what has come so far."""
        return Progress(rows=self._rows)

    def close(self) -> None:
        """Give the statement back."""
        self._ended.set()
        try:
            self._cursor.close()
        except Exception:  # It is closed, or its connection is.
            return


def bound(asked: Asked) -> pa.RecordBatch | None:
    """Give the parameters as the driver takes them: one row; none without any."""
    params = _values.to_arrays(asked.params)
    if isinstance(params, dict):
        return pa.record_batch(list(params.values()), names=list(params)) if params else None
    if not params:
        return None
    return pa.record_batch(params, names=[f"${place}" for place in range(1, len(params) + 1)])


def _told(info: bytes) -> dict[str, Any]:
    """Give what the server says of a planned statement beside its schema."""
    told: dict[str, Any] = json.loads(_wire.app_metadata(info) or b"{}")
    return told


def _drain(ready: queue.Queue[Any]) -> None:
    try:
        while True:
            ready.get_nowait()
    except queue.Empty:
        return


class RemoteQuery:
    """A statement that the server has planned."""

    def __init__(self, backend: RemoteBackend, asked: Asked, info: bytes, schema: pa.Schema) -> None:
        told = _told(info)
        self.schema = schema
        self.versions: dict[str, Any] = told.get("versions", {"v": 1, "products": {}})
        self.writes: bool = told.get("writes", False)
        self._backend = backend
        self._asked = replace(asked, versions=self.versions if self.versions["products"] else None)
        self._lock = threading.Lock()
        self._readings: list[RemoteReading] = []
        self._cancelled = False

    def read(self) -> RemoteReading:
        """Run it."""
        if self._cancelled:
            raise errors.CancelledError("the query was cancelled")
        reading = RemoteReading(self._backend, self._asked)
        with self._lock:
            self._readings = [other for other in self._readings if not other._ended.is_set()]
            self._readings.append(reading)
        return reading

    def cancel(self) -> None:
        """Stop every reading, and those to come."""
        self._cancelled = True
        with self._lock:
            readings, self._readings = self._readings, []
        for reading in readings:
            reading.cancel()


class RemoteBackend:
    """A connection to a server."""

    is_remote = True

    def __init__(
        self,
        uri: str,
        token: str | None,
        user: str | None,
        password: str | None,
        headers: Mapping[str, str],
        tls_roots: str | bytes | None,
        options: Mapping[str, Any],
    ) -> None:
        driver = _driver()
        settings = {
            f"{_HEADER}x-meshweave-wire": "native",
            "adbc.flight.sql.rpc.with_cookie_middleware": "true",
            **{f"{_HEADER}{name}": value for name, value in headers.items()},
        }
        if token is not None:
            settings["adbc.flight.sql.authorization_header"] = f"Bearer {token}"
        if user is not None:
            settings.update(username=user, password=password or "")
        if tls_roots is not None:
            settings["adbc.flight.sql.client_option.tls_root_certs"] = _text(tls_roots)
        settings.update(options)
        self.where = uri
        self._closed = False
        self._connection = _call(lambda: driver.connect(uri, db_kwargs=settings, autocommit=True))
        try:
            self.plan(Asked("SELECT 1"))
        except BaseException:
            self.close()
            raise

    def cursor(self, asked: Asked) -> Any:
        """Give a statement with the headers of what was asked."""
        if self._closed:
            raise errors.ClosedError("the mesh was closed", "Connect again with meshweave.connect().")
        options = {}
        if asked.schema is not None:
            options[f"{_HEADER}schema"] = asked.schema
        if asked.purpose is not None:
            options[f"{_HEADER}x-meshweave-purpose"] = asked.purpose
        if asked.versions is not None:
            options[f"{_HEADER}x-meshweave-versions"] = json.dumps(asked.versions)
        if asked.timeout is not None:
            for call in ("query", "fetch"):
                options[f"adbc.flight.sql.rpc.timeout_seconds.{call}"] = str(float(asked.timeout))
        return self._connection.cursor(adbc_stmt_kwargs=options)

    def plan(self, asked: Asked) -> RemoteQuery:
        """Let the server resolve names, ask the policy and pin versions."""
        rows = bound(asked)
        with self.cursor(asked) as cursor:
            infos, schema = _call(lambda: cursor.adbc_execute_partitions(asked.sql, rows))
        if len(infos) != 1:
            raise errors.InternalError(f"the server gave {len(infos)} parts for one statement")
        return RemoteQuery(self, asked, infos[0], schema)

    def rows(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        """Read a small answer."""
        reading = self.plan(Asked(sql, list(params))).read()
        rows: list[dict[str, Any]] = reading.reader().read_all().to_pylist()
        return rows

    def search(self, words: str) -> list[dict[str, Any]]:
        """Find products by words, in what the catalog's tables say."""
        products = self.rows("SELECT * FROM mesh.products WHERE is_default")
        columns = self.rows('SELECT domain, product, version, "column", description FROM mesh.columns')
        return _search.search(words, products, columns)

    def describe(self, name: str) -> dict[str, Any]:
        """Tell everything about one product, from its contract's text."""
        wanted, _, major = name.partition("@")
        parts = [f'"{part}@{major}"' if major and place == 1 else part for place, part in enumerate(wanted.split("."))]
        self.plan(Asked(f"SELECT * FROM {'.'.join(parts)} LIMIT 0"))
        domain, _, product = wanted.partition(".")
        found = self.rows(
            "SELECT c.* FROM mesh.contracts c JOIN mesh.products p ON c.domain = p.domain AND c.product = p.product "
            "AND c.version = p.version WHERE replace(lower(p.domain), '-', '_') = replace(lower(?), '-', '_') "
            "AND replace(lower(p.product), '-', '_') = replace(lower(?), '-', '_') ORDER BY p.is_default DESC, p.major DESC",
            domain,
            product,
        )
        found = [row for row in found if not major or row["version"].split(".")[0] == major.split(".")[0]]
        if not found:
            raise errors.NotFoundError(f'data product "{name}" does not exist', product=name)
        row = found[0]
        is_json = row["text"].lstrip().startswith("{")
        told = json.loads(_native.contract(row["text"], "contract.json" if is_json else "contract.yaml"))
        if told is None:
            hint = "A newer version of this package may know its form."
            raise errors.UnsupportedError(f"the contract of {name} cannot be read here", hint, name)
        facts = ("form", "hash", "registered_at", "registered_by", "text")
        return {**told, **{fact: row[fact] for fact in facts}}

    def register(
        self,
        paths: Sequence[str | PathLike[str]],
        documents: Sequence[tuple[str, bytes]],
        storage: str | None,
        dry_run: bool,
    ) -> list[Registered]:
        """Refuse: Flight SQL has no call for it."""
        hint = "Run `meshweave register` where the mesh's catalog is, or open the mesh with meshweave.open()."
        raise errors.UnsupportedError("registering over Flight SQL is not supported", hint)

    def ingest(self, name: str, frame: Any) -> int:
        """Send a frame's rows into ``temp.name`` of the session."""
        with self.cursor(Asked("")) as cursor:
            rows: int = _call(lambda: cursor.adbc_ingest(name, pa.table(frame), mode="replace", db_schema_name="temp"))
        return rows

    def close(self) -> None:
        """Close the connection; what it reads ends."""
        self._closed = True
        try:
            self._connection.close()
        except Exception:  # What is still open on it was told so.
            return


def _call(work: Callable[[], T]) -> T:
    try:
        return work()
    except errors.Error:
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "adbc_driver_manager":
            raise
        raise ours(error) from None
