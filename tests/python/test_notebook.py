# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""examples/notebook.ipynb runs from a fresh kernel, and shows what it promises."""

import json
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "examples" / "notebook.ipynb"


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What every cell left: text, and data by their kind."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "tests").mkdir()
    shutil.copytree(ROOT / "tests" / "data", folder / "tests" / "data")
    # A kernel of this Python, whatever is called python3 among those that are installed.
    kernel = folder / "share" / "jupyter" / "kernels" / "this"
    kernel.mkdir(parents=True)
    words = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": words, "display_name": "this", "language": "python"}))
    book = nbformat.read(NOTEBOOK, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder / "share" / "jupyter"))
        patch.chdir(folder)
        client = nbclient.NotebookClient(book, timeout=120, kernel_name="this", resources={"metadata": {"path": str(folder)}})
        client.execute()  # raises what a cell raises
    found = {}
    for cell in (cell for cell in book.cells if cell.cell_type == "code"):
        data = [output.data for output in cell.outputs if "data" in output]
        text = "".join(output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stdout")
        found[cell.id] = {"text": text, **(data[-1] if data else {})}
    return found


def test_it_is_kept_without_results():
    """They would be of another machine, and pictures that change with every run are no text to compare."""
    book = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    for cell in book["cells"]:
        assert cell["cell_type"] != "code" or (cell["outputs"] == [] and cell["execution_count"] is None)
    assert "SPDX-License-Identifier" in "".join(book["cells"][0]["source"])


def test_numbers(shown):
    right, of = shown["training"]["text"].split()[0:3:2]
    assert int(right) >= 0.8 * int(of)
    assert "accepted" in shown["certificate"]["text"]
    assert "refused" in shown["forged"]["text/plain"]
    assert "read as" in shown["misread"]["text"]


@pytest.mark.parametrize("cell", ["pair", "certify"])
def test_a_result_shows_a_table_and_a_picture(shown, cell):
    html = shown[cell]["text/html"]
    assert "<table" in html and "<svg" in html


@pytest.mark.parametrize("cell", ["compare", "layers"])
def test_a_table_shows_itself(shown, cell):
    assert shown[cell]["text/html"].count("<tr>") > 3


@pytest.mark.parametrize("cell", ["sweep", "rows"])
def test_a_picture_stands_alone(shown, cell):
    """Jupyter shows an SVG as a file of its own: it needs its namespace, and colours without a style sheet."""
    svg = shown[cell]["image/svg+xml"]
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert "class=" not in svg or "<style" in svg
