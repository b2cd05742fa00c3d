"""Install this course into .venv and open it in JupyterLab (python3 start.py); or `test` it, or build its `book`.

Every message says what happened, what was seen and what to do next. `--check` changes nothing and prints one line
and a code such as nb-311-L-go-31, to send to whoever gives the course: `--explain CODE` reads it back.
"""

# Written in words that Python 2.7 and 3.6 understand too (no f-strings, no annotations): an interpreter that is too
# old must get as far as the sentence that says so. Standard library only: nothing is installed when this runs.
from __future__ import print_function

import argparse
import contextlib
import errno
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zlib

WINDOWS = os.name == "nt"
COMMAND = "py start.py" if WINDOWS else "python3 start.py"
ROOT = os.path.dirname(os.path.realpath(__file__))
VENV = os.path.realpath(os.environ.get("NBHELPERS_VENV") or os.path.join(ROOT, ".venv"))
IN_VENV = os.path.join("Scripts", "python.exe") if WINDOWS else os.path.join("bin", "python")
PYTHON = os.path.join(VENV, IN_VENV)
# The interpreter below any virtual environment: making .venv anew must not depend on the .venv that may be active.
BASE = getattr(sys, "_base_executable", None) or sys.executable
# Each kind of environment holds the one before it, and so does its lock.
KINDS = ("learner", "dev", "book")
LOCKS = {"learner": "requirements.lock", "dev": "requirements-dev.lock", "book": "requirements-book.lock"}
ADDS = {"dev": "Adding the development tools.", "book": "Adding what the book is built with."}
ROOM = {"learner": 700, "dev": 900, "book": 1000}  # MB free: the environment, and what pip unpacks beside it meanwhile
STAMP, TURN, LOG = (
    os.path.join(VENV, name) for name in ("nbhelpers-stamp.json", "nbhelpers-install.lock", "install.log")
)

# Letter in the code: what happened, what to do next. What was seen is said where it is raised.
TROUBLES = {
    "y": ("This Python is older than 3.11", "run it with Python 3.11 or newer"),
    "f": ("The course's folder is not whole", "get the whole repository again and run start.py inside it"),
    "x": ("The folder's path does not suit a virtual environment", "move the course to a shorter, plainer path"),
    "w": ("You cannot write to a folder that the course needs", "move the course into a folder of your own"),
    "t": ("The place for the environment holds something else, left alone", "name an empty one in NBHELPERS_VENV"),
    "v": ("This Python cannot make a virtual environment", "on Debian and Ubuntu run: %sapt install %s"),
    "d": ("The disk is too full", "make room"),
    "p": ("The port asked for cannot be used", "leave --port out (a free one is taken), or name another"),
    "n": ("No packages can be fetched", "check the network, or install without one: %s --offline DIR" % COMMAND),
    "h": ("The --offline folder lacks a package", "make it with this Python elsewhere: %s --wheelhouse DIR" % COMMAND),
    "c": ("A package is not the one that the lock names", "try another network: something on the way changes files"),
    "i": ("The installation failed", "read %s, or send it to your presenter" % LOG),
}
# What pip prints when it cannot reach its index, the most telling first.
NETWORK = (
    ("ProxyError|Tunnel connection failed|Cannot connect to proxy", "a proxy stood in the way"),
    ("CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerification", "the secure connection was not trusted"),
    ("(?i)name resolution|Name or service not known|getaddrinfo|nodename nor servname", "the address was not found"),
    ("NewConnection|ConnectTimeout|ReadTimeout|timed out|Max retries|Connection (refused|reset|aborted)", "no answer"),
    (
        "Network is unreachable|No route to host|Failed to connect|RemoteDisconnected|IncompleteRead|ConnectionError",
        "no answer",
    ),
)


class Trouble(Exception):  # noqa: N818 - nothing here is the program's error
    """What stands in the way: its letter, and three parts in words."""

    def __init__(self, letter, seen, fill=()):
        Exception.__init__(self, letter)
        what, do = TROUBLES[letter]
        self.letter, self.parts = letter, (what + ".", "Seen: %s." % seen.rstrip("."), "Next: %s." % (do % fill))


def say(*lines):
    """Print, whatever the terminal's encoding can show."""
    for line in lines:
        try:
            print(line)
        except UnicodeError:
            print(line.encode("ascii", "backslashreplace").decode("ascii"))
    sys.stdout.flush()


def code(verdict):
    """The short code: Python, system, then "ok", "go" or the letters of what is wrong, then a checksum."""
    body = "nb-%d%d-%s-%s" % (sys.version_info[0], sys.version_info[1], (platform.system() or "?")[0], verdict)
    return "%s-%02x" % (body, zlib.crc32(body.encode("ascii")) & 0xFF)


def explain(text):
    """Say what a code means."""
    match = re.match(r"(nb-(\d)(\d+)-(\S)-([a-z]+))-([0-9a-f]{2})$", text.strip())
    if not match or "%02x" % (zlib.crc32(match.group(1).encode("ascii")) & 0xFF) != match.group(6):
        say("That code was not copied whole. Seen: %s. Next: ask for it again." % text)
        return 1
    system = {"L": "Linux", "D": "macOS", "W": "Windows"}.get(match.group(4), "another system")
    words = {"ok": "ready, installed", "go": "ready to install"}.get(match.group(5))
    words = words or "; ".join(TROUBLES.get(letter, "?")[0] for letter in match.group(5))
    say("Python %s.%s on %s: %s." % (match.group(2), match.group(3), system, words))
    return 0


def too_old(arguments):
    """The one sentence for an interpreter older than 3.11, which runs nothing else of this file."""
    again = " ".join(["start.py"] + arguments)
    do = "install Python 3.12 (https://www.python.org/downloads/), then run: python3.12 %s" % again
    for minor in (13, 12, 11) + tuple(range(14, 21)):
        name, ask = "python3.%d" % minor, "import sys; print(sys.version_info[1])"
        try:  # a name on PATH proves nothing: pyenv's stand-ins exist for versions that are not switched on
            child = subprocess.Popen([name, "-c", ask], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except OSError:
            continue
        if child.communicate()[0].strip() == str(minor).encode("ascii"):
            do = "run: %s %s" % (name, again)
            break
    seen = tuple(sys.version_info[:3]) + (sys.executable, do)
    say("This course needs Python 3.11 or newer, and this is Python %d.%d.%d (%s): %s" % seen)
    if "--check" in arguments:
        say("Code for your presenter: %s" % code("y"))
    return 1


# ---- what is wrong with this machine --------------------------------------------------------------------------------


def check_folder(kind):
    """Everything of the course is here, and its path suits a virtual environment."""
    names = ("pyproject.toml", LOCKS[kind], os.path.join("nbhelpers", "__init__.py"))
    missing = [name for name in names if not os.path.exists(os.path.join(ROOT, name))]
    if missing:
        raise Trouble("f", "no %s in %s" % (", ".join(missing), ROOT))
    if os.pathsep in VENV or (WINDOWS and len(VENV) > 120):
        raise Trouble("x", "%s (%d characters, none may be %r)" % (VENV, len(VENV), os.pathsep))


def check_writable():
    """The environment and the notebooks can be written."""
    there = VENV
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    for place in (there, ROOT):
        refused = None
        try:
            tempfile.TemporaryFile(dir=place).close()
        except OSError as error:
            refused = error.strerror or str(error)
        if refused:
            raise Trouble("w", "%s at %s" % (refused, place))
    # NBHELPERS_VENV may name anything, a home directory for one: only what looks like an environment is ever emptied.
    ours = any(os.path.exists(os.path.join(VENV, name)) for name in ("pyvenv.cfg", TURN))
    if there == VENV and os.listdir(VENV) and not ours:
        raise Trouble("t", VENV)


def has_ensurepip():
    """Whether venv can bring pip: Debian keeps that in a package of its own."""
    from importlib.util import find_spec

    return find_spec("ensurepip") is not None


def base_pip():
    """The version of the pip beside the base interpreter, or None."""
    answer = subprocess.run([BASE, "-m", "pip", "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    match = re.match(r"pip (\d+)\.(\d+)", answer.stdout.decode("utf-8", "replace"))
    return (int(match.group(1)), int(match.group(2))) if match else None


def no_venv(seen):
    """The trouble of a Python that cannot make an environment, with the line that mends it."""
    package = "python3-venv"
    if os.path.dirname(BASE) == "/usr/bin" and os.path.realpath(BASE) != os.path.realpath("/usr/bin/python3"):
        package = "python%d.%d-venv" % sys.version_info[:2]
    return Trouble("v", seen, ("" if is_root() else "sudo ", package))


def check_tools():
    """There is a way to fill an environment: ensurepip, or a pip that knows --python."""
    version = (99, 0) if has_ensurepip() else base_pip()
    if not version or version < (22, 3):
        raise no_venv(
            "%s has no ensurepip, and %s" % (BASE, "its pip is older than 22.3" if version else "no pip either")
        )


def check_disk(kind):
    """There is room for what will be installed."""
    there = VENV
    while not os.path.isdir(there):
        there = os.path.dirname(there)
    free = shutil.disk_usage(there).free // 1000000
    if free < ROOM[kind]:
        raise Trouble("d", "%d MB free at %s, %d MB needed" % (free, there, ROOM[kind]))


def check_offline(folder):
    """The folder of --offline holds packages."""
    if folder and not (os.path.isdir(folder) and any(name.endswith(".whl") for name in os.listdir(folder))):
        raise Trouble("h", "no .whl file in %s" % folder)


def port_trouble(port):
    """Why JupyterLab could not listen there, or None."""
    with contextlib.closing(socket.socket()) as probe:
        if not WINDOWS:  # as JupyterLab does; on Windows this would let two servers share a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            taken = getattr(error, "errno", 0) == errno.EADDRINUSE
            return "port %d, %s" % (port, "taken by another program" if taken else error)
    return None


def choose_port(asked):
    """The port asked for, if it can be used; else the first free one from 8888 on, and a line if that is another."""
    if asked is not None:
        seen = port_trouble(asked)
    else:
        seen = port_trouble(8888)
        for port in range(8888, 8988):
            if not port_trouble(port):
                return port, ["Port 8888 is taken by another program: this takes %d." % port] if seen else []
    if seen:
        raise Trouble("p", seen)
    return asked, []


def check_network(options):
    """Whether pip reaches its index, seen by pip itself: only it knows this machine's proxies and mirrors."""
    if options.offline or not base_pip():
        return
    with open(os.path.join(ROOT, LOCKS[options.kind])) as lock:
        smallest = lock.readline().split(" ")[0]
    with temporary_folder() as folder:
        fetch = ["download", "--no-deps", "--no-cache-dir", "--retries", "1", "--timeout", "8", "-d", folder, smallest]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        answer = subprocess.run([BASE, "-m", "pip"] + fetch, env=clean(os.environ), **pipes)
    if answer.returncode:
        raise pip_trouble(answer.stdout.decode("utf-8", "replace").splitlines(), options)


def troubles(options, todo):
    """Everything that stands in the way, found without changing anything."""
    checks = [(check_folder, options.kind), (check_writable,)]
    if todo != "nothing":
        checks += [(check_tools,), (check_disk, options.kind), (check_offline, options.offline)]
    if options.kind == "learner":
        checks += [(choose_port, options.port)]
    found = []
    for check in checks:
        try:
            check[0](*check[1:])
        except Trouble as trouble:
            found.append(trouble)
    return found


# ---- what is installed ----------------------------------------------------------------------------------------------


def wanted_stamp(kind):
    """What the stamp says when the environment is what this tree needs."""
    stamp = {"schema": 1, "lock": kind, "root": ROOT, "venv": VENV, "base": os.path.realpath(BASE)}
    stamp["python"] = platform.python_version()
    for key, name in sorted(LOCKS.items()) + [("project", "pyproject.toml")]:
        if os.path.exists(os.path.join(ROOT, name)):
            with open(os.path.join(ROOT, name), "rb") as file:
                stamp[key] = hashlib.sha256(file.read()).hexdigest()
    return stamp


def state(kind):
    """What is to be done ("nothing", "add" or "anew"), and why."""
    if not os.path.isdir(VENV) or not set(os.listdir(VENV)) - {os.path.basename(TURN)}:
        return "anew", "Making the environment in %s." % VENV
    anew = "The environment %s: making it anew."
    try:
        with open(STAMP) as file:
            have, want = dict(json.load(file)), wanted_stamp(kind)
    except (OSError, ValueError, TypeError):
        return "anew", anew % "is half made (its installation never finished)"
    reasons = {"schema": "is of another start.py", "root": "is of a folder that moved", "venv": "has moved"}
    reasons.update(
        python="is of another Python", base="is of another Python", learner="is of another requirements.lock"
    )
    for key in sorted(reasons):
        if have.get(key) != want.get(key):
            seen = " (%s, now %s)" % (have.get(key), want.get(key)) if key != "learner" else ""
            return "anew", anew % (reasons[key] + seen)
    try:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        broken = subprocess.call([PYTHON, "-c", "import nbhelpers"], cwd=VENV, env=clean(os.environ), **quiet) != 0
    except OSError:
        broken = True
    if broken:
        return "anew", anew % "is broken (its Python does not run, or has no nbhelpers)"
    enough = have.get("lock") in KINDS[KINDS.index(kind) :] and have.get(kind) == want.get(kind)
    if not enough:
        return "add", ADDS[kind]
    if have.get("project") != want.get("project"):
        return "add", "pyproject.toml has changed: installing the course again."
    return "nothing", "The environment is installed."


def clean(environment, offline=False):
    """The environment of our children: nothing in it sends pip elsewhere or mixes in another Python's packages."""
    kept = dict(environment)
    for name in "TARGET PREFIX ROOT PYTHON QUIET VERBOSE LOG REQUIREMENT CONSTRAINT EDITABLE DRY_RUN NO_DEPS".split():
        kept.pop("PIP_" + name, None)
    # Without bytecode each kernel compiles the kit anew, and each run of the tests all of them.
    for name in "PYTHONHOME PYTHONPATH __PYVENV_LAUNCHER__ PYTHONDONTWRITEBYTECODE".split():
        kept.pop(name, None)
    kept.update(PIP_USER="0", PIP_REQUIRE_VIRTUALENV="0", PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
    kept.update(PIP_PROGRESS_BAR="off", PIP_NO_COLOR="1", PIP_ROOT_USER_ACTION="ignore", PYTHONIOENCODING="utf-8")
    if kept.get("PIP_RETRIES", "0") == "0":  # only when it tries again does pip say what kept it from its index
        kept["PIP_RETRIES"] = "3"
    if offline:  # then the folder is the only place: no mirror and no setting of this machine
        for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
            kept.pop(name, None)
        kept["PIP_CONFIG_FILE"] = os.devnull
    return kept


# ---- installing -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def temporary_folder():
    """A folder that is gone afterwards; one that Windows still holds is left to the system."""
    folder = tempfile.mkdtemp()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def try_lock(handle):
    """Take the system's lock on an open file; whether we have it."""
    try:
        if WINDOWS:
            import msvcrt

            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # any other error: a file system without locks, and unguarded is better than never
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True


@contextlib.contextmanager
def our_turn():
    """Hold the install lock. The system ends it with this process, however that ends, so no stale one is left."""
    if not os.path.isdir(VENV):
        os.makedirs(VENV)
    with open(TURN, "a") as handle:
        if not try_lock(handle):
            say("Another start.py is installing into %s. Waiting until it has finished." % VENV)
            while not try_lock(handle):
                time.sleep(0.3)
        if not WINDOWS:  # pip holds the lock with us: if we are killed and it goes on, the next one waits for it
            os.set_inheritable(handle.fileno(), True)
        yield


class Progress(object):
    """One stage in words: a line that counts on a terminal, a plain line every 15 s elsewhere."""

    def __init__(self, stage, total):
        self.stage, self.total, self.count, self.begun = stage, total, 0, time.time()
        self.installing, self.ended, self.tty = 0, threading.Event(), sys.stdout.isatty()
        self.thread = threading.Thread(target=self._tick)

    def see(self, line):
        """Count one line of pip."""
        if line.startswith(("Collecting ", "Processing ", "Requirement already satisfied: ")):
            self.count += 1
        elif line.startswith("Installing collected packages: "):
            self.installing = line.count(",") + 1

    def _words(self):
        what = ""
        if self.installing:
            what = ": installing %d" % self.installing
        elif self.count:
            what = ": found %d of about %d" % (self.count, self.total)
        return "%s%s, %d s" % (self.stage, what, time.time() - self.begun)

    def _tick(self):
        while not self.ended.wait(0.5 if self.tty else 15):
            if self.tty:
                sys.stdout.write("\r" + self._words().ljust(72))
                sys.stdout.flush()
            else:
                say("  " + self._words())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.ended.set()
        self.thread.join()
        done = "%s%s, %d s" % (self.stage, " (%d)" % self.count if self.count else "", time.time() - self.begun)
        say("\r" + done.ljust(72) if self.tty else done)


def run(stage, command, options, total=0, log=LOG):
    """Run a child with its whole output in the log. None when it did well, else its lines."""
    lines, env = [], clean(os.environ, options.offline)
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with open(log, "a", 1, "utf-8") as file, Progress(stage, total) as progress:
        file.write("\n$ %s\n" % " ".join(command))
        pipes.update(encoding="utf-8", errors="replace", close_fds=False, start_new_session=not WINDOWS)
        child = subprocess.Popen(command, cwd=ROOT, env=env, **pipes)
        try:
            for line in child.stdout:
                file.write(line)
                lines.append(line.strip())
                progress.see(lines[-1])
            return lines or ["no word"] if child.wait() else None
        finally:  # Ctrl+C or a signal: no pip is left behind, and none of the processes that pip itself starts
            if child.poll() is None:
                child.terminate() if WINDOWS else os.killpg(child.pid, signal.SIGTERM)
                child.wait()


def pip_trouble(lines, options):
    """What pip's own words mean."""
    text, errors = "\n".join(lines), [line for line in lines if line.startswith("ERROR")]
    last = (errors or lines)[-1]
    if re.search("No space left on device|not enough space on the disk", text):
        return Trouble("d", last)
    if "DO NOT MATCH THE HASHES" in text:
        return Trouble("c", last)
    if options.offline:
        return Trouble("h", "%s (this is Python %s)" % (last, platform.python_version()))
    for pattern, what in NETWORK:
        seen = [line for line in lines if re.search(pattern, line)]
        if seen:
            return Trouble("n", "%s: %s" % (what, seen[-1][-200:]))
    return Trouble("i", last)


def make_venv(options):
    """An empty environment where the old one was, the install lock left in place."""
    for name in os.listdir(VENV):
        path = os.path.join(VENV, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif path != TURN:
            os.remove(path)
    bare = [] if has_ensurepip() else ["--without-pip"]
    if bare:
        say("This Python has no ensurepip: its own pip fills the environment instead.")
    failed = run("Virtual environment", [BASE, "-m", "venv"] + bare + [VENV], options)
    if failed:
        raise no_venv(failed[-1])
    if not bare and sys.version_info < (3, 12):  # 10 MB that came along with pip and that nothing here uses
        run("Unused setuptools removed", [PYTHON, "-m", "pip", "uninstall", "-y", "setuptools"], options)


def lock_of(options):
    """What pip is told of the lock, and about how many packages it is for this machine."""
    path = os.path.join(ROOT, LOCKS[options.kind])
    with open(path) as file:
        return ["--require-hashes", "--only-binary", ":all:", "-r", path], sum("==" in x and ";" not in x for x in file)


def install(options):
    """Bring the environment to what the lock says. The stamp is the last thing written."""
    with our_turn():
        todo, why = state(options.kind)  # asked again: whoever had the turn before may have done it
        if todo == "nothing":
            return
        say(why)
        begun, (lock, total) = time.time(), lock_of(options)
        if os.path.exists(STAMP):
            os.remove(STAMP)
        if todo == "anew":
            make_venv(options)
        pip = [PYTHON, "-m", "pip"] if has_ensurepip() else [BASE, "-m", "pip", "--python", PYTHON]
        pip += ["install"] + (["--no-index", "--find-links", options.offline] if options.offline else [])
        failed = run("Packages", pip + lock, options, total)
        failed = failed or run("The course", pip + ["--no-deps", "--no-build-isolation", "-e", ROOT], options)
        if failed:
            raise pip_trouble(failed, options)
        with open(STAMP + ".new", "w") as file:
            json.dump(wanted_stamp(options.kind), file, indent=1)
        os.replace(STAMP + ".new", STAMP)
        say("Installed in %d s." % (time.time() - begun))


def wheelhouse(options):
    """Fetch the packages of the lock into a folder, for a machine without a network."""
    check_folder(options.kind)
    check_tools()
    folder, (lock, total) = os.path.abspath(options.wheelhouse), lock_of(options)
    with temporary_folder() as aside:
        log, pip = os.path.join(aside, "log"), [BASE, "-m", "pip"]
        if has_ensurepip():  # a pip of our own: the one beside the base interpreter may be missing or old
            run("Virtual environment for the download", [BASE, "-m", "venv", aside], options, log=log)
            pip = [os.path.join(aside, IN_VENV), "-m", "pip"]
        failed = run("Packages", pip + ["download"] + lock + ["-d", folder], options, total, log)
    if failed:
        raise pip_trouble(failed, options)
    sizes = [os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)]
    machine = (platform.python_version(), platform.system(), platform.machine())
    say("%s holds %d files, %d MB, for Python %s on %s %s." % ((folder, len(sizes), sum(sizes) // 1000000) + machine))
    say("Take it and the course's folder to a machine with the same Python, and run there:")
    say("  %s %s--offline DIR" % (COMMAND, "%s " % options.what if options.what else ""))
    return 0


# ---- the command ----------------------------------------------------------------------------------------------------


def is_root():
    """Whether JupyterLab would refuse this user."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def check(options):
    """One line in words and one code; 0 when nothing stands in the way."""
    todo, why = state(options.kind)
    found = troubles(options, todo)
    try:
        if not found and todo != "nothing":
            check_network(options)
    except Trouble as trouble:
        found = [trouble]
    ready = "Ready to install." if todo == "anew" else "Ready." if todo == "nothing" else "Ready to go on: %s" % why
    words = [" ".join(trouble.parts) for trouble in found] or ["%s Next: %s" % (ready, COMMAND)]
    letters = "".join(trouble.letter for trouble in found)
    say(" ".join(words), "Code for your presenter: %s" % code(letters or ("ok" if todo == "nothing" else "go")))
    return 1 if found else 0


def become(command):
    """Hand over to a program of the environment: its signals, its output, its exit code."""
    os.chdir(ROOT)
    if not WINDOWS:
        os.execve(PYTHON, [PYTHON] + command, clean(os.environ))
    child = subprocess.Popen([PYTHON] + command, env=clean(os.environ))
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:  # the child got it too, and is ending
            continue


def read_options(arguments):
    """The command line. After `test` and `book`, what is not ours is theirs."""
    parser = argparse.ArgumentParser(prog="start.py", description=__doc__.split("\n", 1)[0], allow_abbrev=False)
    parser.add_argument(
        "what", nargs="?", choices=["test", "book"], help="run the tests (the rest goes to pytest), or build the book"
    )
    parser.add_argument("--no-browser", action="store_true", help="open no browser: the address is printed")
    parser.add_argument("--port", type=int, help="the port of JupyterLab (default: 8888 or the next free one)")
    parser.add_argument("--check", action="store_true", help="look, change nothing, print one line and a code")
    parser.add_argument("--explain", metavar="CODE", help="say what a code from --check means")
    parser.add_argument("--wheelhouse", metavar="DIR", help="fetch all packages into DIR, for a USB stick")
    parser.add_argument("--offline", metavar="DIR", help="install from DIR, with no network")
    options, options.rest = parser.parse_known_args(arguments)
    if options.rest and not options.what:
        parser.error("unknown: %s" % " ".join(options.rest))
    options.kind = {"test": "dev", "book": "book"}.get(options.what, "learner")
    options.offline = options.offline and os.path.abspath(options.offline)
    return options


def go(options):
    """Install what is missing, then open the course, run its tests or build its book."""
    todo = state(options.kind)[0]
    found = troubles(options, todo)
    if found:
        for trouble in found:
            say(*trouble.parts)
        say("Code for your presenter: %s" % code("".join(trouble.letter for trouble in found)))
        return 1
    if todo != "nothing":
        install(options)
    if options.what:
        return become(["-m", {"test": "pytest", "book": "docs"}[options.what]] + options.rest)
    port, note = choose_port(options.port)
    say(*note)
    if is_root():
        say("You are root: JupyterLab is told to allow it.")
    say("Opening notebooks/00_start_here.ipynb in JupyterLab on port %d. Stop it here with Ctrl+C." % port)
    return become(["-m", "nbhelpers", "lab", "--port", str(port)] + ["--no-browser"] * options.no_browser)


def main(arguments):
    """Do what was asked; the exit code."""
    if sys.version_info < (3, 11):
        return too_old(arguments)
    options = read_options(arguments)
    for name in {"SIGTERM", "SIGHUP"} & set(dir(signal)):
        signal.signal(getattr(signal, name), lambda number, _: sys.exit(128 + number))
    try:
        if options.explain:
            return explain(options.explain)
        return (check if options.check else wheelhouse if options.wheelhouse else go)(options)
    except Trouble as trouble:
        say(*trouble.parts)
        say("Code for your presenter: %s" % code(trouble.letter))
        return 1
    except KeyboardInterrupt:
        say("", "Stopped. To go on: %s" % COMMAND)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
