"""Lead from each page to where its text is edited."""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from live.domain import domain_of, notebook_of


def add_edit_link(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Tell the theme where a page is edited: the page of a notebook in the notebook, not in its mirror."""
    if not app.config.pages_edit_url or doctree is None:
        return
    domain = domain_of(app.env)
    notebook = domain.notebooks.get(notebook_of(app.config, pagename) or "")
    source = notebook.path if notebook else Path(app.env.doc2path(pagename))
    address = f"{app.config.pages_edit_url}{source.resolve().relative_to(domain.root).as_posix()}"
    # The theme formats it with the name of the mirrored file.
    context["theme_source_edit_link"] = address.replace("{", "{{").replace("}", "}}")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the event; :func:`pages.setup` does so."""
    app.connect("html-page-context", add_edit_link)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
