"""Query data products by name, across the domains of a data mesh.

>>> import meshweave
>>> mesh = meshweave.open("meshweave-demo")
>>> mesh.sql("SELECT count(*) AS orders FROM commerce.orders").to_pandas()

`open` runs the engine in this process; `connect` asks a server over Flight SQL. Both give the same class with the same
methods, `Mesh`. The access policy applies here as everywhere: the local principal, or the token's.
"""

from __future__ import annotations

import os as _os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import errors
from ._answer import Answer
from ._backend import Registered
from ._mesh import Mesh
from ._native import __version__
from ._plan import Plan
from ._product import Column, Hit, Hits, Product, Products
from ._progress import options

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = [
    "Answer",
    "Column",
    "Hit",
    "Hits",
    "Mesh",
    "Plan",
    "Product",
    "Products",
    "Registered",
    "__version__",
    "connect",
    "errors",
    "open",
    "options",
]


def open(
    path: str | _os.PathLike[str] | None = None,
    *,
    settings: str | _os.PathLike[str] | None = None,
    allow_local: Sequence[str | _os.PathLike[str]] = (),
    principal: str | None = None,
) -> Mesh:
    """Open a mesh in this process, wired as the ``meshweave`` command wires it.

    Args:
        path: the mesh folder, its ``mesh.yaml``, or ``s3://bucket/prefix/``. Without it ``MESHWEAVE_MESH``, else the current
            folder or its nearest parent that is a mesh.
        settings: the settings of this process; ``meshweave.yaml`` in the mesh folder without it. ``MESHWEAVE_A__B`` in the
            environment overrides ``a.b``.
        allow_local: folders outside the mesh that products may lie in.
        principal: who asks, ``user@team,team``; as the settings say without it, else the user of the operating system.

    Raises:
        errors.InvalidConfigurationError: there is no mesh, or its documents or settings are wrong.
    """
    from ._local import LocalBackend

    if path is None:
        path = _os.environ.get("MESHWEAVE_MESH") or None
    if settings is None:
        settings = _os.environ.get("MESHWEAVE_SETTINGS") or None
    return Mesh(LocalBackend(path, settings, allow_local, principal))


def connect(
    uri: str,
    *,
    token: str | None = None,
    user: str | None = None,
    password: str | None = None,
    headers: Mapping[str, str] | None = None,
    tls_roots: str | bytes | None = None,
    options: Mapping[str, Any] | None = None,
) -> Mesh:
    """Connect to a server over Arrow Flight SQL; the answer types, methods and exceptions are those of `open`.

    Args:
        uri: ``grpc+tls://host:port``, or ``grpc://127.0.0.1:31337`` without TLS.
        token: a bearer token.
        user: a user for basic authentication, with `password`.
        password: the user's.
        headers: further headers of every call.
        tls_roots: certificates (PEM) to trust instead of the system's.
        options: further options of ``pyarrow.flight.FlightClient``, by their names, such as ``cert_chain`` and ``private_key``.

    Raises:
        errors.UnavailableError: nobody answers.
        errors.UnauthenticatedError: the token is not taken.
    """
    try:
        import pyarrow.flight  # noqa: F401
    except ImportError as error:
        hint = "Install the pyarrow of PyPI, or the package pyarrow-flight of where it comes from."
        raise errors.InterfaceError("this pyarrow comes without Arrow Flight", hint) from error
    from ._remote import RemoteBackend

    return Mesh(RemoteBackend(uri, token, user, password, headers or {}, tls_roots, options or {}))


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Give ``%sql`` and ``%%sql`` to a notebook: ``%load_ext meshweave``."""
    from ._magic import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take them back."""
    from ._magic import unload

    unload(shell)
