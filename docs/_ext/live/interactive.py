"""Let the reader edit and run cells in the page: what its markup says, and what the editor is bundled of.

The scripts are in ``docs/_static/live``. A page without cells loads none of them, and where the tools that
make the rest aren't installed, no page does.
"""

import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from live.domain import domain_of
from live.downloads import write_if_changed
from live.render import CellNode

logger = logging.getLogger(__name__)

#: The entry points of what esbuild bundles.
BUNDLES = Path(__file__).parent / "bundles"


class BundleError(Exception):
    """esbuild could not bundle the editor; the message says why."""


# -- Pages --------------------------------------------------------------------------------------------------


def add_script(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Have a page with cells load the script that gives them their buttons."""
    runtime = domain_of(app.env).runtime
    if runtime is None or doctree is None or next(doctree.findall(CellNode), None) is None:
        return
    said = {
        "data-live-runtime": context["pathto"](runtime.path, True),
        "data-live-bytes": str(runtime.bytes),
        "data-live-digest": runtime.digest,
    }
    app.add_css_file("run.css", priority=900)
    # A script of this type runs once the page is there.
    app.add_js_file("live/run.js", type="module", **said)


def add_bundles(app: Sphinx) -> None:
    """Bundle the editor before Sphinx copies static files, and have it copied with them."""
    domain = domain_of(app.env)
    if domain.runtime is None:
        return
    folder = (app.confdir / app.config.live_browser_store).resolve() / "scripts"
    try:
        bundle((app.confdir / app.config.live_browser_npm).resolve(), folder / "live")
    except (BundleError, OSError) as error:
        logger.error("%s", error)
        domain.failed = True
    app.config.html_static_path.append(str(folder))


# -- The editor ---------------------------------------------------------------------------------------------


def bundle(tools: Path, target: Path) -> None:
    """Bundle the editor, and what makes outputs safe, into one module each.

    :param tools: the folder in which npm has installed ``requirements/browser/package-lock.json``.
    :param target: the folder to write to; a file that wouldn't change is left alone. ``LICENSES.txt`` holds
        the licences of all that went into the bundles.
    :raises BundleError: if esbuild isn't there, or fails.
    """
    packages = tools / "node_modules"
    # npm installs the one for this machine: a program that needs no Node.
    programs = [*packages.glob("@esbuild/*/bin/esbuild"), *packages.glob("@esbuild/*/esbuild.exe")]
    if not programs:
        raise BundleError(f"esbuild is not in {packages}. Install it with `nox -s site`.")
    with tempfile.TemporaryDirectory() as work:
        metafile = Path(work, "inputs.json")
        command = [
            str(programs[0]),
            *(str(entry) for entry in sorted(BUNDLES.glob("*.js"))),
            "--bundle",
            "--format=esm",
            "--target=es2022",
            "--minify",
            "--charset=utf8",
            "--legal-comments=none",  # they are in LICENSES.txt
            f"--outdir={work}",
            f"--metafile={metafile}",
            "--log-level=warning",
        ]
        environment = {**os.environ, "NODE_PATH": str(packages)}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
        )
        if done.returncode:
            raise BundleError(f"esbuild can't bundle the editor. {done.stderr.strip()}")
        target.mkdir(parents=True, exist_ok=True)
        for made in sorted(Path(work).glob("*.js")):
            write_if_changed(target / made.name, made.read_bytes())
        licences = _licences(packages, metafile.read_text(encoding="utf-8"))
        write_if_changed(target / "LICENSES.txt", licences.encode())


def _licences(packages: Path, metafile: str) -> str:
    """Join the licences of the packages whose files a metafile of esbuild names."""
    names = sorted(set(re.findall(r'node_modules/((?:@[^/"]+/)?[^/"]+)/', metafile)))
    texts = []
    for name in names:
        for licence in sorted((packages / name).glob("LICENSE*")):
            texts.append(f"{name}\n\n{licence.read_text(encoding='utf-8').strip()}\n")
    return f"\n{'-' * 80}\n\n".join(texts)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register everything; :func:`live.sphinx.setup` does so."""
    # After live.browser has found out whether cells can run.
    app.connect("builder-inited", add_bundles, priority=950)
    app.connect("html-page-context", add_script)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
