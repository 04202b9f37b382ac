"""What can go wrong, one exception class per kind, each with a hint.

The classes of DB-API 2.0 (PEP 249) stand above them, so that the same exceptions serve :mod:`meshweave.dbapi`.
``except meshweave.errors.Error`` catches everything that Meshweave raises.
"""

from __future__ import annotations

from collections.abc import Sequence


class Warning(Exception):
    """PEP 249: something to look at. Meshweave raises none."""


class Error(Exception):
    """Everything that Meshweave raises.

    Attributes:
        kind: the stable word for what callers act on, as in the JSON errors of the command line (``not_found``, …).
        message: what failed and on which product, with its causes, without the hint.
        hint: what to do next, a sentence; ``None`` when there is nothing to say.
        product: the product it is about, when there is one.
        query_id: the query it happened in, as ``mesh.queries`` shows it.
        problems: one line each, for contracts: place, code, what is wrong, how to mend it.
    """

    kind: str = "error"

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        product: str | None = None,
        query_id: str | None = None,
        problems: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.product = product
        self.query_id = query_id
        self.problems = list(problems)

    def __str__(self) -> str:
        lines = [self.message, *(f"  {problem}" for problem in self.problems)]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[type[Error], tuple[object, ...]]:
        return type(self), (self.message, self.hint, self.product, self.query_id, self.problems)


class InterfaceError(Error):
    """PEP 249: the package was used wrongly: after a close, after a fork, with a value it does not take."""

    kind = "interface"


class DatabaseError(Error):
    """PEP 249: the mesh refused or failed."""

    kind = "database"


class DataError(DatabaseError):
    """PEP 249: the data is not what it should be."""


class OperationalError(DatabaseError):
    """PEP 249: nothing is wrong with the statement; it was not allowed, or could not be carried out."""


class IntegrityError(DatabaseError):
    """PEP 249: a promise would be broken, or is."""


class ProgrammingError(DatabaseError):
    """PEP 249: the statement is wrong."""


class NotSupportedError(DatabaseError):
    """PEP 249: not offered."""


class ClosedError(InterfaceError):
    """The mesh, the connection or the cursor was closed."""

    kind = "closed"


class ForkError(InterfaceError):
    """The mesh was opened before this process was forked; open it again in the child."""

    kind = "forked"


class NotFoundError(ProgrammingError, LookupError):
    """A name leads nowhere; the hint names what lies nearby."""

    kind = "not_found"


class InvalidQueryError(ProgrammingError):
    """The statement or its parameters are wrong."""

    kind = "invalid_query"


class InvalidContractError(DataError):
    """A contract is wrong, or may not be registered; ``problems`` lists why."""

    kind = "invalid_contract"


class BreakingChangeError(IntegrityError):
    """A new version would break those who rely on the product; ``problems`` lists whom."""

    kind = "breaking_change"


class InvalidConfigurationError(InterfaceError):
    """A setting or a document of the mesh is wrong, or there is no mesh."""

    kind = "invalid_configuration"


class UnauthenticatedError(OperationalError):
    """Nobody, or nobody any more: the token is missing, wrong or has ended."""

    kind = "unauthenticated"


class DeniedError(OperationalError):
    """Known, and not allowed; the hint says whom to ask."""

    kind = "denied"


class ContractBrokenError(DataError):
    """The data does not keep its contract's promise."""

    kind = "contract_broken"


class UnavailableError(OperationalError):
    """Storage, the catalog or the server does not answer; try again later."""

    kind = "unavailable"


class ExhaustedError(OperationalError):
    """A limit was reached; the hint names the setting."""

    kind = "exhausted"


class CancelledError(OperationalError):
    """The query was cancelled."""

    kind = "cancelled"


class TimedOutError(OperationalError):
    """The time that was given ran out."""

    kind = "timed_out"


class UnsupportedError(NotSupportedError):
    """Right, and not offered."""

    kind = "unsupported"


class InternalError(DatabaseError):
    """Meshweave's fault; ``query_id`` finds it in the log."""

    kind = "internal"


KINDS: dict[str, type[Error]] = {
    kind.kind: kind
    for kind in (
        NotFoundError,
        InvalidQueryError,
        InvalidContractError,
        BreakingChangeError,
        InvalidConfigurationError,
        UnauthenticatedError,
        DeniedError,
        ContractBrokenError,
        UnavailableError,
        ExhaustedError,
        CancelledError,
        TimedOutError,
        UnsupportedError,
        InternalError,
    )
}
"""The class of each kind, by its word."""


def of_kind(word: str) -> type[Error]:
    """Give the class of a kind; a kind that this version does not know is a `DatabaseError`."""
    return KINDS.get(word, DatabaseError)
