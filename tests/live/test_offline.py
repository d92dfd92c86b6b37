"""Nothing that a build or a test runs reaches other machines or an AWS account: shown by trying."""

from __future__ import annotations

import errno
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ProxyConnectionError

from live import offline
from live.execute import Execution, Store, execute_all
from live.forked import runner_for
from live.runner import Environment

ENGINE = Path(offline.__file__).parents[1]
METADATA = "169.254.169.254"
CLOSED = "http://127.0.0.1:9"
# An address that is reserved for examples, at which there is nobody.
ELSEWHERE = "192.0.2.1"
SENTENCE = "Notebooks, builds and tests may reach this machine only"
SECRET = "the-owner's-secret"
CREDENTIALS = f"[owner]\naws_access_key_id = owner\naws_secret_access_key = {SECRET}\n"
# What tries to reach another machine past everything that Python programs heed.
PAST_PYTHON = f"""\
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
try:
    socket.create_connection(({ELSEWHERE!r}, 80), timeout=5)
except OSError as error:
    print(error.errno)
"""


@pytest.fixture
def website() -> Iterator[str]:
    """Serve something on this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"from this machine")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def owner(tmp_path_factory) -> Path:
    """Make a home folder with credentials."""
    home = tmp_path_factory.mktemp("owner")
    (home / ".aws").mkdir()
    (home / ".aws/credentials").write_text(CREDENTIALS)
    return home


@pytest.fixture(scope="module")
def unheld(owner) -> dict[str, str]:
    """Give the variables of a machine whose owner has an AWS account, before anything is held back."""
    ours = {*offline.variables(), *(name for name in os.environ if name.startswith("AWS_"))}
    variables = {name: value for name, value in os.environ.items() if name not in ours}
    variables |= {"HOME": str(owner), "AWS_PROFILE": "owner", "AWS_SECRET_ACCESS_KEY": SECRET}
    return variables | {"PYTHONPATH": str(ENGINE)}


def python(program: str, variables: dict[str, str] | None = None, *options: str) -> str:
    """Run a program in another Python and give what it printed."""
    command = [sys.executable, *options, "-c", program]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- The tests themselves ----------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [(ELSEWHERE, 80), (METADATA, 80), ("example.com", 443)])
def test_a_test_connects_to_this_machine_only(address):
    with pytest.raises(ConnectionRefusedError, match=f"{SENTENCE}, and this asked for {address[0]}"):
        socket.create_connection(address, timeout=1)


def test_a_test_looks_up_no_name():
    for look_up in (socket.gethostbyname, socket.gethostbyaddr, lambda name: socket.getaddrinfo(name, 80)):
        with pytest.raises(ConnectionRefusedError, match=SENTENCE):
            look_up("example.com")


@pytest.mark.parametrize("address", ["http://example.com", "https://example.com", f"http://{METADATA}/"])
def test_a_test_opens_no_page_but_of_this_machine(address, website):
    with pytest.raises(urllib.error.URLError, match=SENTENCE):
        urllib.request.urlopen(address)
    assert urllib.request.urlopen(website).read() == b"from this machine"


def test_a_test_finds_no_account_of_this_machine(monkeypatch):
    assert boto3.session.Session().get_credentials() is None
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    with pytest.raises(ProxyConnectionError, match=CLOSED):
        boto3.session.Session().get_credentials()


# -- Cells -------------------------------------------------------------------------------------------------

TRIES = {
    "socket": f"import socket\nsocket.create_connection(({ELSEWHERE!r}, 80), timeout=1)",
    "page": "import urllib.request\nurllib.request.urlopen('http://example.com')",
    "metadata": f"import urllib.request\nurllib.request.urlopen('http://{METADATA}/latest/meta-data/')",
    "credentials": "open(OWNER + '/.aws/credentials').read()",
    "link": "import os\nos.symlink(OWNER + '/.aws/credentials', 'notes')\nopen('notes').read()",
    "account of the machine": "import os, boto3\nos.environ['AWS_EC2_METADATA_DISABLED'] = 'false'\n"
    "try:\n    boto3.session.Session().get_credentials()\n"
    "finally:\n    os.environ['AWS_EC2_METADATA_DISABLED'] = 'true'",
    "profile": "import boto3\nboto3.session.Session(profile_name='owner')",
    "profile by its file": "os.environ['AWS_SHARED_CREDENTIALS_FILE'] = OWNER + '/.aws/credentials'\n"
    "try:\n    boto3.session.Session(profile_name='owner')\n"
    "finally:\n    del os.environ['AWS_SHARED_CREDENTIALS_FILE']",
}
TOLD = {
    "account": "import boto3\nprint(boto3.session.Session().get_credentials())",
    "python": "import subprocess, sys\n"
    f"program = \"import socket; socket.create_connection(('{ELSEWHERE}', 80), timeout=1)\"\n"
    "print(subprocess.run([sys.executable, '-c', program], capture_output=True, text=True).stderr)",
    "python that reads": "import subprocess, sys\n"
    "program = f'open({OWNER + \"/.aws/credentials\"!r})'\n"
    "print(subprocess.run([sys.executable, '-c', program], capture_output=True, text=True).stderr)",
    "curl": "import shutil, subprocess\n"
    "if shutil.which('curl'):\n"
    f"    command = ['curl', '--verbose', 'http://{METADATA}/']\n"
    "    done = subprocess.run(command, capture_output=True, text=True)\n"
    "    print(done.returncode, done.stderr)",
}


@pytest.fixture(scope="module", params=["kernels", "forks"])
def tried(request, make_project, owner) -> Execution:
    """Run a notebook whose cells try to get out, in both ways."""
    project = make_project()
    project.file("warm_up.py", "import json\n")
    cells = [f"import os, tempfile\nos.chdir(tempfile.mkdtemp())\nOWNER = {str(owner)!r}"]
    for code in TRIES.values():
        body = "\n".join(f"    {line}" for line in code.splitlines())
        cells.append(f"try:\n{body}\nexcept Exception as error:\n    print(type(error).__name__, error)")
    project.write("tries", *cells, *TOLD.values())
    warm_up = project.root / "warm_up.py" if request.param == "forks" else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVE_PRIVATE", str(owner / ".aws"))
        patch.setenv("AWS_PROFILE", "owner")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://{METADATA}/v2")
        with runner_for(Environment(), warm_up, project.root) as runner:
            executions, errors = execute_all(
                project.read(), Store(project.store), project.root, progress=False, runner=runner
            )
    assert errors == []
    return executions["tries"]


def printed(tried: Execution) -> dict[str, str]:
    """Give what each attempt printed, by its name."""
    texts = ["".join(output.get("text", "") for output in cell) for cell in tried.outputs]
    return dict(zip(["", *TRIES, *TOLD], texts, strict=True))


@pytest.mark.parametrize(
    ("attempt", "answer"),
    [
        ("socket", f"ConnectionRefusedError {SENTENCE}, and this asked for {ELSEWHERE}."),
        ("page", f"URLError <urlopen error {SENTENCE}.>"),
        ("metadata", f"URLError <urlopen error {SENTENCE}.>"),
        ("credentials", "PermissionError Notebooks, builds and tests may not read AWS credentials: "),
        ("link", "PermissionError Notebooks, builds and tests may not read AWS credentials: notes."),
        ("profile", "ProfileNotFound "),
        ("profile by its file", "ProfileNotFound "),
        ("account", "None\n"),
        ("account of the machine", f'ProxyConnectionError Failed to connect to proxy URL: "{CLOSED}"'),
        ("python", f"ConnectionRefusedError: {SENTENCE}, and this asked for {ELSEWHERE}."),
        ("python that reads", "PermissionError: Notebooks, builds and tests may not read AWS credentials: "),
    ],
)
def test_a_cell_cannot_get_out(tried, attempt, answer):
    assert answer in printed(tried)[attempt]


@pytest.mark.skipif(not shutil.which("curl"), reason="There is no curl on this machine.")
def test_a_program_that_heeds_proxies_cannot_get_out(tried):
    status, _, said = printed(tried)["curl"].partition(" ")
    assert int(status) != 0
    assert CLOSED in said


def test_no_cell_saw_the_secret(tried):
    assert SECRET not in json.dumps(tried.outputs)


# -- Other Pythons -----------------------------------------------------------------------------------------


def test_a_program_finds_nothing_of_the_fences_on_its_path():
    path = json.loads(python("import json, sys; print(json.dumps(sys.path))"))
    assert not [folder for folder in path if "startup" in folder]


def test_an_installations_own_sitecustomize_still_runs(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('its own')\n")
    variables = {**os.environ, **offline.variables(str(tmp_path))}
    refused = (
        f"import socket\ntry:\n    socket.gethostbyname({METADATA!r})\nexcept OSError as no:\n    print(no)"
    )
    said = python(refused, variables)
    assert said.startswith("its own\n")
    assert SENTENCE in said


def test_a_project_may_have_a_module_of_the_engines_name(project):
    project.file("examples/notebooks/live.py", "WHO = 'mine'\n")
    project.write("a", "import live\nprint(live.WHO)")
    executions, errors = execute_all(project.read(), Store(project.store), project.root, progress=False)
    assert errors == []
    assert executions["a"].outputs[0][0].text == "mine\n"


# -- The build ---------------------------------------------------------------------------------------------

CONF = f"""\
import os, socket, sys

extensions = ["live.sphinx"]

def attempt(app, docname, source):
    try:
        socket.create_connection(({ELSEWHERE!r}, 80), timeout=1)
    except OSError as error:
        print("said:", error)
    print("account:", os.environ.get("AWS_PROFILE"), os.environ.get("AWS_SECRET_ACCESS_KEY"))

def setup(app):
    app.connect("source-read", attempt)
"""


@pytest.mark.parametrize(("builder", "held_back"), [("html", True), ("text", True), ("linkcheck", False)])
def test_a_build_reaches_nothing_while_it_reads(tmp_path, unheld, builder, held_back):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "conf.py").write_text(CONF)
    (tmp_path / "index.rst").write_text("Title\n=====\n")
    command = [sys.executable, "-m", "sphinx", "-b", builder, tmp_path, tmp_path / "out"]
    done = subprocess.run(command, env=unheld, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (f"said: {SENTENCE}" in done.stdout) == held_back
    assert ("account: None None" in done.stdout) == held_back


# -- A network of their own --------------------------------------------------------------------------------


def test_no_program_leaves_a_network_of_its_own(unheld, owner):
    look = "import os; print(os.listdir(os.path.expanduser('~/.aws')))"
    program = f"""\
import json, subprocess, sys
from live import offline
offline.hold_back()
print(json.dumps(offline.leave_network([])), flush=True)
for program in ({PAST_PYTHON!r}, {look!r}):
    subprocess.run([sys.executable, "-I", "-c", program], check=True)
"""
    possible, number, files = python(program, unheld).splitlines()
    if not json.loads(possible):
        pytest.skip("This system gives no process a network of its own.")
    assert int(number) == errno.ENETUNREACH
    assert files == "[]"
    assert (owner / ".aws/credentials").read_text() == CREDENTIALS


def test_where_that_is_not_allowed_nothing_changes(unheld):
    program = """\
import ctypes
from live import offline

class Refusing:
    def __init__(self, *_, **__): pass
    def unshare(self, _): return -1

ctypes.CDLL = Refusing
print(offline.leave_network([]))
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
"""
    assert python(program, unheld) == "False\n"


def test_a_process_with_threads_stays_where_it_is(unheld):
    program = """\
import threading
from live import offline
done = threading.Event()
threading.Thread(target=done.wait).start()
print(offline.leave_network([]))
done.set()
"""
    assert python(program, unheld) == "False\n"
