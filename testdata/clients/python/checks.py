"""Counts cases: one line each, `ok NAME` or `not ok NAME`, and their sum at the end."""

import sys
import traceback
from contextlib import contextmanager
from threading import Lock


class Checks:
    """The cases of one program; several threads may run them."""

    def __init__(self):
        self.lock = Lock()
        self.passed = 0
        self.failed = 0

    @contextmanager
    def case(self, name):
        """One case: what stands inside fails it by raising."""
        try:
            yield
        except Exception:
            text = "".join(f"\n# {line}" for line in traceback.format_exc().splitlines())
            with self.lock:
                self.failed += 1
                print(f"not ok {name}{text}")
        else:
            with self.lock:
                self.passed += 1
                print(f"ok {name}")

    def end(self):
        """Prints the sum and ends the program."""
        print(f"# {self.passed} passed, {self.failed} failed")
        sys.exit(0 if self.passed and not self.failed else 1)


def same(actual, expected, what=""):
    """Fails unless both are equal."""
    if actual != expected:
        raise AssertionError(f"{what}: got {actual!r}, expected {expected!r}")


@contextmanager
def refused(*texts, by=Exception):
    """Fails unless what stands inside raises `by` with every one of these texts."""
    try:
        yield
    except by as error:
        missing = [text for text in texts if text not in str(error)]
        if missing:
            raise AssertionError(f"{missing} not in: {error}") from error
    else:
        raise AssertionError("nothing was refused")
