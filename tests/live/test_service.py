"""A service runs beside each notebook, and is gone with it, whatever happens."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from live import service
from live.__main__ import main
from live.execute import Execution, Store, execute_all
from live.forked import runner_for
from live.notebook import NotebookError
from live.runner import Environment, run
from tests.live.conftest import FRONT_MATTER, Project

ENGINE = Path(service.__file__).parents[1]
FRONT = FRONT_MATTER.replace("default", "served")

# It says in a log, outside of the project, when it starts and when it ends.
SERVICE = """\
import json, os, sys

sys.path.insert(0, os.path.dirname(__file__))
import greeting

with open({log!r}, "a") as log:
    print("starts", os.getpid(), file=log, flush=True)
    print(json.dumps({{"GREETING": greeting.TEXT, "SERVICE": str(os.getpid())}}), flush=True)
    sys.stdin.read()
    print("ends", os.getpid(), file=log)
"""


class Served:
    """A project whose notebooks run in an environment with a service."""

    def __init__(self, project: Project, log: Path) -> None:
        self.project = project
        self.log = log
        project.file("servers/greeting.py", "TEXT = 'hello'\n")
        self.service(SERVICE.format(log=str(log)))

    def service(self, script: str) -> None:
        """Write the service's script."""
        self.project.file("servers/service.py", script)

    def write(self, name: str, *cells: str) -> None:
        """Write a notebook of the environment."""
        self.project.write(name, *cells, front=FRONT)

    @property
    def environment(self) -> Environment:
        """The environment with its service."""
        return Environment("served", service="servers/service.py")

    def execute(self, runner: Any = run) -> tuple[dict[str, Execution], list[NotebookError]]:
        """Execute what is stale."""
        store = Store(self.project.store)
        return execute_all(
            self.project.read(), store, self.project.root, self.environment, progress=False, runner=runner
        )

    def fault(self) -> str:
        """Execute, and give the reason of the one error that there is."""
        executions, [error] = self.execute()
        assert executions == {}
        return error.reason

    def logged(self, word: str) -> list[int]:
        """Give the numbers of the services of which the log says this."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [int(line.split()[1]) for line in lines if line.startswith(word)]


@pytest.fixture
def served(project: Project, tmp_path: Path) -> Served:
    return Served(project, tmp_path / "log")


def printed(execution: Execution) -> list[str]:
    return ["".join(output["text"] for output in cell) for cell in execution.outputs]


PRINT = "import os\nprint(os.environ['GREETING'], os.environ['SERVICE'])"


@pytest.mark.parametrize("way", ["kernels", "forks"])
def test_each_notebook_has_a_service_of_its_own_and_its_variables(served, way):
    for name in ("a", "b"):
        served.write(name, PRINT, PRINT)
    served.project.file("warm_up.py", "import json\n")
    warm_up = served.project.root / "warm_up.py" if way == "forks" else None
    with runner_for(served.environment, warm_up, served.project.root) as runner:
        executions, errors = served.execute(runner)
    assert errors == []
    started = served.logged("starts")
    assert len(set(started)) == 2
    assert sorted(served.logged("ends")) == sorted(started)
    said = [printed(executions[name]) for name in ("a", "b")]
    assert sorted(said) == sorted([[f"hello {pid}\n"] * 2 for pid in started])


def test_no_service_starts_where_nothing_is_stale_or_none_is_named(served):
    served.write("a", "print(1)")
    served.execute()
    assert len(served.logged("starts")) == 1
    assert served.execute()[1] == []
    served.project.write("b", "import os\nprint('GREETING' in os.environ)")
    executions, _ = execute_all(
        served.project.read(), Store(served.project.store), served.project.root, progress=False
    )
    assert printed(executions["b"]) == ["False\n"]
    assert len(served.logged("starts")) == 1


def test_the_service_ends_after_a_notebook_that_fails(served):
    served.write("a", "1 / 0")
    assert "ZeroDivisionError" in served.fault()
    assert served.logged("ends") == served.logged("starts") != []


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("servers/greeting.py", "TEXT = 'good day'\n", "servers/greeting.py changed"),
        ("servers/service.py", SERVICE.format(log=os.devnull), "servers/service.py changed"),
    ],
)
def test_an_edit_of_the_services_code_makes_executions_stale(served, file, text, reason):
    served.write("a", "print('no word of it')")
    served.execute()
    store, [notebook] = Store(served.project.store), served.project.read()
    assert store.stale(notebook, served.environment, served.project.root) == []
    served.project.file(file, text)
    assert store.stale(notebook, served.environment, served.project.root) == [reason]


def test_another_service_makes_executions_stale(served):
    served.write("a", "print('no word of it')")
    served.execute()
    [notebook] = served.project.read()
    without = Environment("served")
    reasons = Store(served.project.store).stale(notebook, without, served.project.root)
    assert reasons == ["the kernel's settings changed"]


def test_what_the_service_gave_is_kept_nowhere(served):
    served.project.file("servers/greeting.py", "TEXT = 'top' + '-secret'\n")
    served.write("a", "import os\nprint(len(os.environ['GREETING']))")
    executions, errors = served.execute()
    assert (printed(executions["a"]), errors) == (["10\n"], [])
    assert "top-secret" not in (served.project.store / "served/a.ipynb").read_text()
    assert "secret" not in repr(Environment(variables={"DSN": "secret"}))


# -- What may go wrong --------------------------------------------------------------------------------------

NAMED = "The service servers/service.py of the environment served "


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import sys\nsys.exit('The disk is full.')", "ended with exit status 1: The disk is full."),
        ("import sys, nothing", "ended with exit status 1: ModuleNotFoundError: No module named 'nothing'"),
        ("import os\nos.abort()", "ended by SIGABRT: It said nothing."),
        ("pass", "ended with exit status 0: It said nothing."),
    ],
)
def test_a_service_that_does_not_start_is_told_with_its_last_words(served, script, said):
    served.service(script)
    served.write("a", "print(1)")
    assert served.fault() == NAMED + said


@pytest.mark.parametrize(
    "line", ["DSN=top-secret", '["top-secret"]', '{"DSN": ["top-secret"]}', "top-secret" * 10_000]
)
def test_what_is_no_set_of_variables_is_refused_and_not_quoted(served, line):
    served.service(f"import sys\nprint({line!r}, flush=True)\nsys.stdin.read()")
    served.write("a", "print(1)")
    reason = served.fault()
    assert reason.startswith(f"{NAMED}printed something else than a JSON object")
    assert "secret" not in reason


def test_a_service_that_is_never_ready_is_given_up(served, monkeypatch):
    monkeypatch.setattr(service, "PATIENCE", 1)
    served.service("import sys\nprint('Still waiting.', file=sys.stderr, flush=True)\nsys.stdin.read()")
    served.write("a", "print(1)")
    assert served.fault() == f"{NAMED}was not ready within 1 seconds. Still waiting."


def test_a_service_that_does_not_end_is_killed_with_what_it_started(served, monkeypatch, tmp_path):
    monkeypatch.setattr(service, "PATIENCE", 2)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    served.service(
        "import subprocess, sys, time\n"
        f"subprocess.Popen(['sleep', '600'], stdout=open({str(pipe)!r}, 'w'))\n"
        "print('{}', flush=True)\ntime.sleep(600)"
    )
    served.write("a", "print(1)")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert served.execute()[1] == []
    assert select.select([reader], [], [], 60)[0]
    assert os.read(reader, 100) == b"", "what the service started still runs"


def test_a_service_that_ends_early_explains_why_a_cell_failed(served):
    served.service(
        "import json, os, sys\nprint(json.dumps({'PID': str(os.getpid())}), flush=True)\n"
        "print('Out of memory.', file=sys.stderr)\nsys.exit(3)"
    )
    served.write("a", "import os\nwhile True:\n    os.kill(int(os.environ['PID']), 0)  # until it is gone")
    assert served.fault() == f"{NAMED}ended with exit status 3: Out of memory."


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_service_ends_when_the_engine_does(served, tmp_path, number):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # The service holds the pipe open: the pipe's end is the service's.
    served.service(
        f"import json, sys\npipe = open({str(pipe)!r}, 'w')\nprint('here', file=pipe, flush=True)\n"
        f"print(json.dumps({{'PIPE': {str(pipe)!r}}}), flush=True)\n"
        "sys.stdin.read()\nprint('ended', file=pipe)"
    )
    served.write("a", "import os\nprint('cell', file=open(os.environ['PIPE'], 'w'))\nwhile True: pass")
    command = [sys.executable, "-m", "live", "verify", "--environment=served", "--service=servers/service.py"]
    command += [f"--root={served.project.root}", f"--notebooks={served.project.notebooks}"]
    command += [f"--store={served.project.store}"]
    variables = {**os.environ, "PYTHONPATH": str(ENGINE)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # A shell's background job ignores Ctrl-C, and hands that down to its children.
    listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(command, env=variables, text=True, process_group=0, preexec_fn=listen, **pipes)
    with pipe.open() as reader:
        assert reader.readline() == "here\n"
        assert reader.readline() == "cell\n"
        # As a terminal does, which sends it to all programs in front.
        os.killpg(process.pid, number)
        _, said = process.communicate(timeout=60)
        assert reader.read() == "ended\n", "it was hit as well"
    assert said.startswith("starting servers/service.py for a\nexecuting a\n")
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "Traceback" not in said


# -- Command line -------------------------------------------------------------------------------------------


def test_verify_and_accept_take_a_service(served, monkeypatch, capsys):
    served.write("a", "import os\nprint(os.environ['GREETING'])")
    monkeypatch.chdir(served.project.root)
    arguments = ["--environment=served", "--service=servers/service.py"]
    assert main(["accept", *arguments]) == 0
    assert capsys.readouterr().err == "starting servers/service.py for a\nexecuting a\n"
    record = (served.project.root / "examples/expected/served/a.txt").read_text()
    assert "| hello\n" in record
    assert main(["verify", *arguments]) == 0
    with pytest.raises(SystemExit):
        main(["verify", "--environment=served", "--service=servers/nothing.py"])
    assert "There is no script servers/nothing.py in " in capsys.readouterr().err
