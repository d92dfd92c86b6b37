"""Let the reader edit and run cells in the page: what its markup says, and what the editor is bundled of.

The scripts are in ``docs/_static/live``. A page without cells loads none of them, and where the tools that
make the rest aren't installed, no page does.

The buttons are in the page from the start, so that nothing moves when the script comes. The style sheet shows
them only where scripts run.
"""

import html
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from docutils import nodes
from jupyter_sphinx.ast import CellInputNode
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from live.domain import domain_of
from live.downloads import write_if_changed
from live.render import CellNode, Folded, for_browsers
from live.versions import ShowVersions

logger = logging.getLogger(__name__)

#: The entry points of what esbuild bundles.
BUNDLES = Path(__file__).parent / "bundles"


class BundleError(Exception):
    """esbuild could not bundle modules; the message says why."""


# -- Buttons ------------------------------------------------------------------------------------------------


class Bar(nodes.General, nodes.Element):
    """The row of a cell's buttons, or the sentence that says why it has none.

    ``label``, ``above`` and ``why`` are the cell's; ``first`` tells whether it is the first on its page that
    can run. Only HTML for browsers shows it, and only if cells can run in the site at all.
    """


class AddBars(SphinxTransform):
    """Put the buttons of each cell between its code and its output."""

    default_priority = ShowVersions.default_priority + 2

    def apply(self, **kwargs: Any) -> None:
        """Add a row to each cell."""
        first = True
        for cell in self.document.findall(CellNode):
            bar = Bar(label=cell["label"], above=cell["above"], why=cell["why"], first=False)
            if not cell["why"]:
                bar["first"], first = first, False
            code = next((child for child in cell.children if _is_code(child)), None)
            last = cell.children[-1] if cell.children else None
            if code is not None:
                cell.insert(cell.index(code) + 1, bar)
            elif isinstance(last, nodes.paragraph) and "live-origin" in last["classes"]:
                cell.insert(len(cell) - 1, bar)
            else:
                cell.append(bar)


def _is_code(node: nodes.Node) -> bool:
    return isinstance(node, CellInputNode) or (isinstance(node, Folded) and node["summary"] == "Code")


def visit_bar_html(self: Any, node: Bar) -> None:
    """Write the buttons; ``self`` is the translator."""
    runtime = domain_of(self.builder.env).runtime
    if runtime is None or not for_browsers(self.builder):
        raise nodes.SkipNode
    if node["why"]:
        self.body.append(f'<p class="live-why">{html.escape(node["why"])}</p>\n')
        raise nodes.SkipNode
    size = f"{max(1, round(runtime.bytes / 1e6))} MB"
    note = f"Runs in your browser. {size} to download, once." if node["first"] else ""
    parts = [
        _button("run", "Run", f"Run cell {node['label']}, downloads {size} once"),
        f'<span class="live-size">{size}</span>',
        _button("edit", "Edit", f"Edit cell {node['label']}"),
        _button("above", "Run all above", f"Run all above cell {node['label']}") if node["above"] else "",
        f'<span class="live-state">{note and f"""<span class="live-size-note">{note}</span>"""}</span>',
    ]
    name = html.escape(f"Cell {node['label']}")
    self.body.append(f'<div class="live-bar" role="group" aria-label="{name}">{"".join(parts)}</div>\n')
    raise nodes.SkipNode


def _button(action: str, text: str, name: str) -> str:
    return (
        f'<button class="live-button live-{action}" type="button" data-live-action="{action}" '
        f'aria-label="{html.escape(name)}">{text}</button>'
    )


def skip_bar(self: Any, node: Bar) -> None:
    """Leave the buttons out where nothing can be clicked."""
    raise nodes.SkipNode


# -- Pages --------------------------------------------------------------------------------------------------


def add_script(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Have a page with cells load the script that works their buttons."""
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
    """Bundle modules before Sphinx copies static files, and have it copied with them."""
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


# -- Bundles ------------------------------------------------------------------------------------------------


def bundle(tools: Path, target: Path) -> None:
    """Bundle the editor, what makes outputs safe, and the worker, into one module each.

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
            raise BundleError(f"esbuild can't bundle modules. {done.stderr.strip()}")
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
    nowhere = (skip_bar, None)
    app.add_node(Bar, html=(visit_bar_html, None), latex=nowhere, text=nowhere, man=nowhere)
    app.add_transform(AddBars)
    # After live.browser has found out whether cells can run.
    app.connect("builder-inited", add_bundles, priority=950)
    app.connect("html-page-context", add_script)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
