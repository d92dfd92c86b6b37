"""Run a service beside a notebook: a program of the environment that the notebook's cells talk to.

An environment names a script. It is started afresh for each notebook, so that no notebook finds what another
one left. It

* runs in the environment's interpreter, with the same clean environment variables as a kernel,
* prints one line when it is ready, and nothing else: a JSON object with environment variables. The notebook's
  process gets them. They may be secrets, so no message quotes that line;
* ends when its standard input ends. This happens when the notebook is done, whatever came of it, on Ctrl-C,
  and also if the engine's process is killed.

What goes to its standard error is quoted if it doesn't start, its last line.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from live import kernel
from live.notebook import Notebook, NotebookError
from live.runner import Environment, Run, ending, last_line, log_of, make_folders, noted, skipped

#: How long a service may take until it is ready, and then until it has ended, in seconds.
PATIENCE = 90


@dataclass(frozen=True)
class Service:
    """A service that runs.

    :param environment: the environment that it was started for, with the variables that it gave.
    :param scratch: the service's folder.
    """

    environment: Environment
    scratch: Path

    def counted(self, run: Run) -> Run:
        """Let the files that a service used count as used by the notebook beside which it ran.

        :param run: what running the notebook gave.
        :returns: the same with these files.
        """
        return replace(run, used={**dict(noted(self.scratch, "used")), **run.used})


@asynccontextmanager
async def running(
    notebook: Notebook, environment: Environment, root: Path, scratch: Path, skip: Iterable[Path]
) -> AsyncIterator[Service]:
    """Run an environment's service as long as a block lasts.

    :param notebook: the notebook that is to run in the block.
    :param environment: an environment that has a service.
    :param root: the project's folder.
    :param scratch: a folder for this run; the service gets one inside of it.
    :param skip: folders inside the root that are not part of the project.
    :returns: a context manager. Its block gets the service, which is ready.
    :raises NotebookError: if the service doesn't start, or ended before the block did.
    """
    scratch = scratch / "service"
    make_folders(scratch)
    command = [environment.python, kernel.__file__, f"--service={root / environment.service}"]
    command += [f"--root={root}", f"--log={log_of(scratch)}"]
    command += [f"--skip={folder}" for folder in skipped(root, skip)]
    log = scratch / "service.log"
    try:
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=errors,
                cwd=scratch / "home",
                env=environment.kernel_variables(root, scratch),
                start_new_session=True,  # Ctrl-C is for the engine, which then ends the service
            )
    except OSError as error:
        raise _fault(notebook, environment, f"did not start: {error}") from None
    try:
        variables = await _given(process, notebook, environment, log)
        served = replace(environment, variables={**environment.variables, **variables})
        fault = None
        try:
            yield Service(served, scratch)
        except NotebookError as error:
            fault = error
        # A cell that missed the service says so in many words, but not why.
        if process.returncode is not None:
            raise _ended(process, notebook, environment, log) from fault
        if fault is not None:
            raise fault
    finally:
        await _end(process)


async def _given(process: Process, notebook: Notebook, environment: Environment, log: Path) -> dict[str, str]:
    """Wait until the service is ready, and read which variables it gives."""
    assert process.stdout
    try:
        async with asyncio.timeout(PATIENCE):
            line = await process.stdout.readline()
            if not line:
                await process.wait()
    except ValueError:
        line = b"a line longer than asyncio reads, and than any set of variables is"
    except TimeoutError:
        said = last_line(log) or "It said nothing."
        problem = f"was not ready within {PATIENCE} seconds. {said}"
        raise _fault(notebook, environment, problem) from None
    if not line:
        raise _ended(process, notebook, environment, log)
    with suppress(ValueError):
        given = json.loads(line)
        if isinstance(given, dict) and all(isinstance(value, str) for value in given.values()):
            return given
    problem = "printed something else than a JSON object with environment variables, which must be texts."
    # The line itself may hold a secret, and so does the error that quotes it.
    raise _fault(notebook, environment, problem) from None


async def _end(process: Process) -> None:
    """End the service by the end of its standard input, or else kill it."""
    assert process.stdin
    process.stdin.close()
    try:
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    except TimeoutError:
        process.kill()
    finally:
        # With all that it started and left in its group.
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _ended(process: Process, notebook: Notebook, environment: Environment, log: Path) -> NotebookError:
    said = last_line(log) or "It said nothing."
    return _fault(notebook, environment, f"ended {ending(process.returncode)}: {said}")


def _fault(notebook: Notebook, environment: Environment, problem: str) -> NotebookError:
    reason = f"The service {environment.service} of the environment {environment.name} {problem}"
    return NotebookError(notebook.path, 1, None, reason)
