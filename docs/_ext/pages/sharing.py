"""Describe each page for search engines and for those who show a preview of a link.

Everything but the description needs the site's own address, ``html_baseurl``. Without it, it is left out.
"""

import html
import posixpath
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from sphinx.application import Sphinx

from live.downloads import write_if_changed
from live.render import for_browsers
from pages.cards import SIZE, card
from pages.description import description_of, public_pages

_CARDS = "cards"
_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"


def describe(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add a page's description to its head, and its card if the site's address is known."""
    if not for_browsers(app.builder) or doctree is None:
        return
    config, title = app.config, app.env.titles[pagename].astext()
    said = description_of(doctree, config.pages_description)
    context["metatags"] += f'<meta name="description" content="{html.escape(said)}">\n'
    if not config.html_baseurl:
        return
    file = f"{_CARDS}/{pagename.replace('/', '-')}.png"
    path = app.outdir / file
    path.parent.mkdir(exist_ok=True)
    write_if_changed(path, card(title, config.project))
    properties = {
        "og:type": "article",
        "og:site_name": config.project,
        "og:title": title,
        "og:description": said,
        "og:url": posixpath.join(config.html_baseurl, app.builder.get_target_uri(pagename)),
        "og:image": posixpath.join(config.html_baseurl, file),
        "og:image:width": str(SIZE[0]),
        "og:image:height": str(SIZE[1]),
        "og:image:alt": f"{config.project}: {title}",
    }
    for name, value in properties.items():
        context["metatags"] += f'<meta property="{name}" content="{html.escape(value)}">\n'
    context["metatags"] += '<meta name="twitter:card" content="summary_large_image">\n'


def write_sitemap(app: Sphinx, exception: Exception | None) -> None:
    """List the addresses of all pages that readers are to find, without dates, which builds would change."""
    if exception is not None or not for_browsers(app.builder) or not app.config.html_baseurl:
        return
    listed = ElementTree.Element("urlset", xmlns=_SITEMAP)
    for docname in public_pages(app.env):
        address = posixpath.join(app.config.html_baseurl, app.builder.get_target_uri(docname))
        ElementTree.SubElement(ElementTree.SubElement(listed, "url"), "loc").text = address
    ElementTree.indent(listed)
    written = ElementTree.tostring(listed, encoding="utf-8", xml_declaration=True)
    write_if_changed(app.outdir / "sitemap.xml", written + b"\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the events; :func:`pages.setup` does so."""
    app.connect("html-page-context", describe)
    app.connect("build-finished", write_sitemap)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
