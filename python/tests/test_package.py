"""The package itself: what it weighs, how fast it comes, that its stubs say what is there."""

from __future__ import annotations

import importlib.metadata
import inspect
import os
import statistics
from pathlib import Path

import pytest
from conftest import python

import meshweave
import meshweave._native as native

WHEEL = os.environ.get("MESHWEAVE_WHEEL", "")


def test_the_stubs_name_what_is_there() -> None:
    stubs: dict[str, object] = {}
    text = (Path(meshweave.__file__).parent / "_native.pyi").read_text()
    exec(compile(text.replace("...", "None"), "_native.pyi", "exec"), stubs)
    for name in ("Engine", "Query", "Reading"):
        said = {member for member in vars(stubs[name]) if not member.startswith("__") or "arrow" in member}
        there = {member for member in vars(getattr(native, name)) if not member.startswith("__") or "arrow" in member}
        assert said == there, name
    assert callable(native.contract)
    assert (Path(meshweave.__file__).parent / "py.typed").exists()


def test_everything_public_is_documented() -> None:
    for name in meshweave.__all__:
        thing = getattr(meshweave, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert thing.__doc__, name
        if inspect.isclass(thing):
            for member, value in vars(thing).items():
                if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                    assert value.__doc__, f"{name}.{member}"


def test_the_package_says_what_it_is() -> None:
    told = importlib.metadata.metadata("meshweave")
    assert told["Version"] == meshweave.__version__
    points = importlib.metadata.entry_points(group="sqlalchemy.dialects", name="meshweave")
    assert {point.value for point in points} == {"meshweave.sqlalchemy:MeshDialect"}


def test_the_wheel_is_of_no_python_version_in_particular(capsys: pytest.CaptureFixture[str]) -> None:
    if not WHEEL:
        return
    wheel = Path(WHEEL)
    with capsys.disabled():
        print(f"\ntold: wheel {wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")
    assert "-cp310-abi3-" in wheel.name
    assert wheel.stat().st_size < 120_000_000, "a development build that was stripped"


def test_importing_brings_nothing_but_pyarrow() -> None:
    heavy = "('pandas', 'polars', 'duckdb', 'sqlalchemy', 'IPython', 'tqdm', 'matplotlib', 'pyarrow.flight', 'asyncio', 'ssl')"
    ran = python(f"import sys, meshweave; print([name for name in {heavy} if name in sys.modules])")
    assert ran.stdout.strip() == "[]", ran.stderr


def test_import_times_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    def took(module: str) -> float:
        script = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
        return statistics.median(float(python(script).stdout) for _ in range(5))

    times = {module: took(module) for module in ("meshweave", "pyarrow", "duckdb")}
    with capsys.disabled():
        print("\ntold: import, milliseconds: " + ", ".join(f"{name} {took * 1000:.0f}" for name, took in times.items()))
    assert times["meshweave"] > 0
