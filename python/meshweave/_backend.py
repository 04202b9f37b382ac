"""What `Mesh` and `Answer` stand on: an engine of this process, or a server. Both give the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from . import errors
from ._values import Parameters


class Progress(NamedTuple):
    """What a reading has done so far."""

    rows: int = 0
    """Rows taken."""
    bytes: int = 0
    """Bytes that stores sent."""
    requests: int = 0
    """Requests made to stores."""
    position: int = 0
    """Place in the queue; 0 when it runs."""


@dataclass(frozen=True)
class Asked:
    """One statement and everything that goes with it."""

    sql: str
    params: Parameters = None
    schema: str | None = None
    purpose: str | None = None
    timeout: float | None = None
    versions: dict[str, Any] | None = None


@dataclass(frozen=True)
class Registered:
    """What was done with one contract, or would be.

    Attributes:
        id: ``domain.product@version``.
        outcome: ``registered``, ``unchanged`` or ``would register``.
        steps: storage prefix, schema subject and catalog record, in words.
        schema_report: how the contract's columns compare with what the files hold; empty when they agree.
        warnings: what deserves a look but stops nothing.
        change: what differs from the registered version before it; ``None`` for the first one.
    """

    id: str
    outcome: str
    steps: list[str] = field(default_factory=list)
    schema_report: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    change: dict[str, Any] | None = None

    @classmethod
    def of(cls, told: dict[str, Any]) -> Registered:
        """Take what the engine tells."""
        known = ("id", "outcome", "steps", "schema_report", "warnings", "change")
        values = {name: told[name] for name in known if name in told}
        name = told["id"]["name"]
        values["id"] = f"{name['domain']}.{name['product']}@{told['id']['version']}"
        return cls(**values)


def settled(done: Sequence[tuple[str, dict[str, Any] | None, BaseException | None]]) -> list[Registered]:
    """Give what was registered, or raise the first failure with a line for each of the others.

    Args:
        done: per product version its file, what was done, or what has failed; all were tried.
    """
    failed = [(file, error) for file, _, error in done if error is not None]
    if failed:
        first = failed[0][1]
        for file, error in failed[1:]:
            # Python 3.10 has no notes of its own; ours have problems.
            if isinstance(first, errors.Error):
                first.problems.append(f"{file}: {error}")
        raise first
    return [Registered.of(told) for _, told, _ in done if told is not None]


class Reading(Protocol):
    """One reading of an answer."""

    query_id: str | None

    def stream(self) -> Any:
        """Give an object with ``__arrow_c_stream__``, which can be taken once."""
        ...

    def reader(self) -> pa.RecordBatchReader:
        """Give the batches."""
        ...

    def fault(self) -> None:
        """Raise what ended the stream early, in our exceptions."""
        ...

    def progress(self) -> Progress:
        """Tell what was done so far."""
        ...

    def close(self) -> None:
        """Stop the work."""
        ...


class Query(Protocol):
    """A planned statement."""

    schema: pa.Schema
    versions: dict[str, Any]
    writes: bool

    def read(self) -> Reading:
        """Start to run; each call reads anew."""
        ...

    def cancel(self) -> None:
        """Stop every reading, and those to come."""
        ...


class Backend(Protocol):
    """Where statements go."""

    where: str
    is_remote: bool

    def plan(self, asked: Asked) -> Query:
        """Resolve names, ask the policy, pin versions."""
        ...

    def search(self, words: str) -> list[dict[str, Any]]:
        """Find products by words."""
        ...

    def describe(self, name: str) -> dict[str, Any]:
        """Tell everything about one product."""
        ...

    def register(
        self,
        paths: Sequence[str | PathLike[str]],
        documents: Sequence[tuple[str, bytes]],
        storage: str | None,
        dry_run: bool,
    ) -> list[Registered]:
        """Register contracts."""
        ...

    def ingest(self, name: str, frame: Any) -> int:
        """Take a frame's rows into ``temp.name``, in place of what was there; give their number."""
        ...

    def settle(self) -> None:
        """Wait until what ended queries left behind is done, so that the process can be forked."""
        ...

    def close(self) -> None:
        """Stop what runs."""
        ...
