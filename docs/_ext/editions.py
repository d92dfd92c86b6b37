"""Put the built site beside its other versions: ``python -m editions build/html VERSION --into FOLDER``.

Each version has a folder of its own, named after it, such as ``1.0``; the newest state of the project is in
``latest``. Two pages stand around them: ``index.html`` leads to the newest version, ``versions.html`` lists
all. Neither needs a script.

With ``--remote origin`` instead of a folder, all of this goes to the branch ``pages`` of that repository,
from which code hosts serve a site. The branch never has more than one commit, so that it doesn't grow with
each change; whatever versions it holds are kept.
"""

from __future__ import annotations

import argparse
import html
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from packaging.version import InvalidVersion, Version

from live.downloads import write_if_changed

#: The folder of the newest state of the project, which no release has yet.
LATEST = "latest"

_PAGE = """<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; base-uri 'none'; form-action 'none'">
{head}<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


class EditionsError(Exception):
    """Says in a sentence why the versions can't be put side by side."""


def editions(folder: Path) -> list[str]:
    """Return the versions that a folder holds.

    :param folder: a folder with a built site in a folder for each version.
    :returns: the releases, the newest first, then :data:`LATEST`.
    :raises EditionsError: if there is none, or a folder is named like none.
    """
    releases, latest = [], []
    for path in folder.iterdir() if folder.is_dir() else ():
        if not (path / "index.html").is_file():
            continue
        if path.name == LATEST:
            latest = [LATEST]
            continue
        try:
            releases.append((Version(path.name), path.name))
        except InvalidVersion as error:
            raise EditionsError(f"{path} is not named after a version, such as 1.0, or {LATEST}.") from error
    found = [name for _, name in sorted(releases, reverse=True)] + latest
    if not found:
        raise EditionsError(f"There is no built site in a folder below {folder}.")
    return found


def newest(names: Sequence[str]) -> str:
    """Tell to which version a reader is led who asks for none.

    :param names: what :func:`editions` returns.
    :returns: the newest release that is final; without one the last state of the project, or what there is.
    """
    final = [name for name in names if name != LATEST and not Version(name).is_prerelease]
    return (final or [name for name in names if name == LATEST] or list(names))[0]


def front_page(title: str, name: str) -> str:
    """Write the page that leads to a version.

    :param title: the project's name.
    :param name: the version.
    """
    link = (
        f'<p><a href="{name}/index.html">Read version {name}</a>, or <a href="versions.html">another</a>.</p>'
    )
    # The address without index.html would do on a server, but not from a disk.
    head = f'<meta http-equiv="refresh" content="0; url={name}/index.html">\n'
    return _PAGE.format(title=html.escape(title), head=head, body=link)


def list_page(title: str, names: Sequence[str]) -> str:
    """Write the page that lists all versions.

    :param title: the project's name.
    :param names: the versions, in the order in which they are listed.
    """
    said = {LATEST: "latest, which is not released yet", newest(names): f"{newest(names)}, the newest"}
    items = [f'<li><a href="{name}/index.html">{said.get(name, name)}</a></li>' for name in names]
    body = "\n".join(["<p>Each version was executed with what it pins.</p>", "<ul>", *items, "</ul>"])
    return _PAGE.format(title=html.escape(f"{title}: all versions"), head="", body=body)


def shelve(folder: Path, title: str) -> list[str]:
    """Write what surrounds the versions.

    :param folder: the folder that holds them.
    :param title: the project's name.
    :returns: the versions.
    :raises EditionsError: if there is none, or a folder is named like none.
    """
    names = editions(folder)
    write_if_changed(folder / "index.html", front_page(title, newest(names)).encode())
    write_if_changed(folder / "versions.html", list_page(title, names).encode())
    # What a host shows for an address that isn't there. Its links begin at the root of the server.
    lost = folder / newest(names) / "404.html"
    if lost.is_file():
        shutil.copyfile(lost, folder / "404.html")
    return names


def add(site: Path, version: str, folder: Path, title: str) -> list[str]:
    """Put a built site beside its other versions, in place of an older build of the same version.

    :param site: the folder of the built site.
    :param version: the version, which names its folder.
    :param folder: the folder that holds all versions; it is made if need be.
    :param title: the project's name.
    :returns: all versions.
    :raises EditionsError: if there is no built site, or that is no version.
    """
    if not (site / "index.html").is_file():
        raise EditionsError(f"There is no built site in {site}. Build it with nox -s site.")
    if version != LATEST:
        try:
            Version(version)
        except InvalidVersion as error:
            raise EditionsError(f"{version!r} is no version. Write one such as 1.0, or {LATEST}.") from error
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / version
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as scratch:
        shutil.copytree(site, Path(scratch) / "new")
        if target.exists():
            target.rename(Path(scratch) / "old")
        (Path(scratch) / "new").rename(target)
    # Code hosts would otherwise leave out every folder whose name starts with an underscore.
    (folder / ".nojekyll").touch()
    return shelve(folder, title)


# -- A branch -----------------------------------------------------------------------------------------------


def _git(repository: Path, *arguments: str, folder: Path | None = None) -> str:
    """Run git on a clone; with a folder, as if that were its working tree, with an index beside it."""
    git_dir = ["--git-dir", str(repository / ".git")]
    environment = dict(os.environ)
    if folder:
        git_dir += ["--work-tree", str(folder)]
        environment["GIT_INDEX_FILE"] = str(folder.with_suffix(".index"))
    done = subprocess.run(
        ["git", *git_dir, *arguments],
        cwd=folder or repository,
        env=environment,
        check=False,
        text=True,
        capture_output=True,
    )
    if done.returncode:
        raise EditionsError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def add_to_branch(
    site: Path, version: str, repository: Path, remote: str, branch: str, title: str
) -> list[str]:
    """Put a built site beside the versions on a branch, and push it. Nothing else in the clone changes.

    :param site: the folder of the built site.
    :param version: the version.
    :param repository: a clone.
    :param remote: the name or address of the repository to which the branch belongs.
    :param branch: the branch; it is made if need be.
    :param title: the project's name.
    :returns: all versions.
    :raises EditionsError: if git refuses, or somebody else pushed at the same time.
    """
    listed = _git(repository, "ls-remote", remote, f"refs/heads/{branch}").split()
    before = listed[0] if listed else ""
    with tempfile.TemporaryDirectory(prefix="editions-") as scratch:
        folder = Path(scratch) / "all"
        folder.mkdir()
        if before:
            _git(repository, "fetch", "--quiet", "--depth=1", remote, before)
            _git(repository, "read-tree", before, folder=folder)
            _git(repository, "checkout-index", "--all", folder=folder)
        names = add(site, version, folder, title)
        _git(repository, "add", "--all", "--force", ".", folder=folder)
        tree = _git(repository, "write-tree", folder=folder)
        commit = _git(repository, "commit-tree", tree, "-m", f"All versions: {', '.join(names)}")
        # Refused if somebody else has pushed meanwhile, so that no version gets lost.
        lease = f"--force-with-lease=refs/heads/{branch}:{before}"
        _git(repository, "push", "--quiet", lease, remote, f"{commit}:refs/heads/{branch}")
    return names


# -- The command --------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    :param arguments: the command line without the program's name; by default this process's own.
    :returns: the exit status: 0 if all is there, 1 if not.
    """
    parser = argparse.ArgumentParser(prog="python -m editions", description="Put versions side by side.")
    parser.add_argument("site", type=Path, help="folder of the built site")
    parser.add_argument("version", help=f"such as 1.0, or {LATEST}")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--into", type=Path, metavar="FOLDER", help="folder that holds all versions")
    where.add_argument("--remote", help="repository that holds them on a branch, such as origin")
    parser.add_argument("--branch", default="pages", help="that branch (default: pages)")
    parser.add_argument("--title", default="Media storage, live", help="the project's name")
    options = parser.parse_args(arguments)
    try:
        if options.into:
            names = add(options.site, options.version, options.into, options.title)
        else:
            names = add_to_branch(
                options.site, options.version, Path.cwd(), options.remote, options.branch, options.title
            )
    except EditionsError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Side by side: {', '.join(names)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
