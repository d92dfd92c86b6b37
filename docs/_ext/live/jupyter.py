"""Run a notebook's cells in an ordinary kernel, by Jupyter's own client."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode, from_dict

from live import kernel
from live.notebook import Cell, Notebook, NotebookError
from live.runner import (
    Environment,
    Executed,
    Interpreter,
    InterpreterEnded,
    ending,
    last_line,
    log_of,
    make_folders,
    skipped,
)

# Seconds for what takes a fraction of one, unless the machine is overloaded.
_PATIENCE = 60

# What Jupyter logs is said by a NotebookError, in a sentence.
_quiet = logging.getLogger("live.jupyter")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


@asynccontextmanager
async def kernel_for(
    notebook: Notebook, environment: Environment, root: Path, scratch: Path, skip: Iterable[Path]
) -> AsyncIterator[Interpreter]:
    """Start an ordinary kernel, and kill it with all its children at the end, whatever happened.

    :param notebook: the notebook that it is for; it works in the notebook's folder.
    :param environment: the packages that it has.
    :param root: the project's folder: use and change of files in it is noted.
    :param scratch: a folder for this run, to be made.
    :param skip: folders inside the root that are not part of the project.
    :returns: a context manager. Its block gets what runs cells.
    :raises NotebookError: if the kernel doesn't start.
    """
    make_folders(scratch)
    command = [environment.python, kernel.__file__, f"--root={root}", f"--log={log_of(scratch)}"]
    command += [f"--skip={folder}" for folder in skipped(root, skip)]
    manager = AsyncKernelManager(
        kernel_spec_manager=_OneKernel(command),
        connection_file=str(scratch / "kernel.json"),
        log=_quiet,
    )
    client = None
    try:
        try:
            with (scratch / "kernel.log").open("wb") as log:
                await manager.start_kernel(
                    cwd=str(notebook.path.parent),
                    env=environment.kernel_variables(root, scratch),
                    # Cells' output comes through Jupyter's channels. What the process itself says, such as
                    # ipykernel's warning about unencrypted TCP, matters only if it doesn't start.
                    stdout=log,
                    stderr=log,
                )
            client = manager.client()
            client.start_channels()
            await client.wait_for_ready(timeout=_PATIENCE)
        except (OSError, RuntimeError) as error:
            said = last_line(scratch / "kernel.log") or str(error)
            reason = f"The kernel did not start with {environment.python}: {said}"
            raise NotebookError(notebook.path, 1, None, reason) from None
        client.allow_stdin = False
        yield _Kernel(manager, client, len(notebook.cells))
    finally:
        if client is not None:
            client.stop_channels()
        await manager.shutdown_kernel(now=True)


class _OneKernel(KernelSpecManager):
    """Knows one kernel, by its command, so that none needs to be installed."""

    def __init__(self, command: list[str]) -> None:
        super().__init__(log=_quiet)
        self._spec = KernelSpec(
            argv=[*command, "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
        )

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return self._spec


class _Kernel:
    """An ordinary kernel, with nbclient as its client."""

    def __init__(self, manager: AsyncKernelManager, client: AsyncKernelClient, count: int) -> None:
        self._manager = manager
        cells = [{"cell_type": "code", "source": "", "metadata": {}} for _ in range(count)]
        node = from_dict({"cells": cells})  # type: ignore[no-untyped-call]
        self._cells = node.cells
        self._jupyter = NotebookClient(
            node,
            km=manager,
            # Whether an error is expected is decided by its name.
            allow_errors=True,
            # Better no output than half of it.
            iopub_timeout=_PATIENCE,
            raise_on_iopub_timeout=True,
            coalesce_streams=False,
            record_timing=False,
            store_widget_state=False,
            on_cell_executed=_keep_reply,
            log=_quiet,
        )
        self._jupyter.kc = client

    async def execute(self, cell: Cell, timeout: int) -> Executed:
        self._jupyter.timeout = timeout
        code = self._cells[cell.index - 1]
        code.source = cell.source
        try:
            await self._jupyter.async_execute_cell(code, cell.index - 1)
        except CellTimeoutError as error:
            raise TimeoutError from error
        except DeadKernelError as error:
            raise InterpreterEnded(await self._ending()) from error
        return Executed(code.outputs, code.reply)

    async def ended(self) -> str | None:
        return None if await self._manager.is_alive() else await self._ending()

    async def _ending(self) -> str:
        return ending(await self._manager.provisioner.poll() if self._manager.provisioner else None)


def _keep_reply(cell: NotebookNode, execute_reply: dict[str, Any], **_: Any) -> None:
    cell["reply"] = execute_reply["content"]
