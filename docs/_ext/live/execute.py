"""Find which notebooks are stale, execute them side by side, and keep their outputs.

Nothing here goes by date. An execution is kept together with all that it came of: the code cells, the exact
version of Python and of every package, and the content of each of the project's files that the cells used
(:mod:`live.kernel` says what counts as use, and what isn't seen). It is stale as soon as one of these
differs, and only then: prose may be edited freely.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from nbformat import NotebookNode, from_dict
from tqdm import tqdm

from live import kernel, service
from live.notebook import Notebook, NotebookError
from live.runner import Environment, Run, run

#: What runs a notebook. :func:`live.runner.run` is one, and tells what it takes, gives and raises.
Runner = Callable[[Notebook, Environment, Path, Path, Iterable[Path]], Coroutine[Any, Any, Run]]


@dataclass(frozen=True)
class Execution:
    """One execution of a notebook, without fault.

    :param notebook_name: name of the notebook.
    :param environment: name of the environment.
    :param outputs: for each code cell its outputs, as nbformat holds them.
    :param used: the project's files that the cells used, relative to the root, each with its state (see
        :func:`live.kernel.state`): some were looked for and absent, a listed folder has a slash at its end.
    :param packages: exact version of each distribution that was installed.
    :param python: version of the interpreter.
    :param settings: digest of the environment's other settings.
    :param seconds: how long it took.
    """

    notebook_name: str
    environment: str
    outputs: tuple[list[NotebookNode], ...]
    used: dict[str, str]
    packages: dict[str, str]
    python: str
    settings: str
    seconds: float

    @property
    def files(self) -> tuple[str, ...]:
        """Those of the files used that are there, relative to the root."""
        others = (kernel.ABSENT, kernel.FOLDER)
        return tuple(path for path, state in self.used.items() if state not in others and path[-1] != "/")


class Store:
    """Executions on disk, one ``.ipynb`` each, without prose: ``FOLDER/ENVIRONMENT/NOTEBOOK.ipynb``.

    :param folder: where; it is made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, notebook: Notebook, environment: Environment, root: Path) -> Execution | None:
        """Get the execution of a notebook, unless it is stale.

        :param notebook: the notebook as it is now.
        :param environment: the environment as it is now.
        :param root: the project's folder.
        :returns: the execution, or ``None`` if there is none that still holds.
        """
        execution, reasons = self._compare(notebook, environment, root)
        return None if reasons else execution

    def stale(self, notebook: Notebook, environment: Environment, root: Path) -> list[str]:
        """Say why a notebook must be executed.

        :param notebook: the notebook as it is now.
        :param environment: the environment as it is now.
        :param root: the project's folder.
        :returns: the reasons, such as ``"conf/storage.py changed"``; none if its execution still holds.
        """
        return self._compare(notebook, environment, root)[1]

    def save(self, notebook: Notebook, execution: Execution) -> None:
        """Keep an execution in place of the notebook's former one.

        :param notebook: the notebook that was executed.
        :param execution: its execution, which must be without fault.
        """
        kind: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}}
        cells = [
            {**kind, "source": cell.source, "outputs": outputs}
            for cell, outputs in zip(notebook.cells, execution.outputs, strict=True)
        ]
        facts = {**vars(execution), "code": _code(notebook)}
        del facts["outputs"]
        facts["digest"] = _digest(facts, cells)
        document = {"cells": cells, "metadata": {"live": facts}, "nbformat": 4, "nbformat_minor": 4}
        data = json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        write_atomically(self._path(notebook, execution.environment), data.encode())

    def _path(self, notebook: Notebook, environment: str) -> Path:
        return self.folder / environment / f"{notebook.name}.ipynb"

    def _read(self, path: Path) -> tuple[Execution, dict[str, Any]]:
        """Read a file of the store.

        :returns: the execution, and the notebook's code as it was.
        :raises OSError: if there is no such file.
        :raises ValueError: if it isn't what was once saved: cut off, edited, or of another engine.
        """
        try:
            document = json.loads(path.read_bytes())
            facts, cells = document["metadata"]["live"], document["cells"]
            if facts.pop("digest") != _digest(facts, cells):
                raise ValueError(f"{path} is damaged.")
            code = facts.pop("code")
            outputs = from_dict([cell["outputs"] for cell in cells])  # type: ignore[no-untyped-call]
            return Execution(outputs=tuple(outputs), **facts), code
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is not an execution.") from error

    def _compare(
        self, notebook: Notebook, environment: Environment, root: Path
    ) -> tuple[Execution | None, list[str]]:
        try:
            execution, code = self._read(self._path(notebook, environment.name))
        except OSError:
            return None, ["never executed"]
        except ValueError:
            return None, ["its stored execution is damaged"]
        reasons = _changed_code(notebook, code)
        if execution.python != environment.version:
            reasons.append(f"Python {execution.python} → {environment.version}")
        reasons += _changed_packages(execution.packages, environment.packages)
        if execution.settings != environment.settings:
            reasons.append("the kernel's settings changed")
        reasons += _changed_files(execution.used, root)
        return execution, reasons


def execute_all(
    notebooks: Sequence[Notebook],
    store: Store,
    root: Path,
    environment: Environment | None = None,
    jobs: int | None = None,
    progress: bool = True,
    runner: Runner = run,
) -> tuple[dict[str, Execution], list[NotebookError]]:
    """Execute those notebooks that are stale, side by side, each in a process of its own.

    Each execution is stored as soon as it is complete, so that nothing is lost if a later one fails or if the
    process is ended. On Ctrl-C all kernels are killed, and all services ended, before ``KeyboardInterrupt``
    goes on.

    :param notebooks: the notebooks; those that don't run in this environment are left out.
    :param store: where executions are kept.
    :param root: the project's folder.
    :param environment: the environment; by default the one that this process runs in.
    :param jobs: how many run at the same time; by default one for each core.
    :param progress: whether to show on standard error what is going on.
    :param runner: what runs a notebook.
    :returns: the executions by the notebooks' names, stored ones and new ones; and what failed, one error for
        each notebook that has no execution.
    """
    environment = environment or Environment()
    root = root.resolve()
    here = [notebook for notebook in notebooks if environment.name in notebook.environments]
    executions: dict[str, Execution] = {}
    stale: list[Notebook] = []
    for notebook in here:
        execution = store.load(notebook, environment, root)
        if execution is None:
            stale.append(notebook)
        else:
            executions[notebook.name] = execution
    errors: dict[str, NotebookError] = {}

    async def execute_stale() -> None:
        free = asyncio.Semaphore(jobs or os.cpu_count() or 1)
        with (
            tempfile.TemporaryDirectory(prefix="live-", ignore_cleanup_errors=True) as scratch,
            _Progress(len(stale), progress) as shown,
        ):

            async def run_served(notebook: Notebook) -> Run:
                """Run a notebook, with the environment's service beside it if there is one."""
                folder, skip = Path(scratch, notebook.name), [store.folder]
                if not environment.service:
                    with shown.running(notebook.name):
                        return await runner(notebook, environment, root, folder, skip)
                async with AsyncExitStack() as stack:
                    with shown.running(f"{environment.service} for {notebook.name}", "starting"):
                        beside = service.running(notebook, environment, root, folder, skip)
                        served = await stack.enter_async_context(beside)
                    with shown.running(notebook.name):
                        result = await runner(notebook, served.environment, root, folder, skip)
                    return served.counted(result)

            async def execute(notebook: Notebook) -> None:
                async with free:
                    started = monotonic()
                    try:
                        result = await run_served(notebook)
                    except NotebookError as error:
                        errors[notebook.name] = error
                    else:
                        execution = Execution(
                            notebook.name,
                            environment.name,
                            result.outputs,
                            result.used,
                            environment.packages,
                            environment.version,
                            environment.settings,
                            round(monotonic() - started, 2),
                        )
                        store.save(notebook, execution)
                        executions[notebook.name] = execution
                    finally:
                        shown.one_is_done()

            async with asyncio.TaskGroup() as group:
                for notebook in stale:
                    group.create_task(execute(notebook))

    if stale:
        asyncio.run(execute_stale())
    names = [notebook.name for notebook in here]
    return (
        {name: executions[name] for name in names if name in executions},
        [errors[name] for name in names if name in errors],
    )


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that at any moment it holds either all of the old content or all of the new.

    :param path: the file; its folder is made if need be.
    :param data: the whole content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(data)
            file.close()
            os.replace(file.name, path)  # noqa: PTH105
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


class _Progress:
    """Shows what runs: a bar on a terminal, lines elsewhere."""

    def __init__(self, total: int, shown: bool) -> None:
        self._shown = shown
        self._plain = not sys.stderr.isatty()
        self._running: list[str] = []
        self._bar = tqdm(
            total=total,
            desc="executing",
            unit="notebook",
            leave=False,
            disable=not shown or self._plain,
            mininterval=0,  # there are few notebooks, so that each of them may be shown
        )

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    @contextmanager
    def running(self, name: str, verb: str = "executing") -> Iterator[None]:
        """Show that a notebook runs, or that something is done for it."""
        self._running.append(name)
        self._bar.set_postfix_str(", ".join(self._running))
        if self._shown and self._plain:
            print(f"{verb} {name}", file=sys.stderr, flush=True)
        try:
            yield
        finally:
            self._running.remove(name)
            self._bar.set_postfix_str(", ".join(self._running), refresh=False)

    def one_is_done(self) -> None:
        """Show that one notebook more is done."""
        self._bar.update()


def _code(notebook: Notebook) -> dict[str, Any]:
    """Give what an execution depends on of a notebook's own text."""
    return {"timeout": notebook.timeout, "cells": [[cell.source, cell.raises] for cell in notebook.cells]}


def _digest(facts: Mapping[str, Any], cells: Sequence[Mapping[str, Any]]) -> str:
    data = json.dumps([facts, cells], sort_keys=True)
    return hashlib.sha256(data.encode("utf-8", "surrogatepass")).hexdigest()


def _changed_code(notebook: Notebook, before: Mapping[str, Any]) -> list[str]:
    now = _code(notebook)
    reasons = []
    if len(before["cells"]) != len(now["cells"]):
        reasons.append(f"{len(before['cells'])} → {len(now['cells'])} cells")
    else:
        pairs = zip(notebook.cells, before["cells"], now["cells"], strict=True)
        reasons += [f"cell {cell.label} changed" for cell, old, new in pairs if old != new]
    if before["timeout"] != now["timeout"]:
        reasons.append(f"time-out {before['timeout']} → {now['timeout']} s")
    return reasons


def _changed_packages(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    reasons = []
    for name in sorted({*before, *now}):
        if name not in now:
            reasons.append(f"{name} {before[name]} removed")
        elif name not in before:
            reasons.append(f"{name} {now[name]} added")
        elif before[name] != now[name]:
            reasons.append(f"{name} {before[name]} → {now[name]}")
    return reasons


def _changed_files(used: Mapping[str, str], root: Path) -> list[str]:
    reasons = []
    for path, before in sorted(used.items()):
        now = kernel.state(f"{root}/{path}")  # as a Path it would lose the slash at its end
        if kernel.ABSENT == before != now:
            reasons.append(f"{path} appeared")
        elif now != before:
            reasons.append(f"{path} {'disappeared' if now == kernel.ABSENT else 'changed'}")
    return reasons
