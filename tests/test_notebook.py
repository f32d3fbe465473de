"""The notebook of the documentation runs from top to bottom, and finds what was planted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip(
    "nbformat", reason="nbformat is not installed (pip install nbclient)"
)
pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "docs" / "analysis.ipynb"


EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

book = nbformat.read(sys.argv[1], as_version=4)
# Over files: the ports that a kernel is told may be taken by others before it listens there.
how = Config(KernelManager={"transport": "ipc"})
NotebookClient(book, kernel_name="python3", timeout=700, config=how).execute()
nbformat.write(book, "executed.ipynb")
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory) -> list[Any]:
    """Its cells of code after a run in an empty folder, on a kernel of this interpreter."""
    folder = tmp_path_factory.mktemp("notebook")
    own = dict.fromkeys(
        ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"), str(folder / "jupyter")
    )
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(NOTEBOOK)],
        cwd=folder,
        env={**os.environ, **own, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "study.db").exists()
    assert (folder / "study-jsonl" / "gnomon-export.json").exists()
    book = nbformat.read(folder / "executed.ipynb", as_version=4)
    return [cell for cell in book.cells if cell.cell_type == "code"]


def test_it_is_ten_cells_without_outputs() -> None:
    """What is in the repository holds no results of somebody's machine."""
    cells = [
        cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"
    ]
    assert len(cells) == 10
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    assert [cell.source.split(".")[0] for cell in cells] == [f"# {n}" for n in range(1, 11)]


def test_it_finds_what_was_planted(executed: list[Any]) -> None:
    """Tables, a figure, contrasts near 0.2 and 0.4, and the papers."""
    shown = [cell.outputs[0] if cell.outputs else None for cell in executed]
    assert [number for number, output in enumerate(shown, 1) if output is None] == [1]
    assert "3 runs" in shown[1]["data"]["text/html"]
    assert "refused" in shown[4]["data"]["text/plain"]
    assert shown[6]["data"]["text/plain"].count("medium") == 4
    figure = shown[7]["data"]["image/svg+xml"]
    assert all(f">{name}</text>" in figure for name in ("gender", "race", "small", "large"))
    assert "NaN" not in figure
    # The last numbers of the lines are the contrasts of medium and large against small.
    lines = [line.split() for line in shown[8]["data"]["text/plain"].splitlines()]
    found = {
        "large" if "large" in words[-2] else "medium": float(words[-1])
        for words in lines
        if len(words) > 1 and "T." in words[-2]
    }
    assert found["medium"] == pytest.approx(0.2, abs=0.1)
    assert found["large"] == pytest.approx(0.4, abs=0.1)
    assert "@misc{arXiv:2402.04105," in shown[9]["text"]
