"""Sphinx extension: what the pages of a built site may load and run, written into each of them.

A site of files can't count on a web server that sends headers. So each page carries its own
Content-Security-Policy, made from what the page really holds, and names the digest of every script and
style sheet that it loads (subresource integrity). Nothing else runs: an inline script is an error of the
build unless ``trust_inline_scripts`` lists it.

Scripts and style sheets are loaded under a name that holds their digest, as in ``live.0123456789abcdef.css``.
While a new version of the site is being uploaded, old pages find the old file and new pages the new one;
under one name, a page would find a file that isn't the one it was made for, and refuse it.

For web servers that can send headers, the site's root gets them ready to use: :data:`HEADER_FILES`.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx
from sphinx.util import logging

from live.downloads import write_if_changed

logger = logging.getLogger(__name__)

# Builders whose output a browser gets from a web server.
_BUILDERS = ("html", "dirhtml", "singlehtml")
# Folders of a built site that hold no pages.
_NO_PAGES = ("_static", "_sources", "_images", "downloads")

#: What a page does before anything is painted, and when a file that it loads is refused or missing. Furo
#: shows what needs a script only where there are any; if it were told later, the page would move. Where a
#: script is missing, that is hidden again, and tabs that only a script could open are shown whole. From a
#: disk, without a web server, browsers can't compare digests; there the file is loaded as it is, because
#: whoever can change it can change the page as well. Modules can't be loaded from a disk at all; tabs need
#: none, and the buttons that a module works are hidden.
GUARD = """
document.documentElement.classList.remove("no-js");
addEventListener("error", ({ target }) => {
  if (target.type === "module")
    document.documentElement.classList.add("live-no-module");
  else if (target.integrity && location.protocol === "file:") {
    const again = document.createElement(target.localName);
    for (const { name, value } of target.attributes)
      if (name !== "integrity") again.setAttribute(name, value);
    again.async = false;
    target.replaceWith(again);
  } else if (target.localName === "script")
    document.documentElement.classList.add("no-js", "live-no-script");
}, true);
"""

# What every page may do, besides its scripts and style sheets.
_ALWAYS = {
    "default-src": ["'none'"],
    "base-uri": ["'none'"],
    "connect-src": ["'self'"],
    "font-src": ["'self'"],
    "form-action": ["'self'"],  # the search
    "img-src": ["'self'", "data:"],
    # Pictures drawn by cells carry their look in attributes, and so do those that a reader's own code draws.
    "style-src-attr": ["'unsafe-inline'"],
}
# What else a page may do that can start Python: compile WebAssembly, and start a worker. The worker comes
# from a blob, because then the browser holds it to this very policy.
_PYTHON = {"script-src": ["'wasm-unsafe-eval'"], "worker-src": ["'self'", "blob:"]}

_JAVASCRIPT = ("", "module", "importmap", "text/javascript", "application/javascript")
_DIGEST_IN_NAME = re.compile(r"\.[0-9a-f]{16}(?=\.[a-z]+$)")
# What this extension has written into a page: its policy and its two inline scripts.
_WRITTEN = re.compile(r"<!--trust-->.*?<!--/trust-->\n?", re.DOTALL)

#: Files with headers for web servers, by the name of the file in the site.
HEADER_FILES = ("_headers", ".htaccess", "nginx-headers.conf")


class TrustError(Exception):
    """Says in a sentence what a page holds or loads that it must not."""


# -- What a page holds --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Loaded:
    """A script or style sheet that a page loads.

    :param address: its address as the page writes it.
    :param start: where its tag starts in the page's text.
    :param end: where its tag ends.
    :param module: whether it is a module script.
    """

    address: str
    start: int
    end: int
    module: bool = False


@dataclass
class Held:
    """What a page holds that a policy speaks of."""

    loaded: list[Loaded] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    charset_end: int = 0


class _Reader(HTMLParser):
    """Notes the scripts and style sheets of a page, and where they stand."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self.held = Held()
        self._lines = [0]
        for line in text.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._inside: list[str] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        line, column = self.getpos()
        start = self._lines[line - 1] + column
        end = start + len(self.get_starttag_text() or "")
        held = self.held
        for name, value in attributes.items():
            if name.startswith("on"):
                held.problems.append(f"<{tag}> has the attribute {name}, which is an inline script")
            if re.match(r"\s*javascript:", value, re.IGNORECASE):
                held.problems.append(f"<{tag}> has a javascript: address in {name}")
        if tag == "script" and "src" in attributes:
            held.loaded.append(Loaded(attributes["src"], start, end, attributes.get("type") == "module"))
        elif tag == "script" and attributes.get("type", "").lower() in _JAVASCRIPT:
            self._inside = held.scripts
            held.scripts.append("")
        elif tag == "style":
            self._inside = held.styles
            held.styles.append("")
        elif tag == "link" and {"stylesheet", "modulepreload"} & set(attributes.get("rel", "").split()):
            held.loaded.append(Loaded(attributes.get("href", ""), start, end))
        elif tag == "meta" and "charset" in attributes:
            held.charset_end = end

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._inside = None

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside is not None:
            self._inside[-1] += data


# -- Digests ------------------------------------------------------------------------------------------------


def source(text: str) -> str:
    """Return the policy's source expression that allows an inline script or style.

    :param text: everything between the tags.
    :returns: the digest of the text, in the quotes that a policy wants.
    """
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


class Files:
    """The scripts and style sheets of a built site, each also under a name that holds its digest.

    :param site: the folder of the built site.
    """

    def __init__(self, site: Path) -> None:
        self.site = site
        #: The files under names with digests that pages load, relative to the site.
        self.kept: set[str] = set()
        self._known: dict[str, tuple[str, str]] = {}

    def name(self, page: str, address: str) -> str:
        """Tell which file of the site an address means.

        :param page: the page's path relative to the site, with forward slashes.
        :param address: an address as the page writes it. One that starts with a slash holds the path below
            which the site is served, which nobody knows here.
        :returns: the file's path relative to the site, under its name without digest.
        :raises TrustError: if it is another site's, or isn't there.
        """
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            raise TrustError(f"loads {address} from another site")
        path = unquote(parts.path)
        if path.startswith("/"):
            pieces = path.strip("/").split("/")
            names = ["/".join(pieces[start:]) for start in range(len(pieces))]
        else:
            names = [posixpath.normpath(posixpath.join(posixpath.dirname(page), path))]
        for name in (form for path in names for form in (_DIGEST_IN_NAME.sub("", path), path)):
            if not name.startswith("..") and (self.site / name).is_file():
                return name
        raise TrustError(f"loads {address}, which isn't in the site")

    def with_digest(self, name: str) -> tuple[str, str]:
        """Put a file of the site under a name that holds its digest.

        :param name: its path relative to the site.
        :returns: its last name with the digest, and the value of the attribute ``integrity``.
        """
        if name not in self._known:
            content = (self.site / name).read_bytes()
            path = Path(name)
            renamed = path.with_name(f"{path.stem}.{hashlib.sha256(content).hexdigest()[:16]}{path.suffix}")
            write_if_changed(self.site / renamed, content)
            self.kept.add(renamed.as_posix())
            digest = base64.b64encode(hashlib.sha384(content).digest()).decode()
            self._known[name] = renamed.name, f"sha384-{digest}"
        return self._known[name]

    def modules_beside(self, name: str) -> list[str]:
        """Return the modules that a module script may import: those in its folder.

        :param name: the script's path relative to the site.
        """
        folder = (self.site / name).parent
        paths = [path for path in sorted(folder.glob("*.js")) if not _DIGEST_IN_NAME.search(path.name)]
        return [path.relative_to(self.site).as_posix() for path in paths]

    def drop_old(self) -> None:
        """Delete files under names with digests that no page loads any longer."""
        for path in self.site.rglob("*"):
            original = path.with_name(_DIGEST_IN_NAME.sub("", path.name))
            ours = original != path and path.suffix in (".css", ".js") and original.is_file()
            if ours and path.relative_to(self.site).as_posix() not in self.kept:
                path.unlink()


# -- A page -------------------------------------------------------------------------------------------------


def policy(held: Iterable[Held], python: bool = False) -> dict[str, list[str]]:
    """Make the policy that allows what pages hold, and nothing else.

    :param held: what the pages hold.
    :param python: whether one of them can start Python.
    :returns: the sources by directive.
    """
    pages = list(held)
    scripts = sorted({source(text) for page in pages for text in page.scripts})
    styles = sorted({source(text) for page in pages for text in page.styles})
    made = {name: list(sources) for name, sources in _ALWAYS.items()}
    made["script-src"] = ["'self'", *scripts]
    made["style-src-elem"] = ["'self'", *styles]
    # For browsers that don't know the two finer directives; all others pass over this one.
    made["style-src"] = ["'self'", "'unsafe-inline'"]
    if python:
        for name, sources in _PYTHON.items():
            made[name] = [*made.get(name, []), *sources]
    return made


def written(policy: Mapping[str, Sequence[str]]) -> str:
    """Write a policy as browsers read it.

    :param policy: the sources by directive.
    """
    first = ["default-src"]
    order = first + sorted(set(policy) - set(first))
    return "; ".join(f"{name} {' '.join(policy[name])}" for name in order)


def secured(
    text: str,
    page: str,
    files: Files,
    allowed: Iterable[str] = (),
    python: Iterable[str] = (),
    with_policy: bool = True,
) -> tuple[str, Held, bool]:
    """Write into a page what it may load and run. Doing so again changes nothing.

    :param text: the page.
    :param page: its path relative to the site, with forward slashes.
    :param files: the site's files.
    :param allowed: the inline scripts that a page may hold; white space around them doesn't count.
    :param python: the scripts, by their path relative to the site, that start Python.
    :param with_policy: whether to write the policy, and not digests alone.
    :returns: the page, what it holds, and whether it can start Python.
    :raises TrustError: if it holds or loads something else.
    """
    text = _WRITTEN.sub("", text)
    held = _Reader(text).held
    known = {script.strip() for script in allowed}
    problems = list(held.problems)
    if not held.charset_end:
        problems.append('doesn\'t say its encoding: <meta charset="utf-8"> is missing')
    for script in held.scripts:
        if script.strip() not in known:
            start = script.strip()[:60]
            problems.append(f"has an inline script that trust_inline_scripts doesn't list: {start} …")
    edits, modules, can_start = [], {}, False
    for loaded in held.loaded:
        try:
            name = files.name(page, loaded.address)
        except TrustError as error:
            problems.append(str(error))
            continue
        can_start = can_start or name in python
        edits.append((loaded, *files.with_digest(name)))
        if loaded.module:
            folder = posixpath.dirname(urlsplit(loaded.address).path)
            for module in files.modules_beside(name):
                modules[f"{folder}/{posixpath.basename(module)}"] = files.with_digest(module)
    if problems:
        raise TrustError("; it ".join(problems))
    for loaded, renamed, digest in sorted(edits, key=lambda edit: -edit[0].start):
        tag = text[loaded.start : loaded.end]
        folder = posixpath.dirname(urlsplit(loaded.address).path)
        address = posixpath.join(folder, renamed)
        tag = re.sub(r"""\s+integrity=("[^"]*"|'[^']*')""", "", tag)
        tag = re.sub(
            r"""(?<=\s)(src|href)=("[^"]*"|'[^']*')""",
            lambda match: f'{match[1]}="{html.escape(address)}" integrity="{digest}"',  # noqa: B023
            tag,
            count=1,
        )
        text = text[: loaded.start] + tag + text[loaded.end :]
    scripts = [f"<script>{GUARD}</script>"]
    held.scripts.append(GUARD)
    if modules:
        held.scripts.append(import_map(modules))
        scripts.append(f'<script type="importmap">{held.scripts[-1]}</script>')
    if with_policy:
        content = written(policy([held], can_start))
        scripts.insert(0, f'<meta http-equiv="Content-Security-Policy" content="{content}">')
    # Behind the encoding, which must come first, and before anything that the policy speaks of. Nothing
    # before this place has moved.
    place = held.charset_end
    block = "<!--trust-->" + "\n".join(scripts) + "<!--/trust-->\n"
    return text[:place] + block + text[place:], held, can_start


def import_map(modules: Mapping[str, tuple[str, str]]) -> str:
    """Lead imports to the files whose names hold a digest, and have the browser compare that digest.

    :param modules: the last name and the integrity of each module, by the address that the page would use.
    :returns: an import map.
    """
    imports, integrity = {}, {}
    for address, (name, digest) in sorted(modules.items()):
        if not address.startswith(("/", "./", "../")):
            address = f"./{address}"
        imports[address] = posixpath.join(posixpath.dirname(address), name)
        integrity[imports[address]] = digest
    return json.dumps({"imports": imports, "integrity": integrity}, separators=(",", ":"))


# -- Headers ------------------------------------------------------------------------------------------------


def headers(policy: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the headers that a web server should send with every file of the site.

    :param policy: the policy of all pages together. A browser holds a page to this one and to its own.
    """
    # Only a header can say who may frame a page.
    framed = {**policy, "frame-ancestors": ["'none'"]}
    return {
        "Content-Security-Policy": written(framed),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "X-Content-Type-Options": "nosniff",
    }


def header_files(headers: Mapping[str, str]) -> dict[str, str]:
    """Write headers for the servers that are in common use.

    :param headers: the headers.
    :returns: the text of each of :data:`HEADER_FILES`: for Netlify, Cloudflare Pages and others that read
        ``_headers``; for Apache; for nginx, to be included in a ``server`` or ``location``.
    """
    lines = list(headers.items())
    apache = [f'  Header always set {name} "{value}"' for name, value in lines]
    return {
        "_headers": "\n".join(["/*", *(f"  {name}: {value}" for name, value in lines), ""]),
        ".htaccess": "\n".join(["<IfModule mod_headers.c>", *apache, "</IfModule>", ""]),
        "nginx-headers.conf": "".join(f'add_header {name} "{value}" always;\n' for name, value in lines),
    }


# -- Sphinx -------------------------------------------------------------------------------------------------


def pages(site: Path) -> Iterator[str]:
    """Yield the pages of a built site.

    :param site: its folder.
    :returns: their paths relative to it, with forward slashes, in their order.
    """
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        if not name.startswith(tuple(f"{folder}/" for folder in _NO_PAGES)):
            yield name


def secure_site(app: Sphinx, exception: Exception | None) -> None:
    """Write into every page what it may load and run, and write the files with headers."""
    if exception is not None or app.builder.name not in _BUILDERS:
        return
    site = Path(app.outdir)
    files = Files(site)
    all_held, any_python = [], False
    for page in pages(site):
        text = (site / page).read_text(encoding="utf-8")
        try:
            text, held, python = secured(
                text,
                page,
                files,
                app.config.trust_inline_scripts,
                app.config.trust_python_scripts,
                app.config.trust_policy,
            )
        except TrustError as error:
            logger.error("%s: the page %s.", page, error)
            app.statuscode = 1
            continue
        write_if_changed(site / page, text.encode())
        all_held.append(held)
        any_python = any_python or python
    files.drop_old()
    for name, text in header_files(headers(policy(all_held, any_python))).items():
        write_if_changed(site / name, text.encode())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register everything.

    - ``trust_inline_scripts``: the inline scripts that a page may hold, as they stand between the tags.
    - ``trust_python_scripts``: scripts that start Python in the browser, such as ``_static/live/run.js``.
      Only a page that loads one of them may compile WebAssembly and start a worker.
    - ``trust_policy``: whether pages carry their policy. A server that reloads pages by scripts of its own
      needs them without.
    """
    app.add_config_value("trust_policy", True, "", bool)
    app.add_config_value("trust_inline_scripts", [], "", list)
    app.add_config_value("trust_python_scripts", [], "", list)
    # After all others, which may still write pages.
    app.connect("build-finished", secure_site, priority=999)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
