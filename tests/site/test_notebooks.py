"""The notebooks are as JupyterLab would save them, so that a learner's save is a change of their own only."""

import jupytext
import pytest
from jupytext.config import load_jupytext_config

from .conftest import ROOT

NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.md"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_saving_in_jupyterlab_changes_nothing(path):
    notebook = jupytext.read(path)
    # What the kernel tells JupyterLab of itself, and JupyterLab keeps in the notebook.
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    saved = jupytext.writes(notebook, fmt="md:myst", config=load_jupytext_config(str(path)))
    assert saved == path.read_text(encoding="utf-8")
