from __future__ import annotations

import asyncio
import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from dataclasses import replace as replace_fields
from functools import partial
from pathlib import Path

import psutil
import pytest

from live import kernel
from live.execute import Execution, Store, execute_all, write_atomically
from live.forked import runner_for
from live.runner import Environment, Run, place
from tests.live.conftest import FRONT_MATTER, Project

ONE_SECOND = FRONT_MATTER.replace("60", "1")
ENGINE = Path(kernel.__file__).parents[1]
# Where a project of these tests has its packages.
INSTALLED = "build/site-packages"


class Spy:
    """A runner that executes nothing and remembers what it was asked to."""

    def __init__(self):
        self.names = []

    async def __call__(self, notebook, environment, root, scratch, skip):
        self.names.append(notebook.name)
        return Run(tuple([] for _ in notebook.cells), {})


def default_of(project: Project) -> Environment:
    """Give a project's default environment, in which what it has pinned counts."""
    lock = project.root / "requirements.txt"
    return Environment(lock=lock if lock.exists() else None)


def server_of(project: Project) -> Environment:
    """Give a project's environment with a server, whose version counts there."""
    return Environment("server", lock=project.root / "server.txt")


def executed(project: Project, environment: Environment | None = None) -> list[str]:
    """Tell which notebooks would be executed now, without doing it."""
    environment = environment or default_of(project)
    spy = Spy()
    execute_all(project.read(), Store(project.store), project.root, environment, progress=False, runner=spy)
    return spy.names


def texts(execution: Execution) -> list[str]:
    """Give what the cells printed on standard output."""
    return ["".join(out.text for out in cell if out.get("name") == "stdout") for cell in execution.outputs]


# -- One execution of many notebooks, most of which fail -----------------------------------------------------


@pytest.fixture(scope="module", params=["kernels", "forks"])
def outcome(request, make_project, tmp_path_factory):
    """Execute notebooks of every kind, once for all tests that look at the outcome, in both ways."""
    project = make_project()
    project.file("warm_up.py", "import json\n")
    pipe = tmp_path_factory.mktemp("pipe") / "pipe"
    os.mkfifo(pipe)
    # These two come first. Each waits for the other at its end of the pipe.
    project.write("a-speaks", f"with open({str(pipe)!r}, 'w') as pipe:\n    print('hello', file=pipe)")
    project.write("b-listens", f"with open({str(pipe)!r}) as pipe:\n    print(pipe.read().strip())")
    project.write(
        "good",
        "import sys\nprint('one', flush=True)\nprint('warned', file=sys.stderr, flush=True)\nprint('two')",
        "print('before')\ndisplay({'text/plain': 'shown'}, raw=True)\nprint('after')\n6 * 7",
        ":raises: KeyError\n:tags: [raises-exception]\nprint('first')\n{}['key']",
        "print('behind')",
        "handle = display('old', display_id=True)",
        "handle.update('new')",
    )
    project.write(
        "surroundings",
        "import json, os, sys\nprint(json.dumps(dict(os.environ)))",
        "print(json.dumps([os.getcwd(), sys.path, sys.argv, os.listdir(os.environ['HOME'])]))",
    )
    project.write(
        "goes-out",
        "import socket\nfriend = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(('localhost', friend.getsockname()[1])).close()\nprint('here')",
        ":raises: ConnectionRefusedError\n:tags: [raises-exception]\n"
        "socket.create_connection(('example.com', 80), timeout=1)",
        ":raises: ConnectionRefusedError\n:tags: [raises-exception]\n"
        "socket.create_connection(('192.0.2.1', 80), timeout=1)",
        ":raises: ConnectionRefusedError\n:tags: [raises-exception]\n"
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'.', ('192.0.2.2', 53))",
    )
    project.write("fails", "x = 0", ":name: divide\n\ny = 1\nprint(y)\ny / x  # here\n", "print('never')")
    project.write("fails-inside", "def f():\n    return {}[1]", "a = 1\nf()")
    project.write("fails-twice", "try:\n    1 / 0\nexcept ZeroDivisionError:\n    int('x')")
    project.write("fails-to-parse", "a = 1\nb = = 2")
    project.write("exits", "import sys\nsys.exit('enough')")
    project.write("asks", "input()")
    project.write("raises-nothing", ":raises: KeyError\n:tags: [raises-exception]\n1")
    project.write("raises-other", ":raises: LookupError\n:tags: [raises-exception]\n1\n{}['key']")
    busy = "import time\nend = time.monotonic() + 30\nwhile time.monotonic() < end:\n    pass"
    project.write("too-slow", f":name: busy\n{busy}", front=ONE_SECOND)
    project.write("dies", "print(1)", ":name: die\nimport os\nos._exit(3)")
    project.write("killed", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    # The first of these two waits until the second has left its file. Neither is charged with the other's.
    left = pipe.with_name("left")
    os.mkfifo(left)
    project.write(
        "leaves-by-program",
        f"import os\nopen({str(left)!r}).read()\nos.system('echo > by-program.txt')",
    )
    project.write(
        "leaves-file",
        f"open('left.txt', 'w').close()\nopen({str(left)!r}, 'w').close()",
        "import os\nopen('gone.txt', 'w').close()\nos.remove('gone.txt')",
    )
    project.file("examples/shared.txt", "old")
    project.write(
        "leaves-database",
        "import sqlite3\nwith sqlite3.connect('../left.db') as base:\n    base.execute('create table t (a)')",
    )
    project.write("changes-file", "with open('../shared.txt', 'a') as file:\n    print('new', file=file)")
    project.write("elsewhere", "1", front=FRONT_MATTER.replace("default", "django-4.2"))
    children = psutil.Process().children(recursive=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "of-this-machine")
        patch.setenv("AWS_PROFILE", "of-this-machine")
        patch.setenv("HTTPS_PROXY", "http://proxy.example")
        patch.setenv("DEFAULT_STORAGE_DSN", "s3://key:secret@bucket.s3.amazonaws.com/")
        warm_up = project.root / "warm_up.py" if request.param == "forks" else None
        with runner_for(Environment(), warm_up, project.root) as runner:
            executions, errors = execute_all(
                project.read(), Store(project.store), project.root, jobs=2, progress=False, runner=runner
            )
    left = [child for child in psutil.Process().children(recursive=True) if child not in children]
    return project, executions, {error.path.stem: error for error in errors}, left


GOOD = ["a-speaks", "b-listens", "goes-out", "good", "surroundings"]


def test_every_notebook_has_its_turn(outcome):
    project, executions, errors, _ = outcome
    assert list(executions) == GOOD
    assert sorted([*executions, *errors, "elsewhere"]) == sorted(
        path.stem for path in project.notebooks.glob("*.md")
    )


def test_notebooks_run_side_by_side(outcome):
    assert texts(outcome[1]["b-listens"]) == ["hello\n"]


def test_outputs_are_kept_cell_by_cell_and_in_order(outcome):
    outputs = outcome[1]["good"].outputs
    kinds = [[out.get("name") or out.output_type for out in cell] for cell in outputs]
    assert kinds == [
        ["stdout", "stderr"],
        ["stdout", "display_data", "stdout", "execute_result"],
        ["stdout", "error"],
        ["stdout"],
        ["display_data"],
        [],
    ]
    assert outputs[0][0].text == "one\ntwo\n"
    assert outputs[1][3] == {
        "output_type": "execute_result",
        "execution_count": 2,
        "data": {"text/plain": "42"},
        "metadata": {},
    }
    assert (outputs[2][1].ename, outputs[2][1].evalue) == ("KeyError", "'key'")
    assert outputs[4][0].data["text/plain"] == "'new'"


def test_nothing_that_differs_from_run_to_run_is_stored(outcome):
    project, executions, _, _ = outcome
    document = json.loads((project.store / "default/good.ipynb").read_text())
    assert {key for cell in document["cells"] for key in cell} == {
        "cell_type",
        "execution_count",
        "metadata",
        "outputs",
        "source",
    }
    assert all(cell["metadata"] == {} for cell in document["cells"])
    assert "transient" not in json.dumps(document)
    assert executions["good"].seconds > 0


def test_kernel_sees_nothing_of_this_machines_accounts(outcome):
    variables = json.loads(texts(outcome[1]["surroundings"])[0])
    assert {name for name in variables if name.startswith("AWS_")} == {
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_EC2_METADATA_DISABLED",
    }
    assert variables["AWS_EC2_METADATA_DISABLED"] == "true"
    assert variables["PYTHONHASHSEED"] == "0"
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "IPYTHONDIR", "HOME"):
        assert not Path(variables[name]).is_relative_to(Path.home())
    assert "DEFAULT_STORAGE_DSN" not in variables
    assert "proxy.example" not in str(variables)
    assert not Path(variables["HOME"]).exists()


def test_a_cell_reaches_this_machine_only(outcome):
    here, *elsewhere = outcome[1]["goes-out"].outputs
    assert here[0].text == "here\n"
    hosts = ("example.com", "192.0.2.1", "192.0.2.2")
    for [error], host in zip(elsewhere, hosts, strict=True):
        assert error.evalue.endswith(f"may reach this machine only, and this asked for {host}.")


def test_outputs_name_the_temporary_folder_as_most_machines_call_it(outcome):
    assert json.loads(texts(outcome[1]["surroundings"])[0])["TMPDIR"] == "/tmp"


def test_kernel_runs_as_in_jupyterlab(outcome):
    project, executions, _, _ = outcome
    folder, search, arguments, home = json.loads(texts(executions["surroundings"])[1])
    assert Path(folder) == project.notebooks
    assert str(ENGINE) not in search
    assert str(ENGINE / "live") not in search
    assert arguments[1] == "-f"
    assert set(home) <= {"ipython"}


@pytest.mark.parametrize(
    ("name", "line", "cell", "reason"),
    [
        (
            "fails",
            18,
            "divide",
            "The cell fails in the line `y / x  # here`. It raised ZeroDivisionError: division by zero",
        ),
        ("fails-inside", 15, "2", "The cell fails in the line `f()`. It raised KeyError: 1"),
        (
            "fails-twice",
            12,
            "1",
            "The cell fails in the line `int('x')`. "
            "It raised ValueError: invalid literal for int() with base 10: 'x'",
        ),
        ("fails-to-parse", 10, "1", "The cell fails in the line `b = = 2`. It raised SyntaxError: "),
        ("exits", 8, "1", "The cell fails. It raised SystemExit: enough"),
        ("asks", 9, "1", "The cell fails in the line `input()`. It raised StdinNotImplementedError: "),
        ("raises-nothing", 8, "1", "The cell raises nothing. It must raise KeyError."),
        (
            "raises-other",
            12,
            "1",
            "The cell fails in the line `{}['key']`. It must raise LookupError. It raised KeyError: 'key'",
        ),
        ("too-slow", 8, "busy", "The cell took longer than 1 seconds and was stopped."),
        ("dies", 12, "die", "The kernel ended with exit status 3 while the cell ran."),
        ("killed", 8, "1", "The kernel ended by SIGKILL while the cell ran."),
        (
            "leaves-file",
            1,
            None,
            "The notebook must leave no trace, but examples/notebooks/left.txt was left behind. ",
        ),
        (
            "leaves-by-program",
            1,
            None,
            "The notebook must leave no trace, but examples/notebooks/by-program.txt was left behind. ",
        ),
        (
            "leaves-database",
            1,
            None,
            "The notebook must leave no trace, but examples/left.db was left behind. ",
        ),
        (
            "changes-file",
            1,
            None,
            "The notebook must leave no trace, but examples/shared.txt was changed. ",
        ),
    ],
)
def test_a_failure_names_file_line_cell_and_reason(outcome, name, line, cell, reason):
    error = outcome[2][name]
    assert (error.path.name, error.line, error.cell) == (f"{name}.md", line, cell)
    assert error.reason.startswith(reason)


def test_of_chained_exceptions_the_last_one_gives_the_line(project):
    """Some versions of IPython give each of them a line of its own."""
    project.write("a", "try:\n    1 / 0\nexcept ZeroDivisionError:\n    int('x')")
    [cell] = project.read()[0].cells
    traceback = (
        "ZeroDivisionError\nCell \x1b[32mIn[1]\x1b[39m, line 2\nZeroDivisionError: division by zero\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        "ValueError\nCell In[1], line 4\nCell In[1], line 1\nValueError: x"
    )
    assert place(cell, {"traceback": traceback.split("\n")}) == (12, "int('x')")


def test_failed_executions_are_not_stored(outcome):
    assert sorted(path.stem for path in outcome[0].store.rglob("*.ipynb")) == GOOD


def test_no_kernel_is_left_behind(outcome):
    assert outcome[3] == []


# -- What makes an execution stale ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(make_project):
    """Execute, once, notebooks that each use other files."""
    project = make_project()
    project.file("lib/shop/__init__.py", "")
    project.file("lib/shop/prices.py", "PRICE = 1\n")
    project.file("lib/shop/parts/one.txt", "1")
    project.file("examples/data.txt", "some data")
    path = "import sys\nsys.path.append('../../lib')\n"
    project.write("imports", path + "from shop.prices import PRICE", ":name: show\nprint(PRICE)")
    project.file("lib/space/part.py", "")
    project.write("late", path + "def f():\n    import shop.prices, space.part\nf()")
    project.write("lists", "import os\nprint(sorted(os.listdir('../../lib/shop/parts')))")
    project.write("misses", "try:\n    open('../local.txt')\nexcept FileNotFoundError:\n    print('none')")
    project.write("plain", "import importlib.metadata\nimportlib.metadata.version('ipykernel')")
    project.write("reads", "print(open('../data.txt').read())")
    project.write("tries", path + "try:\n    import extras\nexcept ImportError:\n    print('none')")
    project.file("templates/base.html", "<b>{% block text %}{% endblock %}</b>")
    project.file("templates/card.html", "{% extends 'base.html' %}{% block text %}old{% endblock %}")
    engine = "from django.template import Engine\n"
    project.write("renders", engine + "print(Engine(dirs=['../../templates']).render_to_string('card.html'))")
    served = FRONT_MATTER.replace("[default]", "[server]")
    project.write("serves", "print(open('../data.txt').read())", front=served)
    for lock, package in (("requirements.txt", "library"), ("server.txt", "demo-server")):
        project.file(lock, f"{package}==1.0\n")
        project.file(f"{INSTALLED}/{package}.dist-info/METADATA", f"Name: {package}\nVersion: 1.0\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(project.root / INSTALLED)
        for environment, count in ((default_of(project), 8), (server_of(project), 1)):
            executions, errors = execute_all(
                project.read(), Store(project.store), project.root, environment, progress=False
            )
            assert errors == []
            assert len(executions) == count
    return project


@pytest.fixture
def again(made, tmp_path, monkeypatch):
    """Give a copy of that project with its store, free to be changed, in another place."""
    shutil.copytree(made.root, tmp_path / "again")
    monkeypatch.syspath_prepend(tmp_path / "again" / INSTALLED)
    return Project(tmp_path / "again")


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def edit(path, old, new):
    return lambda project: replace(project.root / path, old, new)


def add(path):
    return lambda project: project.file(path, "")


def remove(path):
    return lambda project: (project.root / path).unlink()


def upgrade(lock, package):
    def change(project):
        replace(project.root / lock, "1.0", "1.1")
        replace(project.root / INSTALLED / f"{package}.dist-info/METADATA", "1.0", "1.1")

    return change


# The notebooks of the environment default.
DEFAULT = ("imports", "late", "lists", "misses", "plain", "reads", "renders", "tries")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda project: None, {}, id="nothing"),
        pytest.param(
            edit("examples/notebooks/imports.md", "# A title", "# Another\n\nMore words."), {}, id="prose"
        ),
        pytest.param(edit("examples/notebooks/imports.md", ":name: show", ":name: tell"), {}, id="name"),
        pytest.param(
            edit("examples/notebooks/imports.md", "print(PRICE)", "print( PRICE)"),
            {"imports": ["cell show changed"]},
            id="cell",
        ),
        pytest.param(
            edit("examples/notebooks/reads.md", "print", ":raises: E\n:tags: [raises-exception]\nprint"),
            {"reads": ["cell 1 changed"]},
            id="raises",
        ),
        pytest.param(
            edit("examples/notebooks/reads.md", "60", "61"), {"reads": ["time-out 60 → 61 s"]}, id="timeout"
        ),
        pytest.param(
            edit("lib/shop/prices.py", "1", "2"),
            {"imports": ["lib/shop/prices.py changed"], "late": ["lib/shop/prices.py changed"]},
            id="module",
        ),
        pytest.param(
            edit("templates/card.html", "old", "new"),
            {"renders": ["templates/card.html changed"]},
            id="template",
        ),
        pytest.param(
            edit("templates/base.html", "b>", "i>"),
            {"renders": ["templates/base.html changed"]},
            id="template of a template",
        ),
        pytest.param(
            edit("examples/data.txt", "some", "more"),
            {name: ["examples/data.txt changed"] for name in ("reads", "serves")},
            id="data",
        ),
        pytest.param(
            remove("examples/data.txt"),
            {name: ["examples/data.txt disappeared"] for name in ("reads", "serves")},
            id="removed",
        ),
        pytest.param(
            upgrade("requirements.txt", "library"),
            {name: ["library 1.0 → 1.1"] for name in DEFAULT},
            id="pin",
        ),
        pytest.param(
            upgrade("server.txt", "demo-server"),
            {"serves": ["demo-server 1.0 → 1.1"]},
            id="version of the server",
        ),
        pytest.param(add("examples/local.txt"), {"misses": ["examples/local.txt appeared"]}, id="appeared"),
        pytest.param(
            add("lib/extras/__init__.py"), {"tries": ["lib/extras appeared"]}, id="package appeared"
        ),
        pytest.param(add("lib/extras.py"), {"tries": ["lib/extras.py appeared"]}, id="module appeared"),
        pytest.param(
            add("examples/notebooks/shop.py"),
            {name: ["examples/notebooks/shop.py appeared"] for name in ("imports", "late")},
            id="module that comes first",
        ),
        pytest.param(
            add("lib/shop/prices/__init__.py"),
            {name: ["lib/shop/prices appeared"] for name in ("imports", "late")},
            id="package that comes first",
        ),
        pytest.param(
            add("lib/shop/parts/two.txt"), {"lists": ["lib/shop/parts/ changed"]}, id="file in listed folder"
        ),
        pytest.param(add("examples/notebooks/note.txt"), {}, id="file that nobody used"),
        pytest.param(
            add("lib/space/__init__.py"),
            {"late": ["lib/space/__init__.py appeared"]},
            id="namespace becomes a package",
        ),
        pytest.param(add("lib/shop/parts/__pycache__/a.pyc"), {}, id="cache"),
    ],
)
def test_a_change_executes_the_notebooks_concerned_and_no_other(again, change, expected):
    change(again)
    store, default, server = Store(again.store), default_of(again), server_of(again)
    stale = {
        book.name: store.stale(book, default if book.name in DEFAULT else server, again.root)
        for book in again.read()
    }
    assert {name: reasons for name, reasons in stale.items() if reasons} == expected
    assert executed(again, default) + executed(again, server) == sorted(expected)


def test_a_change_of_the_same_size_in_the_same_second_is_printed(again):
    """Python would trust its own cache of the module."""
    module = again.root / "lib/shop/prices.py"
    before = module.stat()
    subprocess.run([sys.executable, "-m", "compileall", "-q", module.parent], check=True)
    module.write_text("PRICE = 2\n")
    os.utime(module, ns=(before.st_atime_ns, before.st_mtime_ns))
    executions, errors = execute_all(
        again.read(), Store(again.store), again.root, default_of(again), progress=False
    )
    assert errors == []
    assert texts(executions["imports"]) == ["", "2\n"]
    assert executed(again) == []


def test_a_new_notebook_executes_alone(again):
    again.write("new", "1")
    assert executed(again) == ["new"]


def test_without_a_lock_file_every_package_counts(again):
    unpinned = Environment()
    assert len(executed(again, unpinned)) == len(DEFAULT)
    assert executed(again, unpinned) == []
    upgrade("server.txt", "demo-server")(again)
    [book, *_] = again.read()
    reasons = Store(again.store).stale(book, Environment(), again.root)
    assert reasons == ["demo-server 1.0 → 1.1"]


def test_with_a_lock_file_only_pinned_packages_count(again, tmp_path):
    lock = tmp_path / "requirements.txt"
    lock.write_text("# a comment\nnbclient==0.0 ; python_version > '3' \\\n    --hash=sha256:00\n")
    pinned = Environment(lock=lock)
    assert pinned.packages == {"nbclient": Environment().packages["nbclient"]}


def test_another_python_or_other_settings_execute_all(again, monkeypatch):
    monkeypatch.setattr("platform.python_version", lambda: "3.99.0")
    store, [book, *_] = Store(again.store), again.read()
    [reason] = store.stale(book, default_of(again), again.root)
    assert reason.endswith("→ 3.99.0")
    monkeypatch.undo()
    monkeypatch.syspath_prepend(again.root / INSTALLED)
    assert executed(again) == []
    other = replace_fields(default_of(again), variables={"DEFAULT_STORAGE_DSN": "s3://"})
    assert store.stale(book, other, again.root) == ["the kernel's settings changed"]
    assert len(executed(again, other)) == len(DEFAULT)


def test_files_are_those_that_a_page_can_depend_on(made, monkeypatch):
    store = Store(made.store)
    monkeypatch.syspath_prepend(made.root / INSTALLED)
    files = {}
    for book in [book for book in made.read() if book.name in DEFAULT]:
        execution = store.load(book, default_of(made), made.root)
        assert execution is not None
        files[book.name] = sorted(execution.files)
    assert files["imports"] == ["lib/shop/__init__.py", "lib/shop/prices.py"]
    assert files["reads"] == ["examples/data.txt"]
    assert files["lists"] == files["misses"] == files["plain"] == files["tries"] == []


# -- The store -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"[]",
        lambda data: b"{}",
        lambda data: b"\xff\xfe",
        lambda data: data.replace(b"some data", b"fake data", 1),
    ],
    ids=["cut off", "empty", "a list", "an object", "binary", "edited output"],
)
def test_a_damaged_file_is_stale(again, damage):
    path = again.store / "default/reads.ipynb"
    path.write_bytes(damage(path.read_bytes()))
    [book] = [book for book in again.read() if book.name == "reads"]
    store, environment = Store(again.store), default_of(again)
    assert store.load(book, environment, again.root) is None
    assert store.stale(book, environment, again.root) == ["its stored execution is damaged"]
    assert executed(again) == ["reads"]


def test_what_is_loaded_is_what_was_saved(project):
    project.write("a", "print('é')\n1")
    executions, _ = execute_all(project.read(), Store(project.store), project.root, progress=False)
    [book] = project.read()
    assert Store(project.store).load(book, Environment(), project.root) == executions["a"]
    assert texts(executions["a"]) == ["é\n"]


def test_what_is_stored_does_not_say_where_the_project_is(project):
    project.file("lib/shop.py", "def sell():\n    raise KeyError('sold out')\n")
    project.write(
        "a",
        "import sys\nsys.path.append('../../lib')\nimport shop",
        ":raises: KeyError\n:tags: [raises-exception]\nshop.sell()",
    )
    _, errors = execute_all(project.read(), Store(project.store), project.root, progress=False)
    assert errors == []
    stored = (project.store / "default/a.ipynb").read_text()
    assert "lib/shop.py" in stored
    assert str(project.root) not in stored


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*_):
        raise OSError("disk is full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk is full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


# -- Schedule and progress -----------------------------------------------------------------------------------


def test_no_more_run_than_jobs_allow(project):
    for number in range(6):
        project.write(f"n{number}", "1")
    running = []
    most = []

    async def runner(notebook, environment, root, scratch, skip):
        running.append(notebook.name)
        most.append(len(running))
        for _ in range(10):
            await asyncio.sleep(0)
        running.remove(notebook.name)
        return Run(([],), {})

    execute_all(project.read(), Store(project.store), project.root, jobs=3, progress=False, runner=runner)
    assert max(most) == 3


def test_progress_is_lines_where_there_is_no_terminal(project, capsys):
    project.write("a", "1")
    project.write("b", "1")
    arguments = project.read(), Store(project.store), project.root
    execute_all(*arguments, runner=Spy())
    assert capsys.readouterr() == ("", "executing a\nexecuting b\n")
    execute_all(*arguments, runner=Spy())
    assert capsys.readouterr() == ("", "")


def test_progress_is_a_bar_on_a_terminal(project, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    project.write("first-notebook", "1")
    execute_all(project.read(), Store(project.store), project.root, runner=Spy())
    assert "first-notebook" in sys.stderr.getvalue()
    assert "1/1" in sys.stderr.getvalue()


def test_a_kernel_that_cannot_start_is_an_error(project):
    project.file("broken/ipykernel.py", "raise ImportError('no kernel here')")
    project.write("a", "1")
    environment = Environment(paths=("broken",))
    executions, [error] = execute_all(
        project.read(), Store(project.store), project.root, environment, progress=False
    )
    assert executions == {}
    assert error.reason == f"The kernel did not start with {sys.executable}: ImportError: no kernel here"


def test_another_interpreter_is_asked_for_its_packages(tmp_path):
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    here = Environment()
    there = Environment("other", python=str(python))
    assert there.version == here.version
    assert "pip" in there.packages or there.packages == here.packages


# -- Interrupted ---------------------------------------------------------------------------------------------


@pytest.fixture(params=["kernels", "forks"])
def interrupted(request, project, tmp_path):
    """Give a project whose second notebook never ends, and a function that runs it until that one runs.

    The second notebook's kernel holds a pipe open: the pipe's end is the kernel's.
    """
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    hang = tmp_path / "hang"
    hang.touch()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    project.write("a-quick", "print('done')")
    project.write(
        "b-slow",
        f"import os\nwhile os.path.exists({str(hang)!r}):\n"
        f"    pipe = open({str(pipe)!r}, 'w')\n    print('here', file=pipe, flush=True)\n"
        "    while True:\n        pass",
    )
    command = [sys.executable, "-m", "live", "execute", "--jobs=1", f"--root={project.root}"]
    command += [f"--notebooks={project.notebooks}", f"--store={project.store}"]
    if request.param == "forks":
        project.file("warm_up.py", "import json\n")
        command.append(f"--warm-up={project.root}/warm_up.py")
    variables = {**os.environ, "PYTHONPATH": str(ENGINE), "TMPDIR": str(temporary)}

    def start():
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # A shell's background job ignores Ctrl-C, and hands that down to its children.
        listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        process = subprocess.Popen(command, env=variables, text=True, preexec_fn=listen, **pipes)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        wait_for(reader, process)
        assert os.read(reader, 100) == b"here\n"
        return process, reader

    def finish():
        hang.unlink()
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)

    return project, start, finish, temporary


def wait_for(reader, process):
    """Wait until there is something to read, or the end."""
    ready, _, _ = select.select([reader], [], [], 60)
    if not ready:
        process.kill()
    assert ready


def test_a_killed_execution_is_followed_by_a_good_one(interrupted):
    project, start, finish, _ = interrupted
    process, reader = start()
    process.kill()
    process.communicate()
    wait_for(reader, process)
    assert os.read(reader, 100) == b"", "the kernel goes on without its parent"
    assert [path.name for path in project.store.rglob("*") if path.is_file()] == ["a-quick.ipynb"]
    done = finish()
    assert (done.returncode, done.stderr) == (0, "executing b-slow\n")
    assert executed(project) == []


def test_ctrl_c_kills_the_kernels_and_keeps_what_is_complete(interrupted):
    project, start, finish, temporary = interrupted
    process, reader = start()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said.splitlines()[-1]) == (130, "Interrupted. What was complete is kept.")
    assert "Traceback" not in said
    wait_for(reader, process)
    assert os.read(reader, 100) == b""
    assert list(temporary.iterdir()) == []
    assert [path.name for path in project.store.rglob("*") if path.is_file()] == ["a-quick.ipynb"]
    assert finish().returncode == 0
