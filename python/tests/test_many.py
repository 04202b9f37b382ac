"""Many queries: in turn without growing, in threads and in an event loop at once, with bounded memory."""

from __future__ import annotations

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from conftest import python

import meshweave

STATEMENT = "SELECT status, count(*) AS n FROM commerce.orders WHERE total > ? GROUP BY status ORDER BY status"


def resident() -> int:
    """Give the memory of this process, bytes."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096


GROWTH = """
import gc, sys
sys.path.insert(0, sys.argv[2])
import meshweave
from test_many import STATEMENT, resident
times = int(sys.argv[3])
mesh = getattr(meshweave, sys.argv[4])(sys.argv[1])
def ask(times):
    for least in range(times):
        mesh.sql(STATEMENT, [least]).to_arrow()
    gc.collect()
    return resident()
ask(times // 5)
before = ask(times // 10)
after = ask(times)
held = (mesh._backend.reserved_bytes, mesh._backend.running) if sys.argv[4] == "open" else (len(mesh._backend.readings), 0)
print((after - before) // 1024, *held)
"""


def grown(place: str, queries: int, opened: str) -> int:
    """Give the memory that so many queries have left behind, bytes; nothing else may be left."""
    ran = python(GROWTH, place, str(Path(__file__).parent), str(queries), opened)
    assert ran.returncode == 0, ran.stderr
    kib, *held = (int(word) for word in ran.stdout.split())
    assert held == [0, 0]
    return kib << 10


def test_a_thousand_queries_do_not_grow(made: Path) -> None:
    # 1,000 answers, plans or contexts that stayed would be tens of MiB; an allocator's unrest is a few.
    assert grown(str(made), 1000, "open") < 16 << 20


def test_queries_over_a_connection_do_not_grow(address: str) -> None:
    assert grown(address, 300, "connect") < 16 << 20


def test_threads_ask_at_once(mesh: meshweave.Mesh) -> None:
    def ask(least: int) -> list[dict[str, object]]:
        return mesh.sql(STATEMENT, [least % 5 * 100]).to_pylist()

    expected = [ask(least) for least in range(5)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(80))) == expected * 16


async def test_tasks_ask_at_once(mesh: meshweave.Mesh) -> None:
    async def ask(least: int) -> int:
        answer = await mesh.sql_async(STATEMENT, [least])
        rows = 0
        async for batch in answer:
            rows += batch.num_rows
        table = await answer.to_arrow_async()
        frame = await answer.to_pandas_async()
        assert rows == table.num_rows == len(frame)
        return sum(table["n"].to_pylist())

    first, *others = await asyncio.gather(*(ask(0) for _ in range(12)))
    assert others == [first] * 11


async def test_the_event_loop_runs_on_while_a_query_runs(opened: meshweave.Mesh) -> None:
    turns = 0
    answer = await opened.sql_async(
        "SELECT count(*) FROM sales.lineitem a JOIN sales.orders o ON a.l_orderkey = o.o_orderkey"
    )
    task = asyncio.ensure_future(answer.to_arrow_async())
    while not task.done():
        turns += 1
        await asyncio.sleep(0)
    assert (await task).num_rows == 1
    assert turns > 1


def test_a_large_answer_is_streamed(opened: meshweave.Mesh) -> None:
    opened.register_frame("temp.times", {"t": range(40)})
    gc.collect()
    before = resident()
    most = rows = size = 0
    for batch in opened.sql("SELECT l_comment, l_orderkey, t FROM sales.lineitem CROSS JOIN temp.times"):
        rows += batch.num_rows
        size += batch.nbytes
        most = max(most, resident())
    opened.unregister_frame("temp.times")
    assert rows == 40 * opened.sql("SELECT count(*) AS n FROM sales.lineitem").to_pylist()[0]["n"]
    assert size > 100 << 20
    assert most - before < size / 2, f"{most - before} bytes for an answer of {size}"
