"""Say in a sentence what a page is about: its own first one."""

from docutils import nodes
from sphinx.environment import BuildEnvironment

# Search engines and previews cut what is longer.
_LENGTH = 160
# What isn't the page's own running text.
_ASIDE = (nodes.Admonition, nodes.Sequential, nodes.table, nodes.container, nodes.topic)


def description_of(doctree: nodes.document, default: str = "") -> str:
    """Return the beginning of a page's first paragraph.

    :param doctree: the page.
    :param default: what to return if it has no paragraph.
    :returns: whole words, 160 characters at most.
    """
    for paragraph in doctree.findall(nodes.paragraph):
        around = paragraph.parent
        while not isinstance(around, (nodes.section, nodes.document, *_ASIDE)):
            around = around.parent
        text = " ".join(paragraph.astext().split())
        if isinstance(around, _ASIDE) or "live-downloads" in paragraph["classes"] or not text:
            continue
        if len(text) <= _LENGTH:
            return text
        return text[: _LENGTH - 1].rpartition(" ")[0].rstrip(",;:–") + "…"
    return default


def public_pages(env: BuildEnvironment) -> list[str]:
    """Return the names of the pages that readers are to find, in alphabetical order.

    :param env: Sphinx's environment.
    """
    return sorted(name for name in env.found_docs if "no-search" not in env.metadata[name])
