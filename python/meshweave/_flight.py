"""A connection to a server: Arrow Flight as pyarrow speaks it, with our headers, cookies and errors.

Every call goes through `Connection.call`. What the server says beside its answers (headers and trailers) is kept per call,
since pyarrow's own exceptions tell a text only. A call that the main thread waits for is ended by Ctrl-C.
"""

from __future__ import annotations

import ctypes
import os
import queue
import re
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import pyarrow as pa
from pyarrow import flight

from . import _wire, errors

T = TypeVar("T")

_NAME = re.compile(r"[0-9a-z_.-]+")
_FRAME = re.compile(r"Flight [^:]*?, with message: (.*?)(?:\. (?:gRPC c|C)lient (?:debug )?context: .*)?", re.DOTALL)
"""How pyarrow words an error: the server's words in a frame."""
_LONELY = "Is the server running, and is this its address?"
_SPAWN = (
    "Start processes that connect with `spawn` or `forkserver`; a mesh in process can be opened again after a fork."
)

_first_process: int | None = None
"""The process whose threads gRPC has; a fork of it has none."""


_held: weakref.WeakSet[Held | Connection] = weakref.WeakSet()
"""What has gRPC's threads behind it."""


def _leak() -> None:
    """Keep what was opened before a fork from being torn down after it: its threads are gone, and would be waited for."""
    for held in list(_held):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(held.native))


os.register_at_fork(after_in_child=_leak)


def _kinds() -> list[tuple[type[Exception], type[errors.Error]]]:
    """Give our class for what pyarrow raises where the server has told nothing more."""
    return [
        (flight.FlightUnavailableError, errors.UnavailableError),
        (flight.FlightTimedOutError, errors.TimedOutError),
        (flight.FlightCancelledError, errors.CancelledError),
        (flight.FlightUnauthenticatedError, errors.UnauthenticatedError),
        (flight.FlightUnauthorizedError, errors.DeniedError),
        (flight.FlightInternalError, errors.InternalError),
        (pa.ArrowKeyError, errors.NotFoundError),
        (pa.ArrowNotImplementedError, errors.UnsupportedError),
        (pa.ArrowCapacityError, errors.ExhaustedError),
        (pa.ArrowInvalid, errors.InvalidQueryError),
    ]


class Heads:
    """What the server says beside the body of one answer: headers, and trailers when it has ended."""

    def __init__(self) -> None:
        self._values: dict[str, str | bytes] = {}

    def take(self, headers: Mapping[str, list[str | bytes]]) -> None:
        """Keep what has come."""
        self._values.update({name: values[-1] for name, values in headers.items() if values})

    def text(self, name: str) -> str | None:
        """Give a header as text; ``None`` when it is not there."""
        value = self._values.get(name)
        return value.decode(errors="replace") if isinstance(value, bytes) else value

    def facts(self) -> dict[str, str]:
        """Give what is said of a failure."""
        details = self._values.get("grpc-status-details-bin", b"")
        try:
            facts = _wire.error_facts(details if isinstance(details, bytes) else details.encode())
        except ValueError:
            facts = {}
        for fact in ("kind", "hint", "product", "query_id"):
            head = self.text(f"x-meshweave-{fact.replace('_', '-')}")
            if head is not None:
                facts.setdefault(fact, head)
        return facts


class _Middleware(flight.ClientMiddleware):  # type: ignore[misc]
    """One call: what goes with it, and what comes back."""

    def __init__(self, sent: dict[str, str], heads: Heads, jar: _Jar) -> None:
        super().__init__()
        self._sent = sent
        self._heads = heads
        self._jar = jar

    def sending_headers(self) -> dict[str, str]:
        return self._sent

    def received_headers(self, headers: dict[str, list[str | bytes]]) -> None:
        self._heads.take(headers)
        self._jar.keep(headers)


class _Jar(flight.ClientMiddlewareFactory):  # type: ignore[misc]
    """What goes with every call, and the cookies that the server gives."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__()
        self.headers = headers
        self._cookies: dict[str, str] = {}
        self._lock = threading.Lock()
        self._here = threading.local()

    def start_call(self, info: Any) -> _Middleware:
        with self._lock:
            sent = dict(self.headers)
            if self._cookies:
                sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return _Middleware(sent, self.begun(), self)

    def begin(self) -> Heads:
        """Give what the next call of this thread will be told."""
        self._here.heads = Heads()
        return self.begun()

    def begun(self) -> Heads:
        """Give what the last call of this thread is told."""
        heads = getattr(self._here, "heads", None)
        return heads if isinstance(heads, Heads) else Heads()

    def keep(self, headers: dict[str, list[str | bytes]]) -> None:
        """Keep the cookies."""
        for given in headers.get("set-cookie", []):
            text = given.decode(errors="replace") if isinstance(given, bytes) else given
            name, sign, value = text.partition(";")[0].strip().partition("=")
            if sign:
                with self._lock:
                    self._cookies[name] = value


class Held:
    """Something of pyarrow's that is not torn down after a fork."""

    def __init__(self, native: Any) -> None:
        self.native = native
        _held.add(self)


class Stream(Held):
    """The rows behind a ticket, as they come."""

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for chunk in self.native:
            yield chunk.data

    def cancel(self) -> None:
        """Stop the server's work, from any thread."""
        self.native.cancel()


class Connection:
    """Calls to one server, from any thread."""

    def __init__(
        self,
        uri: str,
        headers: Mapping[str, str],
        token: str | None,
        user: str | None,
        password: str | None,
        tls_roots: str | bytes | None,
        options: Mapping[str, Any],
    ) -> None:
        global _first_process
        self._process = os.getpid()
        if _first_process not in (None, self._process):
            raise errors.ForkError("a process that was forked from one that had connected cannot connect", _SPAWN)
        every = {**headers, **({"authorization": f"Bearer {token}"} if token is not None else {})}
        self._jar = _Jar(checked(every))
        roots = tls_roots.encode() if isinstance(tls_roots, str) else tls_roots
        if roots is None and uri.startswith("grpc+tls:"):
            roots = _trusted()
        settings = {**({"tls_root_certs": roots} if roots is not None else {}), **options}
        self._closed = False
        try:
            self.native: Any = flight.FlightClient(uri, middleware=[self._jar], **settings)
        except (pa.ArrowException, TypeError, ValueError) as error:
            hint = "It is grpc+tls://host:port, or grpc://host:port without TLS."
            raise errors.InterfaceError(f"{uri} cannot be connected to: {error}", hint) from None
        _first_process = self._process
        _held.add(self)
        if user is not None:
            basic = (user, password or "")
            name, value = self.call(lambda client, _: client.authenticate_basic_token(*basic))
            self._jar.headers[name.decode()] = value.decode()

    def check_process(self) -> None:
        """Refuse what comes after a fork."""
        if os.getpid() != self._process:
            raise errors.ForkError("the mesh was opened before this process was forked", _SPAWN)

    def check(self) -> None:
        """Refuse what comes after a close or a fork."""
        self.check_process()
        if self._closed:
            raise errors.ClosedError("the mesh was closed", "Connect again with meshweave.connect().")

    def call(self, work: Callable[[Any, Heads], T]) -> T:
        """Run `work` with the client, and with what the server will say beside its answer.

        Raises:
            errors.Error: the one that the server's failure is.
        """
        self.check()

        def told() -> T:
            heads = self._jar.begin()
            try:
                return work(self.native, heads)
            except (pa.ArrowException, OSError) as error:
                raise ours(error, heads) from None

        return interruptible(told)

    def close(self) -> None:
        """Close it; in a process that was forked it is left as it is."""
        if self._closed or os.getpid() != self._process:
            return
        self._closed = True
        self.native.close()


def ours(error: Exception, heads: Heads) -> errors.Error:
    """Give our exception for one of pyarrow's, with what the server has said of it."""
    facts = heads.facts()
    framed = _FRAME.fullmatch(str(error))
    words, _, told = (framed[1] if framed else str(error)).partition("\nhint: ")
    kind = next((kind for theirs, kind in _kinds() if isinstance(error, theirs)), errors.DatabaseError)
    hint = told.strip() or (_LONELY if kind is errors.UnavailableError else None)
    if "kind" in facts:
        kind, hint = errors.of_kind(facts["kind"]), facts.get("hint") or told.strip() or None
    return kind(facts.get("message") or words.strip(), hint, facts.get("product"), facts.get("query_id"))


def interruptible(work: Callable[[], T]) -> T:
    """Run `work`; in the main thread so that Ctrl-C ends the wait for it."""
    if threading.current_thread() is not threading.main_thread():
        return work()
    done: queue.SimpleQueue[tuple[list[T], BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put(([work()], None))
        except BaseException as error:
            done.put(([], error))

    threading.Thread(target=run, name="meshweave call", daemon=True).start()
    given, error = done.get()
    if error is not None:
        raise error
    return given[0]


def _trusted() -> bytes | None:
    """Give the authorities that Python trusts (`SSL_CERT_FILE` counts); ``None`` where it has no list: gRPC has one."""
    import ssl

    authorities = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(ssl.DER_cert_to_PEM_cert(der) for der in authorities).encode() or None


def checked(headers: Mapping[str, str]) -> dict[str, str]:
    """Give headers that can be sent: gRPC ends the process over others.

    Raises:
        InterfaceError: a name or a value has other characters than plain ones.
    """
    sent = {}
    for name, value in headers.items():
        name = name.lower()
        if not _NAME.fullmatch(name) or name.endswith("-bin"):
            raise errors.InterfaceError(f"{name!r} is no name of a header", "Use letters, digits, `-`, `_` and `.`.")
        if not isinstance(value, str) or not all(" " <= letter <= "~" for letter in value):
            # The value may be a secret.
            raise errors.InterfaceError(f"the value of {name} cannot be sent", "It may have plain ASCII letters only.")
        sent[name] = value
    return sent
