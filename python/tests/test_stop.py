"""What stops a query stops its work: Ctrl-C, cancel, a loop that is left, a task that is cancelled, a fork."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import PATIENCE, environment, eventually, python, serving
from store import Store

import meshweave
from meshweave import errors

FILES = 24
ROWS = 20_000
UNDER_WAY = 8
"""Requests that may have left when a query was stopped and not reached the store yet; a whole reading makes hundreds."""
TURNS = 6
"""Statements over another product, beside which what still worked would have had its turn."""
LONG = "SELECT count(*) FROM sales.lineitem a JOIN sales.lineitem b ON a.l_linestatus = b.l_linestatus"


@pytest.fixture(params=["in process", "over the wire"])
def slow(own: Path, store: Store, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[meshweave.Mesh]:
    """Give a mesh with `web.rows`, whose store counts and takes its time."""
    store.fill(FILES, ROWS)
    contract = tmp_path / "rows.yaml"
    contract.write_text(store.register(own))
    principal = "ada@commerce-engineering,analytics"
    with ExitStack() as held:
        if request.param == "in process":
            mesh = held.enter_context(meshweave.open(own, principal=principal))
        else:
            address = held.enter_context(serving(own, "--as", principal, LISTEN__REGISTER="true"))
            mesh = held.enter_context(meshweave.connect(address))
        mesh.register(contract)
        whole = store.quiet()
        assert sum(batch.num_rows for batch in mesh.sql("SELECT * FROM web.rows")) == FILES * ROWS
        store.whole = store.quiet() - whole  # type: ignore[attr-defined]
        store.slow = 0.15
        yield mesh


def nothing_follows(store: Store, others: Callable[[], object]) -> int:
    """Check that the store is asked nothing more but what was on its way already; give the number of requests then.

    A request may have left before the stop and reach the store after it was seen at rest. `others` are whole statements
    over another product: what still worked would have had its turn beside them.
    """
    stopped = store.quiet()
    others()
    settled = store.quiet()
    assert settled - stopped <= UNDER_WAY
    others()
    assert store.quiet() == settled
    return settled


def after(store: Store, mesh: meshweave.Mesh, stop: Callable[[], None]) -> None:
    """Check that nothing is asked of the store once `stop` has returned and what was under way has ended."""
    before = store.requests
    stop()
    gc.collect()

    def others() -> None:
        for _ in range(TURNS):
            mesh.sql("SELECT count(*) FROM commerce.orders").to_arrow()

    if mesh._backend.is_remote:
        # The server hears of the stop by then.
        others()
    settled = nothing_follows(store, others)
    assert settled - before < store.whole / 2, "most of the rows were never asked for"  # type: ignore[attr-defined]


def _read_and_wait(read: Callable[[], object], timer: threading.Timer) -> None:
    """Read, and wait for the signal when that was faster."""
    read()
    timer.join()


def test_leaving_the_loop_stops_the_requests(slow: meshweave.Mesh, store: Store) -> None:
    def stop() -> None:
        for _ in slow.sql("SELECT * FROM web.rows"):
            break

    after(store, slow, stop)


def test_dropping_the_reader_stops_the_requests(slow: meshweave.Mesh, store: Store) -> None:
    def stop() -> None:
        reader = slow.sql("SELECT * FROM web.rows").reader()
        reader.read_next_batch()
        del reader

    after(store, slow, stop)


def test_cancel_stops_the_requests(slow: meshweave.Mesh, store: Store) -> None:
    def stop() -> None:
        answer = slow.sql("SELECT * FROM web.rows")
        batches = answer.batches()
        next(batches)
        answer.cancel()
        with pytest.raises(errors.CancelledError):
            list(batches)
        with pytest.raises(errors.CancelledError):
            answer.to_arrow()

    after(store, slow, stop)


def test_cancel_is_heard_from_another_thread(slow: meshweave.Mesh, store: Store) -> None:
    def stop() -> None:
        answer = slow.sql("SELECT count(DISTINCT words || n) AS n FROM web.rows")
        threading.Timer(0.1, answer.cancel).start()
        with pytest.raises(errors.CancelledError):
            answer.to_arrow()

    after(store, slow, stop)


def test_ctrl_c_stops_the_requests_and_the_mesh_lives_on(slow: meshweave.Mesh, store: Store) -> None:
    def stop() -> None:
        main = threading.main_thread().ident
        assert main is not None
        # The time does not matter: before the statement, while it is planned, or while it runs.
        timer = threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            _read_and_wait(lambda: slow.sql("SELECT * FROM web.rows").to_arrow(), timer)

    after(store, slow, stop)


def test_ctrl_c_is_heard_by_other_libraries_too(slow: meshweave.Mesh, store: Store) -> None:
    def stop() -> None:
        main = threading.main_thread().ident
        assert main is not None
        timer = threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT))
        answer = slow.sql("SELECT * FROM web.rows")
        timer.start()
        with pytest.raises((KeyboardInterrupt, OSError, pa.ArrowException)):
            _read_and_wait(lambda: pa.table(answer), timer)

    after(store, slow, stop)


async def test_a_cancelled_task_stops_the_requests(slow: meshweave.Mesh, store: Store) -> None:
    before = store.requests
    answer = await slow.sql_async("SELECT count(DISTINCT words || n) AS n FROM web.rows")
    task = asyncio.ensure_future(answer.to_arrow_async())
    while store.requests == before:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    def others() -> None:
        for _ in range(TURNS):
            slow.sql("SELECT count(*) FROM commerce.orders").to_arrow()

    if slow._backend.is_remote:
        await asyncio.to_thread(others)
    settled = await asyncio.to_thread(nothing_follows, store, others)
    assert settled - before < store.whole / 2, "most of the rows were never asked for"  # type: ignore[attr-defined]


@pytest.mark.parametrize("where", ["opened", "connected"])
def test_ctrl_c_ends_a_long_computation(where: str, made: Path, request: pytest.FixtureRequest) -> None:
    target = str(made) if where == "opened" else request.getfixturevalue("address")
    script = f"""
import sys, meshweave
mesh = meshweave.{"open" if where == "opened" else "connect"}(sys.argv[1])
answer = mesh.sql({LONG!r})
try:
    print("ready", flush=True)
    answer.to_arrow()
    print("not interrupted", flush=True)
except KeyboardInterrupt:
    print(mesh.sql("SELECT 1 AS one").to_pylist(), flush=True)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", script, target],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=PATIENCE)
    finally:
        child.kill()
        child.wait()
    assert out == "[{'one': 1}]\n", err


@pytest.mark.parametrize("where", ["opened", "connected"])
def test_cancel_ends_a_long_computation(where: str, request: pytest.FixtureRequest) -> None:
    mesh: meshweave.Mesh = request.getfixturevalue(where)
    answer = mesh.sql(LONG)
    timer = threading.Timer(0.2, answer.cancel)
    timer.start()
    with pytest.raises(errors.CancelledError):
        answer.to_arrow()
    timer.join()
    if where == "opened":
        # Its place is free again.
        eventually(lambda: mesh._backend.running == 0)  # type: ignore[attr-defined]


FORK = """
import os, sys, meshweave
from meshweave import errors
mesh = meshweave.open(sys.argv[1])
answer = mesh.sql("SELECT count(*) AS n FROM commerce.orders")
reader = mesh.sql("SELECT 1 AS one").reader()
assert reader.read_all().num_rows == 1
begun = mesh.sql("SELECT * FROM reference.region").batches()
assert next(begun).num_rows == 5
child = os.fork()
if child == 0:
    told = []
    for use in (lambda: mesh.sql("SELECT 1"), answer.to_arrow, answer.cancel, mesh.products):
        try:
            use()
        except errors.ForkError as error:
            told.append(error.hint is not None)
    del reader, begun, answer
    mesh.close()
    with meshweave.open(sys.argv[1]) as own:
        rows = own.sql("SELECT count(*) AS n FROM commerce.orders").to_pylist()
    sys.exit(0 if told == [True] * 4 and rows == [{"n": 4000}] else 1)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
assert answer.to_pylist() == [{"n": 4000}]
assert list(begun) == []
print("both live")
"""


def test_after_a_fork_the_child_opens_its_own(made: Path) -> None:
    ran = python(FORK, str(made))
    assert ran.stdout == "both live\n", ran.stderr
