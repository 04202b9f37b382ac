"""The example notebooks run headless from a fresh environment with the built wheel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import environment

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
FRESH = os.environ.get("MESHWEAVE_FRESH_PYTHON", sys.executable)
"""The interpreter of an environment with nothing but the wheel, its extras and Jupyter."""


def test_there_are_three() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["join_and_plot", "local_frame", "replay"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(notebook: Path, own: Path, tmp_path: Path) -> None:
    words = ["-m", "nbconvert", "--execute", "--to", "notebook", "--output-dir", str(tmp_path), str(notebook)]
    surroundings = {**environment(), "MESHWEAVE_MESH": str(own), "MPLBACKEND": "agg", "JUPYTER_PLATFORM_DIRS": "1"}
    ran = subprocess.run([FRESH, *words], capture_output=True, text=True, timeout=600, env=surroundings, check=False)
    assert ran.returncode == 0, ran.stderr
    done = json.loads((tmp_path / notebook.name).read_text())
    code = [cell for cell in done["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code)
    assert any("text/html" in output.get("data", {}) for cell in code for output in cell["outputs"])
    assert not any(cell["outputs"] for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code")
