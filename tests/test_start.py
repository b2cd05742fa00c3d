"""start.py, run as a learner runs it: real interpreters, real environments, real refusals of the system."""

import ast
import base64
import contextlib
import hashlib
import http.server
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import psutil
import pytest

from tests.support import without_network

ROOT = Path(__file__).resolve().parent.parent
START = ROOT / "start.py"
README = (ROOT / "README.md").read_text("utf-8")
BASE = getattr(sys, "_base_executable", sys.executable)
MINOR = f"python3.{sys.version_info[1]}"

# ---- what the tests stand on ----------------------------------------------------------------------------------------


def environment(**more):
    """This machine's environment without what would lead a child to this test run's own environment."""
    dropped = {"NBHELPERS_VENV", "PYTHONPATH", "VIRTUAL_ENV", "PYTEST_ADDOPTS"}
    return {name: value for name, value in os.environ.items() if name not in dropped} | more


def unreachable(index="http://127.0.0.1:9/simple", **more):
    """An environment in which pip has no source but `index`, at which nobody answers."""
    kept = {n: v for n, v in environment().items() if not n.startswith("PIP_") and not n.lower().endswith("_proxy")}
    return kept | {"PIP_INDEX_URL": index, "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "1"} | more


def start(folder, *arguments, python=BASE, env=None, timeout=110, **more):
    """Run start.py to its end; its output is text and never holds a traceback."""
    command = [python, Path(folder) / "start.py", *map(str, arguments)]
    done = subprocess.run(
        list(map(str, command)),
        env=env or unreachable(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
        **more,
    )
    assert "Traceback" not in done.stdout, done.stdout
    return done


def wheel(folder, name, version, files):
    """A real wheel, and the two lines of a lock that ask for it."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = dict(files)
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    rows = []
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in files.items():
            archive.writestr(inside, text)
            hashed = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            rows.append(f"{inside},sha256={hashed},{len(text.encode())}")
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,", ""]))
    return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


SHOWS_ITS_ARGUMENTS = 'import json, sys\nprint("ARGUMENTS " + json.dumps(sys.argv[1:]))\n'


def make_small_course(folder):
    """A course of one small package, installed by the real start.py: seconds instead of a minute."""
    (folder / "nbhelpers").mkdir(parents=True)
    (folder / "wheels").mkdir()
    shutil.copy(START, folder)
    (folder / "nbhelpers" / "__init__.py").write_text('"""Small."""\n__version__ = "1"\n')
    (folder / "nbhelpers" / "__main__.py").write_text(SHOWS_ITS_ARGUMENTS)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n'
        '[project]\nname = "nbhelpers"\ndynamic = ["version", "description"]\n'
    )
    flit = Path(importlib.util.find_spec("flit_core").origin).parent
    backend = {str(path.relative_to(flit.parent)): path.read_text("utf-8") for path in sorted(flit.rglob("*.py"))}
    lock = wheel(folder / "wheels", "flit_core", "3.99", backend)
    (folder / "requirements.lock").write_text(lock + wheel(folder / "wheels", "alpha", "1.0", {"alpha.py": "n = 1\n"}))
    tool = wheel(folder / "wheels", "pytest", "1.0", {"pytest.py": SHOWS_ITS_ARGUMENTS})
    (folder / "requirements-dev.lock").write_text((folder / "requirements.lock").read_text() + tool)
    writer = wheel(folder / "wheels", "gamma", "1.0", {"gamma.py": ""})
    (folder / "requirements-book.lock").write_text((folder / "requirements-dev.lock").read_text() + writer)
    (folder / "docs").mkdir()
    (folder / "docs" / "__main__.py").write_text(SHOWS_ITS_ARGUMENTS)
    return folder


@pytest.fixture
def course(tmp_path):
    return make_small_course(tmp_path / "course")


def make_python(folder, *, pip=True):
    """This interpreter as Debian ships it: with the whole library but `ensurepip`, and with or without pip."""
    code = "import sysconfig; print(sysconfig.get_path('stdlib'))"
    library = Path(subprocess.check_output([BASE, "-c", code], text=True).strip())
    mine = folder / "lib" / MINOR
    mine.mkdir(parents=True)
    for entry in library.iterdir():
        if entry.name not in {"ensurepip", "site-packages", "dist-packages", "EXTERNALLY-MANAGED", "__pycache__"}:
            (mine / entry.name).symlink_to(entry)
    python = folder / "bin" / MINOR
    python.parent.mkdir()
    shutil.copy(Path(BASE).resolve(), python)
    code = "import site, importlib.util as u; print(site.getsitepackages()[0]); print(u.find_spec('ensurepip'))"
    packages, ensurepip = subprocess.check_output([python, "-c", code], text=True).split()
    assert packages.startswith(str(folder))
    assert ensurepip == "None"
    Path(packages).mkdir(parents=True, exist_ok=True)
    if pip:
        shutil.copytree(pip_folder(), Path(packages) / "pip", ignore=shutil.ignore_patterns("__pycache__"))
    return python, Path(packages)


def pip_folder():
    """A whole pip, from this environment or the interpreter below it."""
    found = importlib.util.find_spec("pip")
    if found:
        return Path(found.origin).parent
    code = "import pip; print(pip.__file__)"
    return Path(subprocess.check_output([BASE, "-c", code], text=True).strip()).parent


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory):
    """A Python without ensurepip, whose own pip fills environments: the quickest there is."""
    return make_python(tmp_path_factory.mktemp("bare"))[0]


@contextlib.contextmanager
def listening(port=0):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen(50)
        yield taken.getsockname()[1]


def parts_of(output):
    """What a refusal says, by its three parts."""
    match = re.search(r"(?m)^(.+\.)\n(Seen: .+\.)\n(Next: .+\.)$", output)
    assert match, output
    return match.groups()


def arguments_of(output):
    return json.loads(re.search(r"(?m)^ARGUMENTS (.*)$", output).group(1))


# ---- interpreters that are too old ----------------------------------------------------------------------------------


def old_pythons():
    """Every interpreter of this machine that is older than 3.11 and really runs."""
    places = [Path(place) for place in os.environ.get("PATH", "").split(os.pathsep) if place]
    for versions in {os.environ.get("PYENV_ROOT", ""), str(Path.home() / ".pyenv")} - {""}:
        places += sorted(Path(versions).glob("versions/*/bin"))
    found = {}
    for place in places:
        for name in ["python2", "python2.7", *(f"python3.{minor}" for minor in range(11))]:
            if (place / name).exists():
                code = "import sys; print('%d.%d.%d' % tuple(sys.version_info[:3]))"
                told = subprocess.run([place / name, "-c", code], capture_output=True, text=True, check=False)
                if told.returncode == 0:
                    found.setdefault(told.stdout.strip(), place / name)
    return found


PRETENDING = (
    "import runpy, sys; sys.version_info = (3, 8, 99, 'final', 0); path = sys.argv[1]; sys.argv[:] = sys.argv[1:];"
    "runpy.run_path(path, run_name='__main__')"
)


def pretend(*arguments, env=None):
    """start.py under this interpreter, which says of itself that it is 3.8.99."""
    return subprocess.run(
        [BASE, "-c", PRETENDING, START, *arguments], capture_output=True, text=True, check=False, env=env
    )


@pytest.mark.fast
def test_nothing_in_the_file_is_newer_than_python_2_can_read():
    tree = ast.parse(START.read_text("ascii"), feature_version=(3, 6))
    newer = (
        ast.JoinedStr,
        ast.AnnAssign,
        ast.NamedExpr,
        ast.AsyncFunctionDef,
        ast.Nonlocal,
        ast.YieldFrom,
    )
    for node in ast.walk(tree):
        assert not isinstance(node, newer), f"line {node.lineno}"
        if isinstance(node, ast.FunctionDef):
            every = [*node.args.args, *node.args.posonlyargs, *node.args.kwonlyargs]
            assert not node.args.kwonlyargs, node.name
            assert not node.returns, node.name
            assert not any(argument.annotation for argument in every), node.name
        if isinstance(node, ast.Raise):
            assert node.cause is None, f"line {node.lineno}"


@pytest.mark.fast
def test_only_the_standard_library_is_imported():
    imported = set()
    for node in ast.walk(ast.parse(START.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.split(".")[0])
    assert imported <= set(sys.stdlib_module_names)


def test_an_older_interpreter_reads_one_sentence():
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    commands = {"3.8.99": [BASE, "-c", PRETENDING]} | {version: [python] for version, python in old_pythons().items()}
    told = {v: subprocess.Popen([*command, START, "--check"], **pipes) for v, command in commands.items()}
    for version, done in told.items():
        output, complaint = done.communicate(timeout=60)
        sentence, code = output.splitlines()
        seen = (
            rf"This course needs Python 3\.11 or newer, and this is Python {re.escape(version)} \(/.+\): (run|install)"
        )
        assert re.match(seen, sentence), sentence
        assert done.returncode == 1
        assert complaint == ""
        short = "".join(version.split(".")[:2])
        assert re.fullmatch(rf"Code for your presenter: nb-{short}-\w-y-[0-9a-f]{{2}}", code)


@pytest.mark.fast
def test_without_check_an_older_interpreter_reads_the_sentence_alone():
    done = pretend("test")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.rstrip().endswith(" start.py test")


@pytest.mark.fast
def test_the_sentence_names_a_newer_python_only_if_it_really_runs(tmp_path):
    for minor in range(11, 21):  # names that are there and do not run, as pyenv leaves them
        (tmp_path / f"python3.{minor}").write_text("#!/bin/sh\necho not found >&2\nexit 127\n")
        (tmp_path / f"python3.{minor}").chmod(0o755)
    assert ": install Python 3.12 (" in pretend(env=environment(PATH=str(tmp_path))).stdout
    (tmp_path / MINOR).unlink()
    (tmp_path / MINOR).symlink_to(Path(BASE).resolve())
    env = environment(PATH=f"{tmp_path}{os.pathsep}/usr/bin")
    done = pretend("--explain", "nb-38-L-y-76", env=env)
    assert f"run: {MINOR} start.py --explain nb-38-L-y-76" in done.stdout
    command = done.stdout.split("run: ")[1].split()
    again = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert again.stdout == "Python 3.8 on Linux: This Python is older than 3.11.\n"


# ---- checks only ----------------------------------------------------------------------------------------------------


@pytest.mark.fast
def test_check_prints_one_line_and_a_code_and_changes_nothing(course):
    before = sorted(course.rglob("*"))
    done = start(course, "--check", "--offline", course / "wheels")
    words, code = done.stdout.splitlines()
    assert done.returncode == 0
    assert words == "Ready to install. Next: python3 start.py"
    assert re.fullmatch(rf"Code for your presenter: nb-3{sys.version_info[1]}-\w-go-[0-9a-f]{{2}}", code)
    assert sorted(course.rglob("*")) == before


@pytest.mark.fast
def test_a_presenter_reads_the_code_back_and_a_wrong_copy_is_refused(course):
    (course / "requirements.lock").unlink()
    done = start(course, "--check", "--port", "70000")
    code = done.stdout.split()[-1]
    told = start(course, "--explain", code)
    assert told.stdout.split(": ", 1)[1] == "The course's folder is not whole; The port asked for cannot be used.\n"
    assert told.returncode == 0
    wrong = code.replace("-fp-", "-fw-")
    assert wrong != code
    told = start(course, "--check", "--explain", wrong)
    assert "not copied whole" in told.stdout
    assert told.returncode == 1


@pytest.mark.fast
def test_a_folder_that_is_not_whole_is_said(tmp_path):
    shutil.copy(START, tmp_path)
    done = start(tmp_path)
    what, seen, do = parts_of(done.stdout)
    assert done.returncode == 1
    assert what == "The course's folder is not whole."
    assert "requirements.lock" in seen
    assert "whole repository" in do


@pytest.mark.fast
def test_a_path_that_venv_refuses_is_said(tmp_path):
    done = start(make_small_course(tmp_path / "a:b"), "--check")
    assert done.returncode == 1
    assert "path does not suit" in done.stdout


@pytest.mark.fast
def test_a_taken_port_that_was_asked_for_is_said_before_anything_is_installed(course):
    with listening() as port:
        done = start(course, "--port", port)
    what, seen, do = parts_of(done.stdout)
    assert done.returncode == 1
    assert what == "The port asked for cannot be used."
    assert seen == f"Seen: port {port}, taken by another program."
    assert "leave --port out" in do
    assert not (course / ".venv").exists()


@pytest.mark.fast
def test_no_write_access_is_said(course):
    limited = []
    if os.geteuid() == 0:  # for root the permission bits bind only once this power is given up
        limited = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    course.chmod(0o555)
    try:
        done = subprocess.run(
            [*limited, BASE, course / "start.py"], capture_output=True, text=True, env=unreachable(), check=False
        )
    finally:
        course.chmod(0o755)
    what, seen, do = parts_of(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert what == "You cannot write to a folder that the course needs."
    assert seen == f"Seen: Permission denied at {course}."
    assert "folder of your own" in do


@pytest.mark.fast
def test_a_file_in_the_way_of_the_environment_is_said(course):
    (course / ".venv").write_text("")
    done = start(course)
    assert done.returncode == 1
    assert parts_of(done.stdout)[1] == f"Seen: Not a directory at {course / '.venv'}."


@pytest.mark.fast
def test_a_folder_that_is_no_environment_is_never_emptied(course, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("years")
    done = start(course, "--offline", course / "wheels", env=unreachable(NBHELPERS_VENV=str(tmp_path / "home")))
    assert done.returncode == 1
    assert "left alone" in parts_of(done.stdout)[0]
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["thesis.txt"]


@pytest.mark.fast
@pytest.mark.parametrize("pip", [None, "21.3"])
def test_without_ensurepip_and_a_usable_pip_the_apt_line_is_said(course, tmp_path, pip):
    python, packages = make_python(tmp_path / "python", pip=False)
    if pip:
        (packages / "pip").mkdir()
        (packages / "pip" / "__main__.py").write_text(f"print('pip {pip} from here')\n")
    done = start(course, python=python)
    what, seen, do = parts_of(done.stdout)
    assert done.returncode == 1
    assert what == "This Python cannot make a virtual environment."
    assert f"{python} has no ensurepip, and {'its pip is older than 22.3' if pip else 'no pip either'}" in seen
    assert re.search(r"run: (sudo )?apt install python3-venv\.$", do)
    assert not (course / ".venv").exists()


class Plain(http.server.BaseHTTPRequestHandler):
    """A server that speaks no TLS."""

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    ("index", "more", "words"),
    [
        ("http://127.0.0.1:9/simple", {}, "no answer"),
        ("https://no-such-host.invalid/simple", {}, "the address was not found"),
        ("https://no-such-host.invalid/simple", {"PIP_PROXY": "http://127.0.0.1:9"}, "a proxy stood in the way"),
        ("https://127.0.0.1:{port}/simple", {}, "the secure connection was not trusted"),
    ],
)
def test_no_network_is_told_from_what_pip_says(course, bare_python, index, more, words):
    with http.server.HTTPServer(("127.0.0.1", 0), Plain) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = start(
            course, "--check", python=bare_python, env=unreachable(index.format(port=server.server_port), **more)
        )
        server.shutdown()
    line, code = done.stdout.splitlines()
    assert done.returncode == 1
    assert line.startswith(f"No packages can be fetched. Seen: {words}: ")
    assert line.endswith("or install without one: python3 start.py --offline DIR.")
    assert "-n-" in code


# ---- installing -----------------------------------------------------------------------------------------------------


def test_without_ensurepip_the_systems_pip_fills_the_environment(course, bare_python):
    done = start(course, "--offline", course / "wheels", "--no-browser", python=bare_python)
    assert done.returncode == 0, done.stdout
    assert "This Python has no ensurepip: its own pip fills the environment instead." in done.stdout
    assert not list((course / ".venv").rglob("site-packages/pip"))
    code = "import alpha, nbhelpers; print(alpha.n, nbhelpers.__file__)"
    told = subprocess.check_output([course / ".venv" / "bin" / "python", "-c", code], text=True, cwd="/")
    assert told == f"1 {course / 'nbhelpers' / '__init__.py'}\n"


def test_it_installs_once_and_then_starts_in_seconds(course):
    first = start(course, "--offline", course / "wheels", "--no-browser")
    assert first.returncode == 0, first.stdout
    stages = [line.split(",")[0].split(" (")[0] for line in first.stdout.splitlines()]
    for stage in ("Virtual environment", "Packages", "The course"):
        assert stage in stages
    assert "WARNING" not in first.stdout
    assert ("You are root: JupyterLab is told to allow it." in first.stdout) == (os.geteuid() == 0)
    given = arguments_of(first.stdout)
    assert given[:2] == ["lab", "--port"]
    assert given[3:] == ["--no-browser"]
    assert not list((course / ".venv").rglob("site-packages/setuptools"))
    begun = time.monotonic()
    again = start(course)
    assert time.monotonic() - begun < 5
    assert "Packages" not in again.stdout
    assert arguments_of(again.stdout)[:2] == ["lab", "--port"]
    check = start(course, "--check")
    assert check.returncode == 0
    assert "-ok-" in check.stdout


def test_on_a_terminal_one_line_counts(course, bare_python):
    ours, theirs = os.openpty()
    command = [bare_python, course / "start.py", "--offline", course / "wheels"]
    with subprocess.Popen(command, env=unreachable(), stdin=theirs, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # how Linux says that the other end has closed
            while more := os.read(ours, 65536):
                seen += more
    os.close(ours)
    assert child.returncode == 0
    assert re.search(rb"\rPackages[^\r\n]*, \d+ s *\rPackages[^\r\n]*\(2\), \d+ s *\r\n", seen), seen
    assert len(re.findall(rb"\n(?:\r[^\n]*)?\rPackages", seen)) == 1, seen


@pytest.fixture
def installed(course, bare_python):
    """The small course, installed; `again` runs start.py in it with no network but its wheels."""
    done = start(course, "--offline", course / "wheels", python=bare_python)
    assert done.returncode == 0, done.stdout
    return course


def again(course, python, *arguments):
    done = start(course, "--offline", course / "wheels", *arguments, python=python)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_taken_port_that_nobody_asked_for_is_said_and_passed_over(installed, bare_python):
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):  # another program of this machine has it: as good
            held.enter_context(listening(8888))
        output = again(installed, bare_python)
    port = int(arguments_of(output)[2])
    assert 8888 < port < 8988
    assert f"Port 8888 is taken by another program: this takes {port}." in output


def test_the_port_asked_for_is_the_one_that_is_used(installed, bare_python):
    with listening() as port:
        pass
    assert arguments_of(again(installed, bare_python, "--port", port)) == ["lab", "--port", str(port)]


def test_a_changed_lock_installs_again(installed, bare_python):
    lock = installed / "requirements.lock"
    newer = wheel(installed / "wheels", "alpha", "2.0", {"alpha.py": "n = 2\n"})
    lock.write_text(lock.read_text().split("alpha==")[0] + newer)
    # Run from inside the environment that is to be made anew: it must not saw off its own branch.
    output = again(installed, installed / ".venv" / "bin" / "python")
    assert "The environment is of another requirements.lock: making it anew." in output
    told = subprocess.check_output([installed / ".venv/bin/python", "-c", "import alpha; print(alpha.n)"], text=True)
    assert told == "2\n"
    assert "Packages" not in again(installed, bare_python)


def test_an_upgraded_python_installs_again(installed, tmp_path):
    newer = make_python(tmp_path / "newer")[0]
    assert "The environment is of another Python" in again(installed, newer)
    assert "Packages" not in again(installed, newer)


def test_a_moved_folder_installs_again(installed, bare_python):
    moved = installed.rename(installed.with_name("moved"))
    assert "is of a folder that moved" in again(moved, bare_python)
    told = subprocess.check_output(
        [moved / ".venv/bin/python", "-c", "import nbhelpers as n; print(n.__file__)"], text=True, cwd="/"
    )
    assert told == f"{moved / 'nbhelpers' / '__init__.py'}\n"


def test_a_broken_interpreter_in_the_environment_is_made_anew(installed, bare_python):
    (installed / ".venv" / "bin" / "python").unlink()
    (installed / ".venv" / "bin" / "python").write_text("#!/nowhere/python\n")
    (installed / ".venv" / "bin" / "python").chmod(0o755)
    assert "The environment is broken" in again(installed, bare_python)


def test_the_learners_are_content_with_the_development_environment(installed, bare_python):
    output = again(installed, bare_python, "test", "-m", "fast", "tests/test_x.py", "-k", "a or b")
    assert "Adding the development tools." in output
    assert arguments_of(output) == ["-m", "fast", "tests/test_x.py", "-k", "a or b"]
    for arguments in ([], ["test"]):
        assert "Packages" not in again(installed, bare_python, *arguments)
    lock = installed / "requirements-dev.lock"
    lock.write_text(lock.read_text() + wheel(installed / "wheels", "beta", "1.0", {"beta.py": ""}))
    assert "Packages" not in again(installed, bare_python)
    assert "Adding the development tools." in again(installed, bare_python, "test")


def test_learners_and_tests_are_content_with_the_environment_of_the_book(installed, bare_python):
    output = again(installed, bare_python, "book", "--help-me")
    assert "Adding what the book is built with." in output
    assert arguments_of(output) == ["--help-me"]
    for arguments in ([], ["test"], ["book"]):
        assert "Packages" not in again(installed, bare_python, *arguments)
    assert "usage: start.py" in start(installed, "--help", python=bare_python).stdout


def test_an_install_without_network_says_so_and_is_never_taken_for_finished(course, bare_python):
    done = start(course, python=bare_python)
    what, seen, do = parts_of(done.stdout)
    assert done.returncode == 1
    assert what == "No packages can be fetched."
    assert seen.startswith("Seen: no answer: ")
    assert "--offline DIR" in do
    assert "-n-" in done.stdout.splitlines()[-1]
    assert "flit" in (course / ".venv" / "install.log").read_text()
    assert "The environment is half made" in again(course, bare_python)


def test_a_package_with_another_hash_is_refused_in_words(course, bare_python):
    lock = course / "requirements.lock"
    lock.write_text(re.sub(r"(?s)(alpha.*sha256:)....", r"\g<1>0000", lock.read_text()))
    done = start(course, "--offline", course / "wheels", python=bare_python)
    assert done.returncode == 1
    assert parts_of(done.stdout)[0] == "A package is not the one that the lock names."


def test_a_package_that_the_offline_folder_lacks_is_named(course, bare_python):
    next((course / "wheels").glob("alpha*")).unlink()
    done = start(course, "--offline", course / "wheels", python=bare_python)
    assert done.returncode == 1
    what, seen, do = parts_of(done.stdout)
    assert what == "The --offline folder lacks a package."
    assert "alpha==1.0" in seen
    assert "--wheelhouse DIR" in do


@contextlib.contextmanager
def stuck_install(course, python):
    """start.py while its pip waits for an index that takes the call and never answers."""
    with listening() as port:
        child = subprocess.Popen(
            [python, course / "start.py"],
            env=unreachable(f"http://127.0.0.1:{port}/simple", PIP_DEFAULT_TIMEOUT="90"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        below = []
        try:
            log, limit = course / ".venv" / "install.log", time.monotonic() + 60
            while not (log.exists() and "Looking in indexes" in log.read_text()):
                assert time.monotonic() < limit
                assert child.poll() is None
                time.sleep(0.05)
            below = psutil.Process(child.pid).children(recursive=True)
            assert len(below) == 2  # with --python, pip runs another pip
            yield child, below
        finally:
            for process in [child, *below]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            child.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_stopping_an_install_ends_quietly_and_leaves_no_pip_behind(course, bare_python, number, code):
    with stuck_install(course, bare_python) as (child, below):
        child.send_signal(number)
        output = child.communicate(timeout=20)[0]
        assert child.returncode == code
        assert "Traceback" not in output
        assert psutil.wait_procs(below, timeout=5)[1] == []
    assert not (course / ".venv" / "nbhelpers-stamp.json").exists()


def test_an_install_that_was_killed_is_made_anew(course, bare_python):
    with stuck_install(course, bare_python) as (child, below):
        child.kill()
        child.wait(20)
        assert all(process.is_running() for process in below)  # pip lives on: nothing may build there meanwhile
        command = [bare_python, course / "start.py", "--offline", course / "wheels"]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "text": True}
        other = subprocess.Popen(command, env=unreachable(), **pipes)
        assert "Another start.py is installing" in other.stdout.readline()
        for process in below:
            process.kill()
        output = other.communicate(timeout=60)[0]
    assert "The environment is half made (its installation never finished): making it anew." in output
    assert arguments_of(output)[0] == "lab"


def test_of_two_at_once_one_builds_and_the_other_waits(course, bare_python):
    command = [bare_python, course / "start.py", "--offline", course / "wheels"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    children = [subprocess.Popen(command, env=unreachable(), **pipes) for _ in range(2)]
    outputs = [child.communicate(timeout=100)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0], outputs
    assert sorted("Installed in" in output for output in outputs) == [False, True]
    waited = next(output for output in outputs if "Installed in" not in output)
    assert "Another start.py is installing" in waited
    assert all(arguments_of(output)[0] == "lab" for output in outputs)


# ---- the whole course, from the registry to JupyterLab --------------------------------------------------------------


def size_of(folder):
    """Megabytes on the disk, each file once."""
    blocks = {(stat.st_dev, stat.st_ino): stat.st_blocks for stat in map(os.lstat, folder.rglob("*"))}
    return sum(blocks.values()) * 512 / 1e6


UNTIL_IT_ANSWERS = """
    import re, subprocess, sys, time, urllib.request

    log, *command = sys.argv[1:]
    with open(log, "wb") as output:
        child = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    found = None
    while not found:
        said = open(log).read()
        assert child.poll() is None, said
        found = re.search("(http://127.0.0.1:[0-9]+)/[^ ]*token=([0-9a-f]+)", said)
        time.sleep(0.2)
    for attempt in range(100):
        try:
            told = urllib.request.urlopen(f"{found[1]}/api/status?token={found[2]}", timeout=10).read()
            break
        except OSError:
            time.sleep(0.2)
    child.terminate()
    child.wait(30)
    assert b"started" in told
"""


@contextlib.contextmanager
def jupyterlab(command, env, log):
    """start.py from the call until JupyterLab answers its own address; the seconds that took."""
    begun = time.monotonic()
    with log.open("wb") as output:
        child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        while True:
            assert child.poll() is None, log.read_text()
            assert time.monotonic() - begun < 300, log.read_text()
            address = re.search(r"http://(?:127\.0\.0\.1|localhost):(\d+)/\S*token=([0-9a-f]+)", log.read_text())
            if address:
                root, token = f"http://127.0.0.1:{address.group(1)}", address.group(2)
                with contextlib.suppress(urllib.error.URLError):
                    told = json.load(urllib.request.urlopen(f"{root}/api/status?token={token}", timeout=10))
                    break
            time.sleep(0.1)
        assert "started" in told
        yield root, token, time.monotonic() - begun
        child.terminate()
        child.wait(30)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """A folder with all packages of the learners' lock, as a presenter makes it."""
    folder = tmp_path_factory.mktemp("stick") / "wheels"
    done = start(ROOT, "--wheelhouse", folder, env=environment(), timeout=500)
    assert done.returncode == 0, done.stdout
    assert "--offline DIR" in done.stdout
    return folder


@pytest.mark.timeout(900)
def test_from_a_folder_of_wheels_jupyterlab_opens_with_no_network(wheels, tmp_path, capsys):
    log, copy = tmp_path / "log", tmp_path / "copy"
    left_out = shutil.ignore_patterns(".git", ".venv", ".lab", "__pycache__", ".pytest_cache", ".hypothesis")
    shutil.copytree(ROOT, copy, ignore=left_out)
    with listening() as port:
        pass
    home = tmp_path / "home"
    home.mkdir()
    apart = {name: str(home / name) for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    env = unreachable(HOME=str(home), NBHELPERS_STATE=str(tmp_path / "state"), **apart)
    command = [BASE, copy / "start.py", "--no-browser", "--port", str(port)]
    with jupyterlab([*command, "--offline", wheels], env, log) as (root, token, first):
        assert root.endswith(f":{port}")
        page = json.load(urllib.request.urlopen(f"{root}/api/contents?token={token}", timeout=10))
        assert "00_start_here.ipynb" in json.dumps(page)
    assert "--no-index" in (copy / ".venv" / "install.log").read_text()
    with jupyterlab(command, env, log) as (_, _, second):
        pass
    assert "Packages" not in log.read_text()
    size = size_of(copy / ".venv")
    told = f"wheels {size_of(wheels):.0f} MB, installed {size:.0f} MB, first start {first:.0f} s, second {second:.1f} s"
    with capsys.disabled():
        print(f"\n  {told}")
    assert size <= 300
    assert second < 30


@pytest.mark.timeout(900)
@pytest.mark.skipif(not without_network.possible(), reason=without_network.REASON)
def test_from_a_stick_the_course_is_installed_and_walked_where_there_is_no_network_at_all(wheels, tmp_path, capsys):
    copy, home = tmp_path / "copy", tmp_path / "home"
    left_out = shutil.ignore_patterns(".git", ".venv", ".lab", "__pycache__", ".pytest_cache", ".hypothesis", "build")
    shutil.copytree(ROOT, copy, ignore=left_out)
    home.mkdir()
    free = {"NBHELPERS_SIMULATOR_PORT": "0", "NBHELPERS_RECEIVER_PORT": "0", "NBHELPERS_STATE": str(tmp_path / "state")}
    env = environment(HOME=str(home), JUPYTER_RUNTIME_DIR=str(home / "runtime"), **free)
    env = {name: value for name, value in env.items() if not name.lower().endswith("_proxy")}

    def there(*command):
        begun = time.monotonic()
        apart = without_network.without_network(*command)
        done = subprocess.run(apart, cwd=copy, env=env, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr, time.monotonic() - begun

    checked, _ = there(BASE, "start.py", "--check", "--offline", wheels)
    assert "Ready to install." in checked
    log = tmp_path / "log"
    script = textwrap.dedent(UNTIL_IT_ANSWERS)
    _, first = there(BASE, "-c", script, log, BASE, "start.py", "--no-browser", "--offline", wheels)
    assert "--no-index" in (copy / ".venv" / "install.log").read_text()
    execute = ["-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", "--stdout"]
    walked, seconds = there(copy / ".venv" / "bin" / "python", *execute, copy / "notebooks" / "07_reply.ipynb")
    assert "--> read" in walked
    with capsys.disabled():
        print(f"\n  with no network: installed and answering after {first:.0f} s, 07 walked in {seconds:.0f} s")


# ---- the package without the course ---------------------------------------------------------------------------------

ROUND = """
    import importlib, json, pkgutil, subprocess, sys
    from pathlib import Path
    import nbhelpers

    for name in ("jupyterlab", "jupyter_server", "ipywidgets", "anywidget", "ipykernel", "IPython"):
        assert importlib.util.find_spec(name) is None, name
    for each in pkgutil.walk_packages(nbhelpers.__path__, "nbhelpers."):
        parts = each.name.split(".")
        if parts[1] not in ("jupyter", "widgets") and parts[-1] not in ("__main__", "pytest_plugin"):
            importlib.import_module(each.name)
    with nbhelpers.Lab(state="lab") as lab:
        print(lab)
        lab.need("receive")
        lab.reply("Baked this morning.")
        print(lab.inbox.wait_for_receipt(lab.inbox.events("reply")[-1].message_uuid).states)
        print(lab.doctor().stop)
        try:
            lab.panels
        except nbhelpers.KitError as error:
            print(error)
    done = subprocess.run([sys.executable, "-m", "nbhelpers", "lab"], capture_output=True, text=True)
    print(done.returncode, done.stderr, end="")
"""
THEIR_TEST = """
    def test_theirs(messenger_simulator):
        messenger_simulator.send("Baked this morning.")
        assert messenger_simulator.replies()[0]["state"] == "delivered"
"""


def brought(python, wheels, what, env):
    """What installing from the wheels brings into an environment, in megabytes, and how many packages that are."""
    site = next(python.parents[1].glob("[Ll]ib/**/site-packages"))
    before, packages = size_of(site), set(site.glob("*.dist-info"))
    install = [python, "-m", "pip", "install", "--no-index", "--find-links", wheels, what]
    done = subprocess.run(list(map(str, install)), env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return size_of(site) - before, len(set(site.glob("*.dist-info")) - packages)


@pytest.mark.timeout(900)
def test_without_the_extra_course_there_are_simulator_client_fixture_and_command_and_no_jupyterlab(
    wheels, tmp_path, capsys
):
    env, folder = unreachable(NBHELPERS_SIMULATOR_PORT="0", NBHELPERS_RECEIVER_PORT="0"), tmp_path / "theirs"
    subprocess.run([BASE, "-m", "venv", tmp_path / "venv"], env=env, check=True, timeout=120)
    python = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    plain, few = brought(python, wheels, str(ROOT), env)
    folder.mkdir()
    code = [python, "-X", "dev", "-W", "error", "-c", textwrap.dedent(ROUND)]
    done = subprocess.run(code, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "Ready. A simulator plays the service. Nothing leaves this computer.",
        "['submitted', 'delivered']",
        "None",
        f"There are no panels here. ipywidgets is not installed in {python.parents[1]}."
        " Run start.py, or install `nbhelpers[course]`.",
        f"1 Error: JupyterLab is not installed. The nbhelpers in {python.parents[1]} has simulator, client, fixture and"
        " command alone. Run start.py, or install `nbhelpers[course]`.",
    ]

    # Whoever uses the fixture has pytest: here this run's own, from beside the environment.
    for name in ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments"):
        shutil.copytree(Path(importlib.util.find_spec(name).origin).parent, tmp_path / "pytest" / name)
    shutil.copy(importlib.util.find_spec("py").origin, tmp_path / "pytest")
    (folder / "test_theirs.py").write_text(textwrap.dedent(THEIR_TEST), "utf-8")
    tested = [python, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    theirs = env | {"PYTHONPATH": str(tmp_path / "pytest")}
    done = subprocess.run(tested, cwd=folder, env=theirs, capture_output=True, text=True, timeout=120, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr

    more, many = brought(python, wheels, f"{ROOT}[course]", env)
    whole, all_of_them = plain + more, few + many
    with capsys.disabled():
        print(f"\n  plain {plain:.0f} MB in {few} packages, with the course {whole:.0f} MB in {all_of_them}")
    told = re.search(r"plain package (\d+) MB \((\d+) packages\), with `course` (\d+) MB \((\d+) packages\)", README)
    assert told, "the README says the sizes"
    for said, measured in zip(map(int, told.groups()), (plain, few, whole, all_of_them), strict=True):
        assert abs(said - measured) <= 0.2 * said, told[0]
