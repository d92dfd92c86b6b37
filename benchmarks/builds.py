"""Measure how fast several builders of executable pages are, side by side: ``python -m benchmarks.builds``.

All of them build the same twelve pages, in turn: from nothing, then with nothing changed, with one sentence
changed, and with a module changed that all pages import. After the last, each page's HTML is compared with
what the page would print now. The same pages without cells, built by Sphinx alone, show what executing costs.

Each builder is set up as its own manual says, and to its advantage where there is a choice: myst-nb with its
cache, nbsphinx with prose that it need not convert. All use this site's theme. Sphinx alone has the
extensions of this site that are about pages, not about cells.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import pages, usage
from benchmarks.pages import COUNT, Project
from live import offline
from live.execute import write_atomically

ROOT = Path(__file__).resolve().parents[1]
#: Where the results are kept that the site shows.
RESULTS = ROOT / "docs" / "reference" / "speed.json"

#: What is measured, in the order in which it is done, and in words.
SCENARIOS = {
    "cold": "From nothing",
    "unchanged": "Nothing changed",
    "sentence": "One sentence changed",
    "module": "A shared module changed",
}

_PACKAGES = ("Sphinx", "jupyter-sphinx", "myst-nb", "nbsphinx", "ipykernel", "Django", "boto3", "moto")

_COMMON = 'html_theme = "furo"\nhtml_copy_source = False\nexclude_patterns = ["jupyter_execute"]\n'


# -- Builders ----------------------------------------------------------------------------------------------


def _numbered(write: Callable[[int], str], ending: str) -> dict[str, str]:
    return {f"{pages.name(number)}{ending}": write(number) for number in range(1, COUNT + 1)}


def without_cells(folder: Path) -> Project:
    """Write the pages with code that isn't executed."""
    conf = _COMMON + 'extensions = ["myst_parser", "sphinx_tabs.tabs"]\n'
    written = _numbered(lambda number: pages.myst(number, "python"), ".md")
    return Project(folder, conf, written, executes=False)


def jupyter_sphinx(folder: Path) -> Project:
    """Write the pages for jupyter-sphinx as it comes."""
    return Project(folder, _COMMON + 'extensions = ["jupyter_sphinx"]\n', _numbered(pages.rst, ".rst"))


def myst_nb(folder: Path) -> Project:
    """Write the pages for myst-nb."""
    conf = _COMMON + (
        # Several jobs at once would all try to make the cache's database, and all but one fail.
        "from jupyter_cache import get_cache\n"
        'get_cache("../cache").db\n'
        'extensions = ["myst_nb"]\n'
        'nb_execution_mode = "cache"\n'
        'nb_execution_cache_path = "../cache"\n'
        "nb_execution_timeout = 600\n"
        "nb_execution_raise_on_error = True\n"
    )
    front_matter = "file_format: mystnb\nkernelspec:\n  name: python3\n  display_name: Python 3\n"
    return Project(
        folder, conf, _numbered(lambda number: pages.myst(number, "{code-cell}", front_matter), ".md")
    )


def nbsphinx(folder: Path) -> Project:
    """Write the pages for nbsphinx."""
    conf = _COMMON + 'extensions = ["nbsphinx"]\nnbsphinx_timeout = 600\n'
    return Project(folder, conf, _numbered(pages.ipynb, ".ipynb"))


def ours(folder: Path) -> Project:
    """Write the pages for this project's engine."""
    conf = _COMMON + (
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT / 'docs/_ext')!r})\n"
        'extensions = ["live.lean", "jupyter_sphinx", "myst_parser", "sphinx_tabs.tabs", "live.sphinx"]\n'
        'live_notebooks = "../notebooks"\n'
        'live_store = "../build/executed"\n'
        'live_root = ".."\n'
        f"live_warm_up = {str(ROOT / 'docs/warm_up.py')!r}\n"
    )
    front_matter = (
        "kernelspec: {display_name: Python 3, language: python, name: python3}\n"
        "live: {environments: [default], timeout: 600}\n"
    )
    written = _numbered(lambda number: pages.myst(number, "{code-cell} python", front_matter), ".md")
    return Project(folder, conf, written, sources="../notebooks", built="notebooks")


#: The builders by the names that the site shows.
BUILDERS: dict[str, Callable[[Path], Project]] = {
    "Sphinx, no cells": without_cells,
    "jupyter-sphinx": jupyter_sphinx,
    "myst-nb": myst_nb,
    "nbsphinx": nbsphinx,
    "This site": ours,
}


# -- Measuring ---------------------------------------------------------------------------------------------


def run(project: Project, variables: Mapping[str, str]) -> tuple[dict[str, usage.Usage], int]:
    """Measure a builder once.

    :param project: the pages, written for the builder.
    :param variables: environment variables of the builds.
    :returns: what each of :data:`SCENARIOS` used; and how many pages the last one left stale.
    :raises RuntimeError: if a build fails, or doesn't show at first what the pages print.
    """

    def build() -> usage.Usage:
        folders = [f"--doctree-dir={project.folder / 'doctrees'}", str(project.docs), str(project.html)]
        command = [sys.executable, "-m", "sphinx", "--jobs=auto", *folders]
        return usage.measure(command, project.docs, variables)

    used = {"cold": build(), "unchanged": build()}
    wrong = project.stale(1)
    if wrong and project.executes:
        raise RuntimeError(f"Not even at first do these pages show what they print: {', '.join(wrong)}.")
    project.change_sentence("This sentence was edited.")
    used["sentence"] = build()
    project.change_module(2)
    used["module"] = build()
    return used, len(project.stale(2))


def measure(builders: Sequence[str], runs: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Measure builders several times, in turns, so that a busy moment of the machine hits all of them.

    :param builders: their names in :data:`BUILDERS`.
    :param runs: how often.
    :param folder: an empty folder.
    :returns: after each turn what was measured so far: what :func:`main` writes, as JSON.
    :raises RuntimeError: as :func:`run` does.
    """
    variables = {**os.environ, "PYTHONHASHSEED": "0"}
    usage.adopt_orphans()
    measured: dict[str, Any] = {
        builder: {"cpu": {name: [] for name in SCENARIOS}, "wall": {name: [] for name in SCENARIOS}}
        for builder in builders
    }
    for number in range(1, runs + 1):
        for builder in builders:
            place = folder / "project"
            used, stale = run(BUILDERS[builder](place), variables)
            shutil.rmtree(place)
            for name, one in used.items():
                measured[builder]["cpu"][name].append(round(one.cpu, 2))
                measured[builder]["wall"][name].append(round(one.wall, 2))
            measured[builder]["stale"] = stale
            told = ", ".join(f"{name} {one.cpu:.1f}" for name, one in used.items())
            print(f"{number}/{runs} {builder}: CPU seconds {told}; stale pages {stale}", flush=True)
        yield {
            "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
            "machine": usage.machine(),
            "versions": {name: version(name) for name in _PACKAGES},
            "pages": COUNT,
            "cells": sum(1 for _ in pages.cells(1)),
            "runs": number,
            "scenarios": SCENARIOS,
            "builders": measured,
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write the results.

    :param arguments: the command line without the program's name; by default this process's own.
    :returns: the exit status: 0, 1 if a build failed, 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(description="Measure several builders of executable pages.")
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured; the default is 3")
    parser.add_argument("--only", action="append", choices=list(BUILDERS), help="measure this builder only")
    parser.add_argument("--output", type=Path, default=RESULTS, help="JSON file for the results")
    options = parser.parse_args(arguments)
    if options.runs < (3 if options.output == RESULTS else 1):
        parser.error("--runs must be at least 3 for the site, and 1 elsewhere.")
    if options.only and options.output == RESULTS:
        parser.error("With --only, say by --output where the results go: the site shows all builders.")
    offline.hold_back()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            for results in measure(options.only or list(BUILDERS), options.runs, Path(folder)):
                write_atomically(options.output, (json.dumps(results, indent=1) + "\n").encode())
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("Interrupted. Complete runs are kept.", file=sys.stderr)
            return 130
    print(f"The results are in {options.output}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
