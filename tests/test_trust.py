"""What a page may load and run is written into it, and what it must not hold stops the build."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from trust import HEADER_FILES, Files, TrustError, header_files, headers, policy, secured, source

THEME = 'document.body.dataset.theme = "auto";'
PAGE = """<!doctype html>
<html><head><meta charset="utf-8">
<link rel="stylesheet" href="../_static/look.css?v=1" /><style>p { margin: 0 }</style>
</head><body>\N{LINE SEPARATOR}<script>
  {inline}
</script>
<script src="../_static/act.js"></script>{more}</body></html>
"""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "_static/live").mkdir(parents=True)
    (tmp_path / "_static/look.css").write_text("p {}")
    (tmp_path / "_static/act.js").write_text("act()")
    (tmp_path / "_static/live/run.js").write_text('import("./session.js")')
    (tmp_path / "_static/live/session.js").write_text("export default 1")
    return Files(tmp_path)


def page(more: str = "", inline: str = THEME) -> str:
    return PAGE.replace("{inline}", inline).replace("{more}", more)


def secure(files: Files, text: str, python: tuple[str, ...] = ()) -> str:
    return secured(text, "guide/first.html", files, [THEME], python)[0]


def sources(text: str, directive: str) -> list[str]:
    """The sources that a page's own policy gives a directive."""
    tag = BeautifulSoup(text, "html.parser").select_one("meta[http-equiv=Content-Security-Policy]")
    assert tag is not None
    rules = {rule.split()[0]: rule.split()[1:] for rule in str(tag["content"]).split("; ")}
    return rules.get(directive, [])


def test_a_page_lists_what_it_holds_and_nothing_else(files: Files) -> None:
    text = secure(files, page())
    held = [script.string for script in BeautifulSoup(text, "html.parser").select("script:not([src])")]
    assert sorted(sources(text, "script-src")[1:]) == sorted(source(script) for script in held)
    assert sources(text, "style-src-elem") == ["'self'", source("p { margin: 0 }")]
    assert sources(text, "default-src") == ["'none'"]
    assert sources(text, "worker-src") == []


def test_the_policy_comes_before_all_that_it_speaks_of(files: Files) -> None:
    text = secure(files, page())
    first = [tag.name for tag in BeautifulSoup(text, "html.parser").select("head > *")][:2]
    assert first == ["meta", "meta"]
    assert text.index("charset") < 1024


def test_a_source_is_what_the_specification_says() -> None:
    # The example of Content Security Policy Level 3, section 2.3.1.
    digest = base64.b64encode(hashlib.sha256(b"alert('Hello, world.');").digest()).decode()
    assert digest == "qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
    assert source("alert('Hello, world.');") == f"'sha256-{digest}'"


def test_files_are_loaded_under_a_name_with_their_digest(files: Files) -> None:
    text = secure(files, page())
    parsed = BeautifulSoup(text, "html.parser")
    script = parsed.select_one("script[src]")
    assert script is not None
    name = str(script["src"])
    assert re.fullmatch(r"\.\./_static/act\.[0-9a-f]{16}\.js", name)
    content = (files.site / "guide" / name).resolve().read_bytes()
    assert content == b"act()"
    digest = base64.b64encode(hashlib.sha384(content).digest()).decode()
    assert script["integrity"] == f"sha384-{digest}"


def test_doing_it_again_changes_nothing(files: Files) -> None:
    once = secure(files, page('<script type="module" src="../_static/live/run.js"></script>'))
    assert secure(Files(files.site), once) == once


def test_a_page_follows_a_file_that_has_changed(files: Files) -> None:
    once = secure(files, page())
    (files.site / "_static/look.css").write_text("p { margin: 0 }")
    again = Files(files.site)
    text = secure(again, once)
    assert text == secure(again, page())
    again.drop_old()
    assert [path.read_text() for path in (files.site / "_static").glob("look.*.css")] == ["p { margin: 0 }"]
    assert (files.site / "_static/live/run.js").exists()


def test_modules_that_a_page_imports_later_are_listed(files: Files) -> None:
    text = secure(files, page('<script type="module" src="../_static/live/run.js"></script>'))
    parsed = BeautifulSoup(text, "html.parser")
    found = parsed.select_one("script[type=importmap]")
    assert found is not None
    assert found.string is not None
    assert source(found.string) in sources(text, "script-src")
    assert re.search(
        r'"\.\./_static/live/session\.js":"(\.\./_static/live/session\.\w{16}\.js)"', found.string
    )
    assert found.string.count("sha384-") == 2


def test_only_a_page_that_starts_python_may_start_a_worker(files: Files) -> None:
    loads = page('<script type="module" src="../_static/live/run.js"></script>')
    text = secure(files, loads, ("_static/live/run.js",))
    assert sources(text, "worker-src") == ["'self'", "blob:"]
    assert "'wasm-unsafe-eval'" in sources(text, "script-src")
    assert sources(secure(files, loads), "worker-src") == []


def test_a_page_below_another_path_finds_its_files(files: Files) -> None:
    text = '<meta charset="utf-8"><script src="/en/latest/_static/act.js"></script>'
    done, _, _ = secured(text, "404.html", files)
    assert re.search(r'src="/en/latest/_static/act\.[0-9a-f]{16}\.js" integrity="sha384-', done)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "<script>steal()</script>",
            r"has an inline script that trust_inline_scripts doesn't list: steal\(\)",
        ),
        (
            "<svg><script>steal()</script></svg>",
            "has an inline script that trust_inline_scripts doesn't list",
        ),
        ('<img src="a.png" onerror="steal()">', "<img> has the attribute onerror"),
        ('<a href=" JavaScript:steal()">x</a>', "<a> has a javascript: address in href"),
        (
            '<script src="https://example.com/a.js"></script>',
            "loads https://example.com/a.js from another site",
        ),
        ('<script src="//example.com/a.js"></script>', "loads //example.com/a.js from another site"),
        ('<link rel="stylesheet" href="gone.css">', "loads gone.css, which isn't in the site"),
        ('<script src="../../secret.js"></script>', "loads ../../secret.js, which isn't in the site"),
    ],
)
def test_what_a_page_must_not_hold_is_an_error(files: Files, more: str, said: str) -> None:
    (files.site.parent / "secret.js").write_text("")
    with pytest.raises(TrustError, match=said):
        secure(files, page(more))


def test_a_page_that_does_not_say_its_encoding_is_an_error(files: Files) -> None:
    with pytest.raises(TrustError, match="doesn't say its encoding"):
        secure(files, page().replace("charset", "name"))


def test_data_in_a_script_tag_is_no_script(files: Files) -> None:
    assert secure(files, page('<script type="application/json">{"a": 1}</script>'))


def test_servers_get_the_policy_of_all_pages_and_who_may_frame_them(files: Files) -> None:
    first = secured(page(), "guide/first.html", files, [THEME])[1]
    second = secured(page().replace("margin: 0", "margin: 1px"), "guide/second.html", files, [THEME])[1]
    sent = headers(policy([first, second]))
    assert "frame-ancestors 'none'" in sent["Content-Security-Policy"]
    for text in ("p { margin: 0 }", "p { margin: 1px }"):
        assert source(text) in sent["Content-Security-Policy"]
    written = header_files(sent)
    assert tuple(written) == HEADER_FILES
    for text in written.values():
        for name, value in sent.items():
            assert name in text
            assert value in text
