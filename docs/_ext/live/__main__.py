"""The command line: ``python -m live execute``, ``list``, ``verify`` and ``accept``."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from live import offline
from live.execute import Execution, Store, execute_all
from live.forked import runner_for
from live.notebook import Notebook, NotebookError, read_all
from live.runner import Environment
from live.transcript import Difference
from live.verify import Afresh, accept, painted, same, verify


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    :param arguments: the command line without the program's name; by default this process's own.
    :returns: the exit status: 0 if all went well, 1 if a notebook has a fault, 130 after Ctrl-C.
    :raises SystemExit: with status 2 if the command line is wrong.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    offline.hold_back()
    if not options.notebooks.is_dir():
        parser.error(f"There is no folder {options.notebooks}. Say by --notebooks where the notebooks are.")
    notebooks, errors = read_all(options.notebooks)
    known = {notebook.name for notebook in notebooks} | {error.path.stem for error in errors}
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"There is no notebook {', '.join(unknown)}. There are: {', '.join(sorted(known))}.")
    unreadable = {error.path.stem for error in errors}
    chosen = notebooks
    if options.names:
        chosen = [notebook for notebook in notebooks if notebook.name in options.names]
        errors = [error for error in errors if error.path.stem in options.names]
    store = Store(options.store)
    try:
        if options.command == "list":
            _list(chosen, store, options.root.resolve(), Environment(lock=options.lock))
        elif options.command == "execute":
            with runner_for(Environment(lock=options.lock), options.warm_up, options.root) as runner:
                executions, failed = execute_all(
                    chosen, store, options.root, Environment(lock=options.lock), options.jobs, runner=runner
                )
            print(f"{len(executions)} notebooks are up to date, {len(failed)} failed.")
            errors += failed
        else:
            python = _interpreter(options.python, parser)
            if options.service and not (options.root / options.service).is_file():
                parser.error(f"There is no script {options.service} in {options.root.resolve()}.")
            environment = Environment(options.environment, python, lock=options.lock, service=options.service)
            if not errors and not any(environment.name in notebook.environments for notebook in chosen):
                parser.error(f"None of these notebooks runs in an environment {environment.name}.")
            executions, failed = execute_all(
                chosen, Afresh(options.store), options.root, environment, options.jobs
            )
            compare = partial(verify, notebooks, executions, options.expected, environment.name, unreadable)
            if options.command == "accept":
                _accept(chosen, executions, compare(), options.expected, environment.name)
            different = compare()
            if options.warm_up:
                with runner_for(environment, options.warm_up, options.root) as runner:
                    forked, failed_forked = execute_all(
                        chosen, Afresh(options.store), options.root, environment, options.jobs, runner=runner
                    )
                failed += failed_forked
                different += same(notebooks, executions, forked)
            print(
                f"Executed afresh: {len(executions)}, failed: {len(failed)}, differences: {len(different)}."
            )
            errors += failed + different
    except KeyboardInterrupt:
        print("Interrupted. What was complete is kept.", file=sys.stderr)
        return 130
    for error in errors:
        print(painted(error, sys.stderr), file=sys.stderr)
    return 1 if errors else 0


def _accept(
    notebooks: Sequence[Notebook],
    executions: Mapping[str, Execution],
    differences: Sequence[NotebookError],
    expected: Path,
    environment: str,
) -> None:
    for difference in differences:
        if isinstance(difference, Difference):
            print(painted(difference, sys.stdout))
    changed = accept(notebooks, executions, expected, environment)
    for path in changed:
        print(f"{'recorded' if path.exists() else 'removed'} {path.as_posix()}")
    if not changed:
        print("Everything was recorded already.")


def _interpreter(name: str, parser: argparse.ArgumentParser) -> str:
    """Find an interpreter by path or name. Its path is absolute, because kernels start in other folders."""
    found = shutil.which(name)
    if found is None:
        parser.error(f"There is no interpreter {name}. Say by --python which has the environment's packages.")
    return os.path.abspath(found)  # noqa: PTH100 - a link to an interpreter is an environment of its own


def _list(notebooks: Sequence[Notebook], store: Store, root: Path, environment: Environment) -> None:
    for notebook in notebooks:
        reasons = store.stale(notebook, environment, root)
        print(f"{notebook.name}: {'stale: ' + '; '.join(reasons) if reasons else 'up to date'}")


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("names", nargs="*", metavar="NAME", help="a notebook's name; by default all of them")
    shared.add_argument(
        "--notebooks",
        type=Path,
        default=Path("examples/notebooks"),
        metavar="DIR",
        help="folder of the notebooks (%(default)s)",
    )
    shared.add_argument(
        "--store",
        type=Path,
        default=Path("build/executed"),
        metavar="DIR",
        help="folder in which executions are kept (%(default)s)",
    )
    shared.add_argument(
        "--root",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the project's folder: a change of any file in it that a notebook used makes it stale "
        "(the current folder)",
    )
    shared.add_argument(
        "--lock",
        type=Path,
        metavar="FILE",
        help="lock file of the packages that count: a change of another makes nothing stale (all count)",
    )
    running = argparse.ArgumentParser(add_help=False)
    running.add_argument("--jobs", type=_positive, metavar="N", help="how many at the same time (one a core)")
    running.add_argument(
        "--warm-up",
        type=Path,
        metavar="SCRIPT",
        help="execute in forks of a process that has run this script; verify and accept do so besides "
        "executing in ordinary kernels, and compare (no forks)",
    )
    recorded = argparse.ArgumentParser(add_help=False)
    recorded.add_argument(
        "--environment",
        default=Environment.name,
        metavar="NAME",
        help="name of the environment, as notebooks state it (%(default)s)",
    )
    recorded.add_argument(
        "--python",
        default=sys.executable,
        metavar="PATH",
        help="interpreter that has the environment's packages (this one)",
    )
    recorded.add_argument(
        "--service",
        default="",
        metavar="SCRIPT",
        help="script that runs beside each notebook, below the project's folder (none)",
    )
    recorded.add_argument(
        "--expected",
        type=Path,
        default=Path("examples/expected"),
        metavar="DIR",
        help="folder of the records (%(default)s)",
    )
    parser = argparse.ArgumentParser(prog="python -m live", description="Execute the site's notebooks.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "execute",
        parents=[shared, running],
        help="execute the notebooks that are stale",
        description="Execute the notebooks that are stale, side by side, and keep their outputs.",
    )
    commands.add_parser(
        "list",
        parents=[shared],
        help="say which notebooks are stale, and why",
        description="Say which notebooks are stale, and why. Nothing is executed.",
    )
    commands.add_parser(
        "verify",
        parents=[shared, running, recorded],
        help="execute notebooks afresh, and compare what they put out with the record",
        description="Execute notebooks afresh, side by side, and compare what they put out with the record.",
    )
    commands.add_parser(
        "accept",
        parents=[shared, running, recorded],
        help="execute notebooks afresh, and record what they put out",
        description="Execute notebooks afresh, side by side, and record what they put out, unless they fail.",
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
