"""A server as the backend: Arrow Flight SQL, as pyarrow speaks Flight.

A statement is planned by the server, which pins the versions and gives a ticket; the first reading redeems it. Each further one
asks for a ticket with the same versions. What the server has found, or has registered, comes by actions of its own.
"""

from __future__ import annotations

import json
import queue
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import pyarrow as pa
from pyarrow import flight

from . import _native, _values, _wire, errors
from ._backend import Asked, Progress, Registered, settled
from ._flight import Connection, Heads, Held, Stream, checked, interruptible, ours

AHEAD = 2
"""Batches that are read before they are asked for."""
FRESH = 300.0
"""Seconds after which a ticket is not redeemed any more, but asked for again; servers take them for an hour."""
PATIENCE = 5.0
"""Seconds that a server has to hear of a cancellation."""
MESSAGE_BYTES = 8 << 20
"""Rows of a frame are sent in messages of about this size."""
CREATE, REPLACE = 1, 3
"""Of Flight SQL's options of bulk ingestion: make the table where there is none, replace the one that is there."""


@dataclass(frozen=True)
class Planned:
    """What the server says of a planned statement."""

    info: Any
    """The ``FlightInfo``."""
    told: dict[str, Any]
    """What stands beside it: the query's id, the pinned versions, whether it writes."""
    made: float
    """When it came, by the monotonic clock."""

    @property
    def ticket(self) -> Any:
        """The ticket of its rows."""
        return self.info.endpoints[0].ticket

    @property
    def query_id(self) -> str | None:
        """The query's id."""
        return self.told.get("query_id")


class RemoteReading:
    """One reading: the rows behind a ticket, fetched from when the first one is asked for."""

    def __init__(self, backend: RemoteBackend, asked: Asked, planned: Planned) -> None:
        self.query_id = planned.query_id
        self._backend = backend
        self._asked = asked
        self._planned = planned
        self._fault: BaseException | None = None
        self._rows = 0
        self._ended = threading.Event()
        self._cancelled = False
        self._lock = threading.Lock()
        self._stream: Stream | None = None

    def stream(self) -> Any:
        """Give the Arrow C stream's owner."""
        return self.reader()

    def reader(self) -> pa.RecordBatchReader:
        """Give the batches; the main thread waits in a way that Ctrl-C ends."""
        return pa.RecordBatchReader.from_batches(self._planned.info.schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        ready: queue.Queue[pa.RecordBatch | BaseException | None] = queue.Queue(AHEAD)
        puller = threading.Thread(target=self._pull, args=(ready,), name="meshweave reader", daemon=True)
        try:
            self._backend.flight.check()
            puller.start()
            while (batch := ready.get()) is not None:
                if isinstance(batch, BaseException):
                    raise batch
                self._rows += batch.num_rows
                yield batch
        except GeneratorExit:
            raise
        except BaseException as trouble:
            self._fault = trouble
            raise
        finally:
            self._ended.set()
            if puller.is_alive():
                self.cancel()
            while puller.is_alive():
                _drain(ready)
                puller.join(0.01)

    def _pull(self, ready: queue.Queue[pa.RecordBatch | BaseException | None]) -> None:
        last: BaseException | None = None
        heads = Heads()
        try:
            heads, stream = self._backend.fetch(self._asked, self._planned)
            with self._lock:
                self._stream, cancelled = stream, self._cancelled
            if cancelled:
                stream.cancel()
            for batch in stream:
                ready.put(batch)
        except errors.Error as error:
            last = error
        except Exception as error:
            last = ours(error, heads)
        if self._cancelled:
            last = errors.CancelledError("the query was cancelled", query_id=self.query_id)
        self._ended.set()
        ready.put(last)

    def cancel(self) -> None:
        """Stop the server's work."""
        with self._lock:
            self._cancelled, stream = True, self._stream
        if self._ended.is_set() and stream is None:
            return
        if stream is not None:
            stream.cancel()
            return
        try:
            self._backend.forget(self._planned)
        except errors.Error:  # The reading has ended by itself, or nobody is there to hear it.
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
        """Nothing to do: the end of the batches ends the work."""


def _drain(ready: queue.Queue[Any]) -> None:
    try:
        while True:
            ready.get_nowait()
    except queue.Empty:
        return


class RemoteQuery:
    """A statement that the server has planned."""

    def __init__(self, backend: RemoteBackend, asked: Asked, planned: Planned) -> None:
        self.schema: pa.Schema = planned.info.schema
        self.versions: dict[str, Any] = planned.told.get("versions", {"v": 1, "products": {}})
        self.writes: bool = planned.told.get("writes", False)
        self._backend = backend
        self._asked = replace(asked, versions=self.versions if self.versions["products"] else None)
        self._lock = threading.Lock()
        self._unread: Planned | None = planned
        self._readings: weakref.WeakSet[RemoteReading] = weakref.WeakSet()
        self._cancelled = False

    def read(self) -> RemoteReading:
        """Run it: with the plan's own ticket the first time, with another one of the same versions after that."""
        self._backend.flight.check()
        with self._lock:
            planned, self._unread = self._unread, None
            self._check()
        if planned is None or time.monotonic() - planned.made > FRESH:
            planned = self._backend.planned(self._asked)
        reading = RemoteReading(self._backend, self._asked, planned)
        with self._lock:
            self._check()
            self._readings.add(reading)
        self._backend.readings.add(reading)
        return reading

    def _check(self) -> None:
        if self._cancelled:
            raise errors.CancelledError("the query was cancelled")

    def cancel(self) -> None:
        """Stop every reading, and those to come."""
        self._backend.flight.check_process()
        with self._lock:
            self._cancelled = True
            readings = list(self._readings)
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
        self.where = uri
        self.readings: weakref.WeakSet[RemoteReading] = weakref.WeakSet()
        native = {"x-meshweave-wire": "native", **headers}
        self.flight = Connection(uri, native, token, user, password, tls_roots, options)
        try:
            self.plan(Asked("SELECT 1"))
        except BaseException:
            self.close()
            raise

    # Statements

    def plan(self, asked: Asked) -> RemoteQuery:
        """Let the server resolve names, ask the policy and pin versions."""
        return RemoteQuery(self, asked, self.planned(asked))

    def planned(self, asked: Asked) -> Planned:
        """Give what the server says of a statement."""
        rows, options = bound(asked), called(asked)

        def ask(client: Any, heads: Heads) -> Any:
            command = _wire.sql("CommandStatementQuery", (1, asked.sql))
            if rows is not None:
                handle = _handle(client, options, asked.sql, rows)
                command = _wire.sql("CommandPreparedStatementQuery", (1, handle))
            return client.get_flight_info(flight.FlightDescriptor.for_command(command), options)

        info = self.flight.call(ask)
        if len(info.endpoints) != 1:
            raise errors.InternalError(f"the server gave {len(info.endpoints)} parts for one statement")
        return Planned(info, json.loads(info.app_metadata or b"{}"), time.monotonic())

    def fetch(self, asked: Asked, planned: Planned) -> tuple[Heads, Stream]:
        """Begin to fetch rows; give what is said beside them, and the stream."""
        return self.flight.call(lambda client, heads: (heads, Stream(client.do_get(planned.ticket, called(asked)))))

    def forget(self, planned: Planned) -> None:
        """Tell the server that nobody wants the rows of a ticket."""
        request = _wire.message((1, planned.info.serialize()))
        self._act("CancelFlightInfo", request, flight.FlightCallOptions(timeout=PATIENCE))

    def rows(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        """Read a small answer."""
        reading = self.plan(Asked(sql, list(params))).read()
        try:
            rows: list[dict[str, Any]] = reading.reader().read_all().to_pylist()
        except pa.ArrowException:
            reading.fault()
            raise
        return rows

    # The catalog

    def search(self, words: str) -> list[dict[str, Any]]:
        """Find products by words."""
        hits: list[dict[str, Any]] = self._tell("meshweave.search", {"words": words})["hits"]
        return hits

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
        """Send contracts to be registered; the first failure is raised after all were tried."""
        named, beside = (list(documents), []) if documents else _native.documents(list(paths))
        body = {"documents": _texts(named), "beside": _texts(beside), "storage": storage, "dry_run": dry_run}
        told = self._tell("meshweave.register", body)["done"]
        return settled([(one["file"], one.get("registered"), _failed(one.get("failed"))) for one in told])

    def _tell(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask for an action of ours."""
        answer: dict[str, Any] = json.loads(self._act(action, json.dumps({"v": 1, **body}).encode(), None))
        return answer

    def _act(self, action: str, body: bytes, options: Any) -> bytes:
        def ask(client: Any, heads: Heads) -> bytes:
            return _first(client.do_action(flight.Action(action, body), options))

        return self.flight.call(ask)

    # Frames

    def ingest(self, name: str, frame: Any) -> int:
        """Send a frame's rows into ``temp.name`` of the session; all of them are taken, or none."""
        how = _wire.message((1, CREATE), (2, REPLACE))
        command = _wire.sql("CommandStatementIngest", (1, how), (2, name), (3, "temp"))
        table = pa.table(frame)
        stop = threading.Event()

        def send(client: Any, heads: Heads) -> int:
            descriptor = flight.FlightDescriptor.for_command(command)
            answer = _put(client, descriptor, table, None, stop)
            return _wire.number(answer, 1)

        try:
            return self.flight.call(send)
        except BaseException:
            stop.set()
            raise

    def settle(self) -> None:
        """Nothing to do: the server writes its own log."""

    def close(self) -> None:
        """Close the connection; what it reads ends."""
        try:
            self.flight.check()
        except errors.InterfaceError:
            return
        for reading in list(self.readings):
            reading.cancel()
        interruptible(self.flight.close)


def called(asked: Asked) -> Any:
    """Give the headers and the time limit of what was asked."""
    headers = {
        "schema": asked.schema,
        "x-meshweave-purpose": asked.purpose,
        "x-meshweave-versions": None if asked.versions is None else json.dumps(asked.versions),
    }
    sent = checked({name: value for name, value in headers.items() if value is not None})
    pairs = [(name.encode(), value.encode()) for name, value in sent.items()]
    return flight.FlightCallOptions(timeout=asked.timeout, headers=pairs)


def bound(asked: Asked) -> pa.RecordBatch | None:
    """Give the parameters as Flight SQL takes them: one row; none without any."""
    params = _values.to_arrays(asked.params)
    if isinstance(params, dict):
        return pa.record_batch(list(params.values()), names=list(params)) if params else None
    if not params:
        return None
    return pa.record_batch(params, names=[f"${place}" for place in range(1, len(params) + 1)])


def _handle(client: Any, options: Any, sql: str, rows: pa.RecordBatch) -> bytes:
    """Give the handle of a statement with its parameters; it holds them itself, and is never closed."""
    request = _wire.sql("ActionCreatePreparedStatementRequest", (1, sql))
    made = _wire.inside(_first(client.do_action(flight.Action("CreatePreparedStatement", request), options)))
    handle = _wire.field(made, 1)
    command = flight.FlightDescriptor.for_command(_wire.sql("CommandPreparedStatementQuery", (1, handle)))
    return _wire.field(_put(client, command, pa.Table.from_batches([rows]), options, threading.Event()), 1) or handle


def _first(results: Any) -> bytes:
    """Give the body of the first result, and wait for the end of the call."""
    bodies = [result.body.to_pybytes() for result in results]
    return bodies[0] if bodies else b""


def _put(client: Any, descriptor: Any, table: pa.Table, options: Any, stop: threading.Event) -> bytes:
    """Send rows; give what the server answers."""
    begun = [Held(half) for half in client.do_put(descriptor, table.schema, options)]
    writer, answers = (half.native for half in begun)
    rows = max(1, table.num_rows * MESSAGE_BYTES // max(table.nbytes, 1))
    for batch in table.to_batches(max_chunksize=rows):
        if stop.is_set():
            raise errors.CancelledError("the rows are not sent any more")
        writer.write_batch(batch)
    writer.done_writing()
    answer = answers.read()
    writer.close()
    return b"" if answer is None else bytes(answer.to_pybytes())


def _texts(documents: Sequence[tuple[str, bytes]]) -> list[dict[str, str]]:
    sent = []
    for file, text in documents:
        try:
            sent.append({"file": file, "text": text.decode()})
        except UnicodeDecodeError as error:
            message = f"{file} cannot be registered: it is not written in UTF-8"
            raise errors.InvalidContractError(message, "Save it as UTF-8.", problems=[f"{file}: {error}"]) from None
    return sent


def _failed(told: dict[str, Any] | None) -> errors.Error | None:
    if told is None:
        return None
    kind = errors.of_kind(told["kind"])
    return kind(told["message"], told["hint"], told["product"], told["query_id"], told["problems"])
