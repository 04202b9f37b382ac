"""An open mesh: the same class in process and against a server."""

from __future__ import annotations

import atexit
import json
import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike, fspath
from types import TracebackType
from typing import Any

import pyarrow as pa

from . import errors
from ._answer import Answer
from ._backend import Asked, Backend, Registered
from ._product import Hit, Hits, Product, Products
from ._values import Parameters

_open: weakref.WeakSet[Mesh] = weakref.WeakSet()
_last: weakref.ref[Mesh] | None = None


class Mesh:
    """A data mesh that can be asked. Made by `meshweave.open` and `meshweave.connect`; `close` it, or use ``with``.

    Safe to use from several threads at once. After ``os.fork`` the child must open its own: what was opened before raises
    `errors.ForkError` there.
    """

    def __init__(self, backend: Backend, versions: dict[str, Any] | None = None, owner: Mesh | None = None) -> None:
        self._backend = backend
        self._versions = versions
        self._owner = owner
        if owner is None:
            global _last
            _open.add(self)
            _last = weakref.ref(self)

    # Asking

    def sql(
        self,
        sql: str,
        params: Parameters = None,
        *,
        schema: str | None = None,
        purpose: str | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Plan a statement: names are resolved, the policy is asked, one version of every product is pinned.

        The rows come when the answer is read. A statement that writes to the ``temp`` schema runs at once.

        Args:
            sql: one statement over ``domain.product`` names.
            params: values in order for ``?`` and ``$1``, or a dictionary for ``:name``. They are bound, never pasted.
            schema: the domain of one-part names.
            purpose: why the data is asked for; policies see it.
            timeout: seconds that each reading may take; the settings' limit holds as well.

        Raises:
            errors.NotFoundError: a name leads nowhere; the hint names what lies nearby.
            errors.InvalidQueryError: the statement is wrong.
            errors.DeniedError: a product may not be read; the hint says whom to ask.
            errors.UnavailableError: a product's storage does not answer.
        """
        asked = Asked(sql, params, schema, purpose, timeout, self._versions)
        return Answer(self._backend, asked, self._backend.plan(asked))

    async def sql_async(self, sql: str, params: Parameters = None, **options: Any) -> Answer:
        """Do as `sql`, without blocking the event loop. Read the answer with `Answer.to_arrow_async` or ``async for``."""
        import asyncio

        return await asyncio.to_thread(lambda: self.sql(sql, params, **options))

    def at(self, versions: Mapping[str, Any] | str | Answer) -> Mesh:
        """Give the same mesh as it was: statements read these versions of the products in them, the newest of others.

        Args:
            versions: ``answer.versions`` (or the answer) of an earlier answer, as a dictionary or as JSON.
        """
        if isinstance(versions, Answer):
            versions = versions.versions
        pins = json.loads(versions) if isinstance(versions, str) else dict(versions)
        if "products" not in pins:
            pins = {"v": 1, "products": pins}
        return Mesh(self._backend, pins, self._owner or self)

    # Finding

    def products(self, pattern: str | None = None, *, all_versions: bool = False) -> Products:
        """List the products that the caller may find, sorted by name.

        Args:
            pattern: a LIKE pattern over ``domain.product``, such as ``"commerce.%"``.
            all_versions: further majors too, not only the version that a name without one reads.
        """
        statement = (
            "SELECT * FROM mesh.products WHERE (is_default OR ?) AND (domain || '.' || product) LIKE ? ORDER BY 1, 2, 3"
        )
        rows = self._rows(statement, [all_versions, pattern or "%"])
        return Products([Product(self, row) for row in rows])

    def __getitem__(self, name: str) -> Product:
        wanted, _, major = name.partition("@")
        domain, _, product = wanted.replace('"', "").partition(".")
        folded = "replace(lower({}), '-', '_')"
        statement = (
            f"SELECT * FROM mesh.products WHERE {folded.format('domain')} = {folded.format('?')} "
            f"AND {folded.format('product')} = {folded.format('?')} ORDER BY is_default DESC, major DESC, version DESC"
        )
        found = self._rows(statement, [domain, product])
        if major:
            found = [row for row in found if _means(major, str(row["version"]))]
        if not found:
            raise self._not_found(name)
        return Product(self, found[0])

    def _not_found(self, name: str) -> errors.NotFoundError:
        """Let the engine word it: it knows the names nearby."""
        try:
            self._backend.describe(name)
        except errors.NotFoundError as error:
            return error
        except errors.Error:
            pass
        return errors.NotFoundError(
            f'data product "{name}" does not exist', "`mesh.products()` lists what you may use.", name
        )

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        try:
            self[name]
        except errors.NotFoundError:
            return False
        return True

    def __iter__(self) -> Iterator[Product]:
        return iter(self.products())

    def __len__(self) -> int:
        return len(self.products())

    def search(self, words: str) -> Hits:
        """Find products that have every word, in names, tags, columns, descriptions and owners; the best first."""
        return Hits([Hit(**hit) for hit in self._backend.search(words)])

    # Changing

    def register(
        self,
        contract: str | PathLike[str] | Mapping[str, Any] | Sequence[str | PathLike[str]],
        *,
        storage: str | None = None,
        dry_run: bool = False,
    ) -> list[Registered]:
        """Register product versions: storage prefix, schema, catalog record. Doing it again changes nothing.

        Args:
            contract: a file, a folder, several of them, or the contract itself as a dictionary.
            storage: where the data lies, for a contract that names no location.
            dry_run: only tell what would be done.

        Returns:
            What was done, per product version.

        Raises:
            errors.InvalidContractError: ``problems`` lists every problem with its place and how to mend it.
            errors.BreakingChangeError: it needs a new major version; ``problems`` lists whom it would break.
            errors.DeniedError: only the owner's team registers.
        """
        if isinstance(contract, Mapping):
            text = json.dumps(contract, default=str).encode()
            return self._backend.register([], [("contract.json", text)], storage, dry_run)
        paths = [contract] if isinstance(contract, str | PathLike) else list(contract)
        return self._backend.register([fspath(path) for path in paths], [], storage, dry_run)

    def register_frame(self, name: str, frame: Any) -> int:
        """Lend a local frame to statements of this mesh, in place of what had its name.

        Only this mesh object sees it; its rows are held in memory, up to ``sessions.temp_memory``.

        Args:
            name: ``temp.name``, or the name alone.
            frame: of pandas, polars or pyarrow, an `Answer`, or anything else with an Arrow C stream; a dictionary of columns.

        Returns:
            The number of rows.
        """
        return self._backend.ingest(_temp(name), as_arrow(frame))

    def unregister_frame(self, name: str) -> None:
        """Take a frame back, and free its memory."""
        quoted = _temp(name).replace('"', '""')
        self.sql(f'DROP TABLE temp."{quoted}"')

    # Ending

    def close(self) -> None:
        """Stop what runs and free everything; a second call does nothing."""
        (self._owner or self)._backend.close()
        _open.discard(self)

    def __enter__(self) -> Mesh:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Showing

    def _rows(self, statement: str, params: Parameters = None) -> list[dict[str, Any]]:
        asked = Asked(statement, params)
        return Answer(self._backend, asked, self._backend.plan(asked)).to_pylist()

    def _ipython_key_completions_(self) -> list[str]:
        return self.products().names

    def __repr__(self) -> str:
        then = " at earlier versions" if self._versions else ""
        return f"<Mesh {self._backend.where}{then}>"

    def _repr_html_(self) -> str:
        return self.products()._repr_html_()


def as_arrow(frame: Any) -> Any:
    """Give something with an Arrow C stream.

    Raises:
        InterfaceError: there is no way to see rows in it.
    """
    if type(frame).__module__.partition(".")[0] == "pandas":
        return pa.Table.from_pandas(frame)
    if hasattr(frame, "__arrow_c_stream__"):
        return frame
    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame])
    if isinstance(frame, Mapping):
        return pa.table(dict(frame))
    if hasattr(frame, "collect") and hasattr(frame, "lazy"):
        return frame.collect()
    raise errors.InterfaceError(f"{type(frame).__name__} is no frame", "Give a frame of pandas, polars or pyarrow.")


def _temp(name: str) -> str:
    """Give the name inside the ``temp`` schema."""
    schema, point, table = name.partition(".")
    if not point:
        return name
    if schema.lower() != "temp":
        hint = f"Register it as temp.{table}: products take rows through their input ports only."
        raise errors.InterfaceError(f"a frame cannot be registered as {name}", hint)
    return table


def _means(typed: str, version: str) -> bool:
    return version == typed or version.startswith(f"{typed}.")


def last() -> Mesh | None:
    """Give the mesh that was opened last and is still there."""
    return None if _last is None else _last()


def _settle_all() -> None:
    """Let every mesh come to rest before a fork."""
    for mesh in list(_open):
        try:
            mesh._backend.settle()
        except errors.Error:
            continue


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_settle_all)


@atexit.register
def _close_all() -> None:
    """Write down what queries left to be written, when the process ends."""
    for mesh in list(_open):
        try:
            mesh.close()
        except errors.Error:
            continue
