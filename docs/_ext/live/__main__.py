"""The command line: ``python -m live execute`` and ``python -m live list``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from live.execute import Store, execute_all
from live.notebook import Notebook, NotebookError, read_all
from live.runner import Environment


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    :param arguments: the command line without the program's name; by default this process's own.
    :returns: the exit status: 0 if all went well, 1 if a notebook has a fault, 130 after Ctrl-C.
    :raises SystemExit: with status 2 if the command line is wrong.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if not options.notebooks.is_dir():
        parser.error(f"There is no folder {options.notebooks}. Say by --notebooks where the notebooks are.")
    notebooks, errors = read_all(options.notebooks)
    known = {notebook.name for notebook in notebooks} | {error.path.stem for error in errors}
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"There is no notebook {', '.join(unknown)}. There are: {', '.join(sorted(known))}.")
    if options.names:
        notebooks = [notebook for notebook in notebooks if notebook.name in options.names]
        errors = [error for error in errors if error.path.stem in options.names]
    store = Store(options.store)
    if options.command == "list":
        _list(notebooks, store, options.root.resolve())
    else:
        try:
            errors += _execute(notebooks, store, options.root, options.jobs)
        except KeyboardInterrupt:
            print("Interrupted. What was complete is kept.", file=sys.stderr)
            return 130
    for error in errors:
        print(error, file=sys.stderr)
    return 1 if errors else 0


def _execute(
    notebooks: Sequence[Notebook], store: Store, root: Path, jobs: int | None
) -> list[NotebookError]:
    executions, errors = execute_all(notebooks, store, root, jobs=jobs)
    print(f"{len(executions)} notebooks are up to date, {len(errors)} failed.")
    return errors


def _list(notebooks: Sequence[Notebook], store: Store, root: Path) -> None:
    environment = Environment()
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
    parser = argparse.ArgumentParser(prog="python -m live", description="Execute the site's notebooks.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    execute = commands.add_parser(
        "execute",
        parents=[shared],
        help="execute the notebooks that are stale",
        description="Execute the notebooks that are stale, side by side, and keep their outputs.",
    )
    execute.add_argument("--jobs", type=_positive, metavar="N", help="how many at the same time (one a core)")
    commands.add_parser(
        "list",
        parents=[shared],
        help="say which notebooks are stale, and why",
        description="Say which notebooks are stale, and why. Nothing is executed.",
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
