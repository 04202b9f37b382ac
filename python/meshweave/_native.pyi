"""The native half of the package; `meshweave.Mesh` and `meshweave.Answer` are what to use."""

from collections.abc import Sequence
from os import PathLike

__version__: str

class Engine:
    """An open mesh of this process."""

    @staticmethod
    def open(
        mesh: str | PathLike[str] | None = None,
        settings: str | PathLike[str] | None = None,
        allow_local: Sequence[str | PathLike[str]] = (),
        principal: str | None = None,
    ) -> Engine:
        """Open a mesh, wired as the `meshweave` command wires it."""

    def plan(
        self,
        sql: str,
        params: list[object] | dict[str, object] | None = None,
        versions: str | None = None,
        schema: str | None = None,
        purpose: str | None = None,
        timeout: float | None = None,
    ) -> Query:
        """Plan a statement: names resolved, policy asked, versions pinned."""

    def search(self, words: str) -> str:
        """Products that have every word, the best first, JSON."""

    def describe(self, name: str) -> str:
        """Everything that the catalog knows of one product, JSON."""

    def register(
        self,
        paths: Sequence[str | PathLike[str]],
        documents: Sequence[tuple[str, bytes]] = (),
        storage: str | None = None,
        dry_run: bool = False,
    ) -> list[tuple[str, str | None, Exception | None]]:
        """Register contracts: per product version its file, what was done (JSON), or the exception."""

    def ingest(self, name: str, frame: object) -> int:
        """Take the rows of an Arrow stream into `temp.name`, in place of what was there; give their number."""

    @property
    def principal(self) -> tuple[str, list[str]]:
        """Who asks: the user and the teams."""

    @property
    def catalog(self) -> str:
        """The catalog's name in SQL."""

    @property
    def reserved_bytes(self) -> int:
        """Bytes that all queries hold now."""

    @property
    def running(self) -> int:
        """Queries that run now."""

    def flush(self) -> None:
        """Wait until what queries left to be written is written."""

    def close(self) -> None:
        """Stop what runs, and write down what is left to be written."""

class Query:
    """A planned statement; nothing has run yet."""

    def __arrow_c_schema__(self) -> object:
        """The columns, as an Arrow C schema."""

    @property
    def versions(self) -> str:
        """The version vector, JSON."""

    @property
    def writes(self) -> bool:
        """Whether it writes to a temporary table when it is read."""

    def read(self) -> Reading:
        """Start to run; each call reads anew, the same versions."""

    def cancel(self) -> None:
        """Stop every reading, and those to come."""

class Reading:
    """One reading of an answer: an Arrow C stream, once."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Take the stream."""

    def fault(self) -> None:
        """Raise what ended the stream early."""

    def progress(self) -> tuple[int, int, int, int]:
        """Rows taken, bytes sent by stores, requests made, place in the queue (0: it runs)."""

    @property
    def query_id(self) -> str:
        """The query's id."""

def documents(paths: Sequence[str | PathLike[str]]) -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    """The contract files under `paths`, and those beside them that they refer to: names and texts."""

def contract(text: str, file: str) -> str:
    """What a contract's text says, JSON."""
