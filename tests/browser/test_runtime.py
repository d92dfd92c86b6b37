"""How Python comes into the page: what is loaded and checked, and what happens when something is wrong."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error

from tests.browser.conftest import ROOT, Reader, Served
from tests.browser.test_cells import packed, run_cells, runtime_of

HELLO = [{"label": "hello", "source": "print('Hello')", "expected": "printed\n| Hello"}]


@dataclass
class Copy(Served):
    """A site of its own, in which a test may damage files.

    :param sent: for each file of the runtime that was sent, its name.
    """

    sent: list[str] = field(default_factory=list)

    @property
    def runtime(self) -> Path:
        """The folder of the runtime."""
        [folder] = (self.folder / "_static/live/runtime").iterdir()
        return folder


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Notes what it sends, and lets browsers keep it as a host does that knows names with digests."""

    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {".js": "text/javascript"}

    def __init__(self, *arguments: Any, sent: list[str], **options: Any) -> None:
        self.sent = sent
        super().__init__(*arguments, **options)

    def end_headers(self) -> None:
        if "/runtime/" in self.path:
            self.sent.append(self.path.rpartition("/")[2])
            self.send_header("Cache-Control", "public, max-age=31536000, immutable")
        super().end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def copy(served: Served, tmp_path: Path) -> Iterator[Copy]:
    """What a page needs to run cells, with a server of its own."""
    shutil.copytree(served.folder / "_static/live", tmp_path / "_static/live")
    (tmp_path / "index.html").write_text("<!doctype html><title>A page</title>", encoding="utf-8")
    sent: list[str] = []
    handler = functools.partial(_Handler, directory=str(tmp_path), sent=sent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Copy(tmp_path, f"http://127.0.0.1:{server.server_port}/", sent)
        server.shutdown()


@pytest.fixture
def visitor(engine: Browser, copy: Copy) -> Iterator[Reader]:
    """A reader of the copy."""
    reader = Reader(engine, copy)
    yield reader
    reader.close()


def damage(path: Path) -> None:
    """Change a byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def test_only_what_is_needed_is_loaded(copy: Copy, visitor: Reader) -> None:
    assert run_cells(visitor, copy, HELLO)[0]["same"]
    assert sorted(copy.sent) == ["manifest.json", "memory.bin", "pyodide.asm.js", "pyodide.wasm.bin"]


def test_folding_a_memory_loses_nothing(copy: Copy, visitor: Reader) -> None:
    """Whatever its words are, and in whatever parts it is unfolded."""
    folded = """async (module) => {
      const { fold, unfold } = await import(module);
      const memory = crypto.getRandomValues(new Uint32Array(16384));
      const initial = crypto.getRandomValues(new Uint32Array(3000));
      for (let at = 0; at < memory.length; at += 3) {
        memory[at] = [4 * at + (memory[at] % 16384) - 8192, 0xdfffe000 + (memory[at] % 32768)][at % 2];
      }
      memory.set(initial.subarray(2000, 2100), 2000);
      const before = memory.slice();
      fold(memory, initial);
      const zeros = memory.subarray(2000, 2100).filter((word) => word === 0).length;
      const moved = memory.filter((word, at) => word !== before[at]).length;
      for (let from = 0; from < memory.length; from += 1000) {
        unfold(memory, initial, from, Math.min(from + 1000, memory.length));
      }
      return [zeros, moved, memory.filter((word, at) => word !== before[at]).length];
    }"""
    page = visitor.open("index.html")
    zeros, moved, lost = page.evaluate(folded, f"{copy.url}_static/live/memory.js")
    assert zeros > 90, "what was there before needs no telling"
    assert moved > 1000
    assert lost == 0


def test_at_most_20_megabytes_are_loaded(copy: Copy, visitor: Reader) -> None:
    run_cells(visitor, copy, HELLO)
    assert sum((copy.runtime / name).stat().st_size for name in copy.sent) <= 20_000_000


# Makes a browser's machine one that doesn't know ref.test, as Safari's doesn't.
_WITHOUT_REF_TEST = """
WebAssembly.Module = new Proxy(WebAssembly.Module, {
  construct(target, [bytes]) {
    if (bytes.some((byte, place) => byte === 0xfb && bytes[place + 1] === 0x14)) {
      throw new WebAssembly.CompileError("invalid opcode");
    }
    return new target(bytes);
  },
});
"""


def test_memory_serves_safari_too(copy: Copy, visitor: Reader) -> None:
    """There Pyodide calls functions in another way than where the memory was packed."""
    worker = copy.folder / "_static/live/worker.js"
    worker.write_text(_WITHOUT_REF_TEST + worker.read_text(encoding="utf-8"), encoding="utf-8")
    cells = packed(copy, "first-bucket")["cells"]
    assert all(result["same"] for result in run_cells(visitor, copy, cells))
    assert "plain.bin" not in copy.sent


@pytest.mark.parametrize("how", [damage, Path.unlink, lambda path: path.write_bytes(b"")])
def test_python_starts_without_its_memory(copy: Copy, visitor: Reader, how: Any) -> None:
    how(copy.runtime / "memory.bin")
    cells = packed(copy, "first-bucket")["cells"]
    assert all(result["same"] for result in run_cells(visitor, copy, cells))
    assert "plain.bin" in copy.sent


@pytest.mark.parametrize("name", ["manifest.json", "pyodide.wasm.bin"])
@pytest.mark.parametrize("how", [damage, Path.unlink])
def test_a_file_that_is_needed(copy: Copy, visitor: Reader, name: str, how: Any) -> None:
    runtime = runtime_of(copy)
    how(copy.runtime / name)
    page = visitor.open("index.html")
    start = """async ([session, runtime]) => {
      const { Session } = await import(session);
      await new Session(runtime.address, { digest: runtime.digest }).start();
    }"""
    with pytest.raises(Error, match=rf"The file {name} (can't be loaded|is damaged)") as refused:
        page.evaluate(start, [f"{copy.url}_static/live/session.js", runtime])
    assert "Traceback" not in refused.value.message


# A module of the standard library that few cells need.
SELDOM = "import tarfile\nprint(tarfile.__name__)"


def test_a_cell_has_files_that_nobody_waited_for(copy: Copy, visitor: Reader) -> None:
    result, again = run_cells(visitor, copy, [{"label": "seldom", "source": SELDOM}] * 2)
    assert [output["text"] for output in result["outputs"] + again["outputs"]] == ["tarfile\n"] * 2
    assert copy.sent.count("later.bin") == 1


@pytest.mark.parametrize(
    ("how", "why"),
    [(damage, "damaged"), (Path.unlink, "can't be loaded: the server says 404")],
)
def test_files_that_nobody_waited_for_and_that_cannot_be_had(
    copy: Copy, visitor: Reader, how: Any, why: str
) -> None:
    how(copy.runtime / "later.bin")
    first, failed, last = run_cells(
        visitor, copy, [*HELLO, {"label": "seldom", "source": SELDOM}, {"label": "after", "source": "2 * 3"}]
    )
    assert first["same"]
    told, error = failed["outputs"]
    assert (told["name"], error["ename"]) == ("stderr", "OSError")
    assert f"The file later.bin {'is ' if why == 'damaged' else ''}{why}" in told["text"]
    assert error["evalue"].startswith("[Errno 5]")
    assert last["outputs"][0]["data"]["text/plain"] == "6"


def test_once_all_is_loaded_the_host_is_not_needed(copy: Copy, visitor: Reader) -> None:
    page = visitor.open("index.html")
    start = """async ([session, runtime]) => {
      const { Session } = await import(session);
      globalThis.python = new Session(runtime.address, { digest: runtime.digest });
      await python.start();
      await python.rest();
    }"""
    page.evaluate(start, [f"{copy.url}_static/live/session.js", runtime_of(copy)])
    shutil.rmtree(copy.folder)
    run = """async (source) => {
      const outputs = [];
      await python.run({ source }, (output) => outputs.push(output));
      python.stop();
      return outputs;
    }"""
    [output] = page.evaluate(run, SELDOM)
    assert output["text"] == "tarfile\n"


def test_a_second_visit_loads_nothing(copy: Copy, engine: Browser) -> None:
    context = engine.new_context()
    start = """async ([session, runtime, source]) => {
      const { Session } = await import(session);
      const python = new Session(runtime.address, { digest: runtime.digest });
      await python.start();
      await python.run({ source });
      await python.rest();
      python.stop();
    }"""
    arguments = [f"{copy.url}_static/live/session.js", runtime_of(copy), SELDOM]
    for _ in range(2):
        first = list(copy.sent)
        page = context.new_page()
        page.goto(f"{copy.url}index.html")
        page.evaluate(start, arguments)
        page.close()
    context.close()
    assert "later.bin" in first
    assert copy.sent == first


def test_randomness_is_fresh(copy: Copy, visitor: Reader) -> None:
    source = """
import random, secrets, tempfile, uuid
from django.utils.crypto import get_random_string
from moto.moto_api._internal import mock_random
print(random.random(), uuid.uuid4(), secrets.token_hex(), tempfile.mktemp(), get_random_string(12),
      mock_random.uuid4())
"""
    cells = [{"label": "random", "source": source}]
    one, other = (run_cells(visitor, copy, cells)[0]["outputs"][0]["text"].split() for _ in range(2))
    assert len(one) == 6
    assert not set(one) & set(other)


def test_a_cell_can_wait(served: Served, reader: Reader) -> None:
    source = "import asyncio, time\ntime.sleep(0.1)\nprint(asyncio.run(asyncio.sleep(0.1, 'waited')))"
    [result] = run_cells(reader, served, [{"label": "wait", "source": source}])
    assert result["outputs"] == [{"output_type": "stream", "name": "stdout", "text": "waited\n"}]


def test_stop_ends_an_endless_loop(served: Served, reader: Reader) -> None:
    page = reader.open("index.html")
    stopped = """async ([session, runtime]) => {
      const { Session, StoppedError } = await import(session);
      const python = new Session(runtime.address, { digest: runtime.digest });
      await python.start();
      const run = new Promise((resolve) => {
        const source = "print('on', flush=True)\\nwhile True: pass";
        python.run({ source }, () => python.stop()).catch(resolve);
      });
      return (await run) instanceof StoppedError;
    }"""
    assert page.evaluate(stopped, [f"{served.url}_static/live/session.js", runtime_of(served)])


_PACK = """
import sys
from pathlib import Path
from live import browser
root, npm, store, fetched = map(Path, sys.argv[1:])
print(browser.packed(root / "docs" / "browser", root, npm, store, fetched).folder)
"""


def test_packing_again_elsewhere_gives_the_same_bytes(served: Served, tmp_path: Path) -> None:
    """Pages name the digest of the manifest, and two builds of a commit have the same pages."""
    elsewhere = tmp_path / "another place"
    for folder in ("conf", "docs", "examples"):
        shutil.copytree(ROOT / folder, elsewhere / folder, ignore=shutil.ignore_patterns("__pycache__"))
    npm = shutil.copytree(Path(os.environ["LIVE_BROWSER_NPM"]) / "node_modules" / "pyodide", tmp_path / "p")
    (tmp_path / "npm" / "node_modules").mkdir(parents=True)
    npm.rename(tmp_path / "npm" / "node_modules" / "pyodide")
    where = [elsewhere, tmp_path / "npm", tmp_path / "store", ROOT / "build" / "wheels"]
    environment = {"PYTHONPATH": str(elsewhere / "docs" / "_ext"), "LC_ALL": "POSIX", "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-c", _PACK, *map(str, where)]
    done = subprocess.run(
        command, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True
    )
    manifest = (Path(done.stdout.strip()) / "manifest.json").read_bytes()
    [runtime] = (served.folder / "_static/live/runtime").iterdir()
    assert (runtime / "manifest.json").read_bytes() == manifest


def test_python_does_not_know_where_it_was_packed(served: Served, reader: Reader) -> None:
    source = "import os, sys\nprint(sys.executable, sys.orig_argv, dict(os.environ))"
    [result] = run_cells(reader, served, [{"label": "where", "source": source}])
    [output] = result["outputs"]
    assert "this.program" in output["text"]
    assert ROOT.name not in output["text"]
    assert "pack.mjs" not in output["text"]
