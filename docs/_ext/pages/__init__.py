"""What makes the pages of the site easy to find, to share and to read elsewhere."""

from typing import Any

from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Register everything that concerns whole pages.

    - ``pages_description``: what the site is, in a sentence; said of pages that have none of their own.
    - ``pages_edit_url``: the address at which a file is edited, up to the file's path; without it no page
      has a link to edit it.
    """
    app.add_config_value("pages_description", "", "html", str)
    app.add_config_value("pages_edit_url", "", "html", str)
    for part in ("edit", "markdown", "sharing"):
        app.setup_extension(f"pages.{part}")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
