"""What the tests share: a demo mesh, the mesh opened and connected to, a web server that counts.

``MESHWEAVE_BIN`` names the built ``meshweave`` binary; it makes the demo's mesh and serves it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from store import Store

import meshweave

# Whoever starts programs in the background has Ctrl-C ignored, and everything started from there inherits it.
signal.signal(signal.SIGINT, signal.default_int_handler)

BINARY = os.environ.get("MESHWEAVE_BIN", "")
PATIENCE = 1800
"""Seconds after which something hangs; a loaded machine is slow."""


def eventually(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    for _ in range(PATIENCE * 100):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came true")


def environment() -> dict[str, str]:
    """Give the environment without what would reach into a test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MESHWEAVE_")}
    return {**kept, "MESHWEAVE_LISTEN__HTTP": "off", "MESHWEAVE_LISTEN__METRICS": "off"}


def run(*words: str, mesh: Path | None = None) -> str:
    """Run the command line and give its standard output."""
    named = ["--mesh", str(mesh)] if mesh else []
    ran = subprocess.run(
        [BINARY, *named, *words], capture_output=True, text=True, timeout=PATIENCE, env=environment(), check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("MESHWEAVE_") and name != "MESHWEAVE_BIN":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the demo's mesh, which no test writes to."""
    assert BINARY, "MESHWEAVE_BIN names the meshweave binary"
    folder = tmp_path_factory.mktemp("made") / "demo"
    run("demo", "--dir", str(folder))
    return folder


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Path:
    """Give a copy of the demo's mesh that a test may write to."""
    folder = tmp_path / "own"
    shutil.copytree(made, folder)
    return folder


@pytest.fixture(scope="session")
def opened(made: Path) -> Iterator[meshweave.Mesh]:
    """Give the demo's mesh, opened once."""
    with meshweave.open(made) as mesh:
        yield mesh


@contextmanager
def serving(mesh: Path, *words: str, **settings: str) -> Iterator[str]:
    """Serve a mesh, and give the address.

    Args:
        mesh: its folder.
        words: of the command line.
        settings: by the names of their variables, without ``MESHWEAVE_``.
    """
    command = [BINARY, "--mesh", str(mesh), *words, "serve", "--listen", "127.0.0.1:0", "--output", "json"]
    variables = {**environment(), **{f"MESHWEAVE_{name}": value for name, value in settings.items()}}
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=variables)
        try:
            assert server.stdout is not None
            told = server.stdout.readline()
            log.seek(0)
            assert told, log.read().decode(errors="replace")
            yield json.loads(told)["flight_sql"]
        finally:
            server.terminate()
            server.wait(PATIENCE)


@pytest.fixture(scope="session")
def address(made: Path) -> Iterator[str]:
    """Give the address of a server over the demo's mesh."""
    with serving(made) as address:
        yield address


@pytest.fixture(scope="session")
def connected(address: str) -> Iterator[meshweave.Mesh]:
    """Give the demo's mesh, connected to once."""
    with meshweave.connect(address) as mesh:
        yield mesh


@pytest.fixture(params=["opened", "connected"])
def mesh(request: pytest.FixtureRequest) -> meshweave.Mesh:
    """Give the demo's mesh both ways."""
    found: meshweave.Mesh = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give a web server of Parquet files that counts requests."""
    with Store(tmp_path / "web") as store:
        yield store


def python(script: str, *words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a script in an interpreter of its own."""
    return subprocess.run(
        [sys.executable, "-c", script, *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        **{"env": environment(), **options},  # type: ignore[call-overload]
    )
