"""Read MyST notebooks, name their cells, and say what is wrong with them."""

from __future__ import annotations

import copy
import itertools
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jupytext
import yaml
from jupytext.myst import CODE_DIRECTIVE, MystMetadataParsingError, get_parser, read_fenced_cell
from nbformat import NotebookNode

from live.errors import NotebookError as NotebookError  # for those who read notebooks

if TYPE_CHECKING:
    from live.execute import Execution

#: Seconds that one cell may take, unless the notebook's front matter says otherwise.
DEFAULT_TIMEOUT = 60

#: The tag that lets JupyterLab's "Run All" go on behind a cell that raises.
RAISES_TAG = "raises-exception"

#: Tags that mean something to the site or to Jupyter; any other is a spelling mistake. ``stderr`` marks a
#: cell whose warnings or log lines the text speaks of.
KNOWN_TAGS = frozenset({"hide-input", "hide-output", "remove-cell", "stderr", RAISES_TAG})

CELL_OPTIONS = ("browser", "name", "raises", "tags")
LIVE_OPTIONS = ("browser", "environments", "timeout")

# A cell's name is part of a web address and the cell's id in the .ipynb, which may have 64 characters.
_NAME = re.compile(r"(?!\d+\Z)[a-z0-9-]{1,64}")
_ENVIRONMENT = re.compile(r"[a-z0-9][a-z0-9.-]*")
# A sentence, or the name of something.
_BROWSER = re.compile(r"[A-Z][^\n]* [^\n]*\.|[a-z][a-z0-9-]*")
_LANGUAGES = ("", "python", "ipython3")


@dataclass(frozen=True)
class Cell:
    """One code cell.

    :param index: number among the notebook's code cells, counted from 1.
    :param name: the name by which pages quote it, or ``None``.
    :param source: its code, without the options.
    :param line: line of the opening fence in the file, counted from 1.
    :param raises: name of the exception class that the cell must raise, or ``None``.
    :param tags: Jupyter's cell tags.
    :param source_line: line of the code's first line in the file, counted from 1.
    :param browser: why the cell can't run in a browser, as a sentence; or the name of something that the site
        may have for the browser or not, which the cell needs there; or ``None`` if it runs in any browser.
    """

    index: int
    name: str | None
    source: str
    line: int
    raises: str | None
    tags: tuple[str, ...]
    source_line: int
    browser: str | None = None

    @property
    def label(self) -> str:
        """The cell's name, or its number counted from 1."""
        return self.name or str(self.index)


@dataclass(frozen=True)
class Notebook:
    """One notebook as it was written: code and prose, no outputs.

    :param path: the MyST file.
    :param name: the file's name without its ending.
    :param title: the first heading's text.
    :param environments: names of the environments in which the notebook runs.
    :param timeout: seconds that one cell may take.
    :param cells: the code cells.
    :param node: the whole notebook, prose included, as nbformat holds it.
    :param browser: as :attr:`Cell.browser`, for all cells that say nothing themselves.
    """

    path: Path
    name: str
    title: str
    environments: tuple[str, ...]
    timeout: int
    cells: tuple[Cell, ...]
    node: NotebookNode
    browser: str | None = None

    def cell(self, label: str) -> Cell:
        """Find a code cell.

        :param label: the cell's name, or its number as text, counted from 1.
        :returns: the cell.
        :raises NotebookError: if there is no such cell; the sentence names those that there are.
        """
        for cell in self.cells:
            if label in (cell.name, str(cell.index)):
                return cell
        names = ", ".join(cell.name for cell in self.cells if cell.name) or "none"
        reason = (
            f"There is no cell {label!r} in this notebook. "
            f"It has the cells 1 to {len(self.cells)}; named cells: {names}."
        )
        raise NotebookError(self.path, 1, None, reason)

    def with_outputs(self, execution: Execution) -> NotebookNode:
        """Join source, prose and outputs into the notebook that a learner downloads.

        The same source and outputs always give the same node: cell ids come from names and positions.

        :param execution: what executing this notebook gave.
        :returns: a new node of nbformat 4.5; ``nbformat.write`` makes an ``.ipynb`` of it.
        :raises ValueError: if the execution has not one list of outputs for each code cell.
        """
        if len(execution.outputs) != len(self.cells):
            raise ValueError(
                f"{self.name} has {len(self.cells)} code cells, "
                f"but its execution holds outputs for {len(execution.outputs)}."
            )
        node = copy.deepcopy(self.node)
        node.nbformat, node.nbformat_minor = 4, 5
        node.metadata["language_info"] = {"name": "python", "file_extension": ".py"}
        code = zip(self.cells, execution.outputs, strict=True)
        for position, written in enumerate(node.cells, start=1):
            # Names hold no underscore, so that an id made of a position cannot be a name.
            written["id"] = f"cell_{position}"
            if written.cell_type == "code":
                cell, outputs = next(code)
                written["id"] = cell.name or written["id"]
                written["execution_count"] = cell.index
                written["outputs"] = copy.deepcopy(outputs)
        return node


def read(path: Path) -> Notebook:
    """Read one notebook.

    :param path: a MyST file (Jupytext's format ``md:myst``) in UTF-8.
    :returns: the notebook.
    :raises NotebookError: with the first thing that is wrong in the file. :func:`read_all` gives all of them.
    :raises OSError: if there is no such file.
    """
    reader = _Reader(path)
    notebook = reader.read()
    if notebook is None:
        raise reader.errors[0]
    return notebook


def read_all(folder: Path) -> tuple[list[Notebook], list[NotebookError]]:
    """Read every ``*.md`` in a folder, in the order of their names.

    :param folder: the folder of notebooks; folders inside it are not read.
    :returns: the notebooks without fault, and every fault of the others.
    """
    notebooks, errors = [], []
    for path in sorted(folder.glob("*.md")):
        reader = _Reader(path)
        notebook = reader.read()
        if notebook is not None:
            notebooks.append(notebook)
        errors += sorted(reader.errors, key=lambda error: error.line)
    return notebooks, errors


class _Reader:
    """Reads one file and collects everything that is wrong with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.errors: list[NotebookError] = []

    def read(self) -> Notebook | None:
        """Give the notebook, or ``None`` if :attr:`errors` says why there is none."""
        if not _NAME.fullmatch(self.path.stem):
            reason = f"The name {self.path.name!r} must be of a–z, 0–9 and hyphens, and not only digits."
            self._fail(1, None, reason)
        data = self.path.read_bytes()
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self._fail(line, None, "The file is not UTF-8. Save it as UTF-8.")
            return None
        text = text.replace("\r\n", "\n")
        tokens = get_parser().parse(text + "\n")
        environments, timeout, browser = self._front_matter(tokens)
        title = self._title(tokens)
        cells = self._cells(tokens, f"{text}\n".split("\n"))
        if self.errors:
            return None
        node = jupytext.reads(text, fmt="md:myst")
        sources = [cell.source for cell in node.cells if cell.cell_type == "code"]
        if sources != [cell.source for cell in cells]:
            self._fail(1, None, "Jupytext reads other code cells in this file than the engine does.")
            return None
        return Notebook(self.path, self.path.stem, title, environments, timeout, tuple(cells), node, browser)

    def _fail(self, line: int, cell: str | None, reason: str) -> None:
        self.errors.append(NotebookError(self.path, line, cell, reason))

    def _front_matter(self, tokens: list[Any]) -> tuple[tuple[str, ...], int, str | None]:
        nothing = ((), DEFAULT_TIMEOUT, None)
        if not tokens or tokens[0].type != "front_matter":
            self._fail(1, None, "The front matter, a block between `---` lines, is missing at the top.")
            return nothing
        try:
            settings = yaml.safe_load(tokens[0].content)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 2 if mark else 1
            self._fail(line, None, f"The front matter is not YAML: {_yaml_problem(error)}.")
            return nothing
        if not isinstance(settings, dict):
            self._fail(1, None, "The front matter must hold settings: names and their values.")
            return nothing
        kernel = settings.get("kernelspec")
        if not isinstance(kernel, dict) or not {"name", "display_name"} <= set(kernel):
            reason = "The front matter needs `kernelspec` with name and display_name: JupyterLab asks for it."
            self._fail(1, None, reason)
        live = settings.get("live")
        if not isinstance(live, dict):
            self._fail(1, None, "The front matter needs `live: {environments: [default]}`.")
            return nothing
        for key in live:
            if key not in LIVE_OPTIONS:
                self._fail(1, None, f"Unknown setting live.{key}. There are: {', '.join(LIVE_OPTIONS)}.")
        return self._environments(live), self._timeout(live), self._browser(live, 1, None)

    def _environments(self, live: Mapping[str, Any]) -> tuple[str, ...]:
        names = live.get("environments")
        if (
            not isinstance(names, list)
            or not names
            or not all(isinstance(name, str) and _ENVIRONMENT.fullmatch(name) for name in names)
            or len(set(names)) != len(names)
        ):
            self._fail(1, None, "live.environments must be a list of names, each once, such as `[default]`.")
            return ()
        return tuple(names)

    def _timeout(self, live: Mapping[str, Any]) -> int:
        timeout = live.get("timeout", DEFAULT_TIMEOUT)
        if type(timeout) is not int or timeout < 1:
            reason = f"live.timeout must be a whole number of seconds, at least 1, not {timeout!r}."
            self._fail(1, None, reason)
            return DEFAULT_TIMEOUT
        return timeout

    def _browser(self, options: Mapping[str, Any], line: int, label: str | None) -> str | None:
        browser = options.get("browser")
        if browser is not None and not (isinstance(browser, str) and _BROWSER.fullmatch(browser)):
            reason = (
                "The option browser must say in a sentence why this can't run in a browser, or name what it "
                "needs there, such as `pillow`."
            )
            self._fail(line, label, reason)
            return None
        return browser

    def _title(self, tokens: list[Any]) -> str:
        for opening, text in itertools.pairwise(tokens):
            if opening.type == "heading_open" and opening.tag == "h1" and text.content:
                return str(text.content)
        self._fail(1, None, "The notebook has no title. Begin its text with a line such as `# Title`.")
        return ""

    def _cells(self, tokens: list[Any], lines: list[str]) -> list[Cell]:
        cells: list[Cell] = []
        taken: dict[str, int] = {}
        fences = [t for t in tokens if t.type == "fence" and t.info.startswith(CODE_DIRECTIVE)]
        for index, token in enumerate(fences, start=1):
            line = token.map[0] + 1
            label = str(index)
            if token.level:
                reason = "A code cell inside a list or a quotation is never executed. Move it out."
                self._fail(line, label, reason)
            elif not lines[token.map[1] - 1].strip().startswith(token.markup):
                self._fail(line, label, f"The cell is never closed. End it with a line `{token.markup}`.")
            language = token.info.removeprefix(CODE_DIRECTIVE).strip()
            if language not in _LANGUAGES:
                self._fail(line, label, f"The cell's language is {language!r}, but only Python is executed.")
            try:
                options, body = read_fenced_cell(token, index, "Code")
            except (MystMetadataParsingError, yaml.YAMLError) as error:
                self._fail(line, label, f"The cell's options are not YAML: {_yaml_problem(error)}.")
                continue
            if not isinstance(options, dict):
                self._fail(line, label, "Each option must be a name and a value, such as `:name: upload`.")
                continue
            name = self._name(options, line, label, taken)
            tags = self._tags(options, line, name or label)
            raises = self._raises(options, tags, line, name or label)
            for option in options:
                if option not in CELL_OPTIONS:
                    reason = f"Unknown option {option!r}. There are: {', '.join(CELL_OPTIONS)}."
                    self._fail(line, name or label, reason)
            source = "\n".join(body)
            if not source.strip():
                self._fail(line, name or label, "The cell is empty.")
            source_line = line + 1 + len(token.content.splitlines()) - len(body)
            browser = self._browser(options, line, name or label)
            cells.append(Cell(index, name, source, line, raises, tags, source_line, browser))
        if not fences:
            self._fail(1, None, "The notebook has no code cell. Write one as ```{code-cell} ipython3.")
        return cells

    def _name(self, options: Mapping[str, Any], line: int, label: str, taken: dict[str, int]) -> str | None:
        if "name" not in options:
            return None
        name = options["name"]
        if name is None or name == "":
            self._fail(line, label, "The cell's name is empty. Give it one, or leave the option out.")
            return None
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            reason = f"The name {str(name)!r} must be 1 to 64 of a–z, 0–9 and hyphens, and not only digits."
            self._fail(line, label, reason)
            return None
        if name in taken:
            reason = f"The cell in line {taken[name]} has this name too. Names must be unique in a notebook."
            self._fail(line, name, reason)
        taken.setdefault(name, line)
        return name

    def _tags(self, options: Mapping[str, Any], line: int, label: str) -> tuple[str, ...]:
        tags = options.get("tags", [])
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            self._fail(line, label, "The option tags must be a list such as `[hide-input]`.")
            return ()
        for tag in tags:
            if tag not in KNOWN_TAGS:
                self._fail(line, label, f"Unknown tag {tag!r}. There are: {', '.join(sorted(KNOWN_TAGS))}.")
        return tuple(tags)

    def _raises(self, options: Mapping[str, Any], tags: tuple[str, ...], line: int, label: str) -> str | None:
        if "raises" not in options:
            if RAISES_TAG in tags:
                reason = f"The tag {RAISES_TAG} needs the option raises, which names the exception."
                self._fail(line, label, reason)
            return None
        raises = options["raises"]
        if not isinstance(raises, str) or not raises.isidentifier() or keyword.iskeyword(raises):
            self._fail(line, label, "The option raises must name one exception class, such as `ValueError`.")
            return None
        if RAISES_TAG not in tags:
            reason = (
                f"The option raises needs the tag {RAISES_TAG} too: "
                'without it, JupyterLab\'s "Run All" would stop here.'
            )
            self._fail(line, label, reason)
        return raises


def _yaml_problem(error: Exception) -> str:
    """Give PyYAML's complaint on one line, without its own line numbers, which count inside the block."""
    problem = getattr(error, "problem", None) or str(error).splitlines()[0].partition("Invalid YAML; ")[2]
    return problem or "it cannot be parsed"
