"""A progress bar for long queries: rows, bytes and products, through tqdm where it is installed."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ._backend import Progress

PATIENCE = 1.0
"""Seconds that a query may take before a bar is shown."""
EVERY = 0.2
"""Seconds between two looks."""


class Options:
    """Choices of this process.

    Attributes:
        progress: whether long queries show a bar: ``"auto"`` in notebooks and on terminals where tqdm is installed,
            ``True`` or ``False``.
        preview_rows: rows that an answer shows of itself in a notebook.
    """

    progress: bool | str = "auto"
    preview_rows: int = 20


options = Options()


def _bar() -> Any | None:
    """Give tqdm's class; none when it is not wanted or not there."""
    if options.progress is False:
        return None
    in_notebook = "ipykernel" in sys.modules
    if options.progress == "auto" and not (in_notebook or sys.stderr.isatty()):
        return None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm


def told(progress: Progress) -> dict[str, str]:
    """Give what stands beside the rows."""
    beside = {"read": _size(progress.bytes), "requests": str(progress.requests)}
    if progress.position:
        beside = {"waiting": f"place {progress.position}"}
    return beside


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


@contextmanager
def shown(look: Callable[[], Progress], products: Sequence[str]) -> Iterator[None]:
    """Show a bar while the body runs, if that takes longer than `PATIENCE`.

    Args:
        look: tells what was done so far; called from a thread of its own.
        products: what is read, for the bar's name.
    """
    bar = _bar()
    if bar is None:
        yield
        return
    ended = threading.Event()

    def draw() -> None:
        if ended.wait(PATIENCE):
            return
        name = ", ".join(product.partition("@")[0] for product in products) or "query"
        with bar(desc=name, unit=" rows", unit_scale=True, leave=False) as line:
            while True:
                done = look()
                line.n = done.rows
                line.set_postfix(told(done), refresh=True)
                if ended.wait(EVERY):
                    return

    watcher = threading.Thread(target=draw, name="meshweave progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
