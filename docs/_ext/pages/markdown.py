"""Write every page as Markdown too, with the outputs of its cells and all tabs, and list them in llms.txt.

sphinx-markdown-builder turns the nodes into Markdown. It runs on the very nodes that have just become the
HTML page, so that both say the same.
"""

import html
import posixpath
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment import BuildEnvironment
from sphinx_markdown_builder.translator import MarkdownTranslator  # type: ignore[import-untyped]

from live.downloads import write_if_changed
from pages.description import description_of, public_pages

_SVG_WORDS = re.compile(r"<(title|desc)\b[^>]*>(.*?)</\1>", re.DOTALL)
_LANGUAGES = {"ipython3": "python", "none": "text", "default": "python"}


class Translator(MarkdownTranslator):  # type: ignore[misc]
    """Writes a page of this site."""

    def visit_SphinxTabsTablist(self, node: nodes.Element) -> None:
        """Leave the row of tabs out: each panel gets its label."""
        raise nodes.SkipNode

    def visit_SphinxTabsPanel(self, node: nodes.Element) -> None:
        """Begin a panel with its label."""
        self.add(f"**{node['data-label']}**", prefix_eol=2, suffix_eol=2)

    def visit_Folded(self, node: nodes.Element) -> None:
        """Leave out what only HTML can fold."""
        if node["html_only"]:
            raise nodes.SkipNode

    def visit_Bar(self, node: nodes.Element) -> None:
        """Leave out a cell's buttons."""
        raise nodes.SkipNode

    def visit_comment(self, node: nodes.comment) -> None:
        """Leave out what writers tell each other."""
        raise nodes.SkipNode

    def visit_title(self, node: nodes.title) -> None:
        """Leave out the title that an admonition was given for HTML: the box has one."""
        if isinstance(node.parent, nodes.Admonition):
            raise nodes.SkipNode
        super().visit_title(node)

    def visit_container(self, node: nodes.container) -> None:
        """Set the title of a card in bold type."""
        if "sd-card-title" in node["classes"]:
            self.add(f"**{node.astext()}**", prefix_eol=2, suffix_eol=2)
            raise nodes.SkipNode

    def visit_PassthroughTextElement(self, node: nodes.Element) -> None:
        """Write what sphinx-design wraps."""

    def visit_abbreviation(self, node: nodes.abbreviation) -> None:
        """Write an abbreviation as it is."""

    def visit_raw(self, node: nodes.raw) -> None:
        """Put a drawing in words, and keep a table."""
        if "html" in node["format"].split():
            text = node.astext().strip()
            words = [html.unescape(found[2]).strip() for found in _SVG_WORDS.finditer(text)]
            if words:
                text = f"*Picture: {': '.join(words)}*"
            self.add(text, prefix_eol=2, suffix_eol=2)
        raise nodes.SkipNode

    def visit_literal_block(self, node: nodes.literal_block) -> None:
        """Name languages as Markdown's readers do, and leave out a line that stands in the code above."""
        if "live-error-line" in node["classes"]:
            raise nodes.SkipNode
        node["language"] = _LANGUAGES.get(node.get("language", ""), node.get("language", "text"))
        super().visit_literal_block(node)

    def visit_reference(self, node: nodes.reference) -> None:
        """Lead from one page in Markdown to the next."""
        parts = urlsplit(node.get("refuri", ""))
        if not parts.netloc and parts.path.endswith(".html"):
            node["refuri"] = parts._replace(path=parts.path.removesuffix(".html") + ".md").geturl()
        super().visit_reference(node)

    # The library looks here for what ends these two.
    visit_title.__pushing_context__ = True  # type: ignore[attr-defined]
    visit_reference.__pushing_context__ = True  # type: ignore[attr-defined]


def write_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Write a page beside its HTML, and link to it from there."""
    builder = app.builder
    if not isinstance(builder, StandaloneHTMLBuilder) or builder.name != "html" or doctree is None:
        return
    copy = doctree.deepcopy()
    translator = Translator(copy, builder)
    copy.walkabout(translator)
    path = Path(builder.get_outfilename(pagename)).with_suffix(".md")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_if_changed(path, translator.astext().encode())
    context["markdown_page"] = path.name
    context["metatags"] += f'<link rel="alternate" type="text/markdown" href="{path.name}">\n'


def write_list(app: Sphinx, exception: Exception | None) -> None:
    """Write llms.txt: what the site is, and each page with its first sentence, in their order."""
    if exception is not None or app.builder.name != "html":
        return
    env, config = app.env, app.config
    lines = [f"# {config.project}", "", f"> {config.pages_description}"]
    for top in env.toctree_includes.get(config.root_doc, []):
        lines += ["", f"## {env.titles[top].astext()}", ""]
        lines += [_item(env, docname, config.html_baseurl) for docname in _below(env, top)]
    write_if_changed(app.outdir / "llms.txt", "\n".join([*lines, ""]).encode())


def _below(env: BuildEnvironment, docname: str) -> list[str]:
    """Return a page and the pages below it that readers are to find, in their order."""
    if docname not in public_pages(env):
        return []
    return [
        docname,
        *(name for child in env.toctree_includes.get(docname, []) for name in _below(env, child)),
    ]


def _item(env: BuildEnvironment, docname: str, base: str) -> str:
    said = description_of(env.get_doctree(docname))
    link = f"- [{env.titles[docname].astext()}]({posixpath.join(base, docname)}.md)"
    return f"{link}: {said}" if said else link


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the events; :func:`pages.setup` does so."""
    app.setup_extension("sphinx_markdown_builder")
    app.connect("html-page-context", write_page)
    app.connect("build-finished", write_list)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
