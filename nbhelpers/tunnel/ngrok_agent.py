"""The ngrok agent under pyngrok: one endpoint for one port, opened within a deadline, and its errors in words."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pyngrok import ngrok, process
from pyngrok.conf import PyngrokConfig
from pyngrok.exception import PyngrokError, PyngrokNgrokError, PyngrokNgrokHTTPError

from nbhelpers.config.private_files import make_private_folder, write_private
from nbhelpers.errors import ServiceError, cure_for
from nbhelpers.inbox.events import one_line
from nbhelpers.tunnel.guard import end_agents
from nbhelpers.tunnel.ngrok_trouble import Watch, by_words
from nbhelpers.tunnel.reach import ngrok_code

__all__ = ["Agent"]

_DEADLINE = 25.0  # seconds until the endpoint must be open: pyngrok's own limits do not hold when an agent is silent
_REQUEST = 15  # seconds for one call of the agent's API; pyngrok's 4 are too few for a slow line
_LOOK = 0.1  # seconds between two looks at what it says
_LEAVE = 3.0  # seconds that pyngrok may take to put things away
_PRINTS_THE_TOKEN = ("105", "107")  # ngrok's errors whose text has the token in it


class Agent:
    """An ngrok of ours: `open` makes a port public, `close` ends it.

    `path` is the program, `folder` a folder for its config file (0600), which a `Guard` watches over. The token
    stands in that file and nowhere else: in no argument, no log and no error.
    """

    def __init__(self, path: Path, folder: Path, token: str, connect_cas: str | None = None) -> None:
        self._path, self._folder, self._token = path, make_private_folder(folder), token
        # pyngrok would put a token that it finds here into the arguments, and the agent would read it by itself.
        for name in ("NGROK_AUTHTOKEN", "NGROK_API_KEY"):
            os.environ.pop(name, None)
        self._config = PyngrokConfig(
            ngrok_path=str(path),
            config_path=str(self._write_config(connect_cas)),
            monitor_thread=True,  # without it nobody reads the agent's log, and after some 500 requests it stands still
            startup_timeout=int(_DEADLINE),
            request_timeout=_REQUEST,
            start_new_session=os.name == "posix",  # else Ctrl+C ends it before us
        )
        # Its records repeat what the agent says, token and all.
        logging.getLogger("pyngrok.process.ngrok").disabled = True
        self._process: process.NgrokProcess | None = None

    def open(self, target: str, domain: str | None = None, deadline: float = _DEADLINE) -> str:
        """Make `target` public and return its address. Raises ServiceError, in words, with nothing left running."""
        met: list[str | BaseException] = []

        def connect() -> None:
            try:
                met.append(self._connect(target, domain))
            except BaseException as error:  # noqa: BLE001 - told by the thread that waits
                met.append(error)

        with _unread_stderr() as said:
            worker = threading.Thread(target=connect, name="ngrok connects", daemon=True)
            worker.start()
            trouble = self._wait(worker, time.monotonic() + deadline)
            # Looked at before anything is ended: that too makes pyngrok speak.
            outcome = met[0] if met else None
            self._process = process._current_processes.get(self._config.ngrok_path)
            if isinstance(outcome, str):
                return outcome
            self.close()
            if outcome is not None:
                raise self._from(outcome, _text(said))
            if trouble is not None:
                raise self._told(*trouble)
            raise self._failure("silent", f"ngrok had opened nothing after {deadline:g} s.")

    def _wait(self, worker: threading.Thread, until: float) -> tuple[str, str] | None:
        watch = Watch()
        while worker.is_alive() and time.monotonic() < until:
            trouble = watch.look(process._current_processes.get(self._config.ngrok_path))
            if trouble is not None:
                return trouble
            worker.join(_LOOK)
        return None

    def _connect(self, target: str, domain: str | None) -> str:
        options = {"url": f"https://{domain.rpartition('//')[2].strip('/')}"} if domain else {}
        # A name of its own: pyngrok's would have the address in it, which it then puts into a path as it is.
        tunnel = ngrok.connect(target, name="webhook", pyngrok_config=self._config, inspect=False, **options)
        return str(tunnel.public_url).rstrip("/")

    @property
    def alive(self) -> bool:
        """Whether the agent still runs."""
        return self._process is not None and self._process.proc.poll() is None

    def last_words(self) -> str:
        """Return what the agent said before it ended, without the token."""
        logs = self._process.logs if self._process else []
        said = next((log.err or log.msg for log in reversed(logs) if log.err or log.msg), None)
        return self._clean(str(said)) if said else "it said nothing"

    def close(self) -> None:
        """End the agent, whatever state it is in; nothing of it stays public."""
        found = process._current_processes.get(self._config.ngrok_path)
        if found is not None:
            found.proc.kill()  # first: while pyngrok waits for a silent agent it holds the lock that its kill() wants
        quietly = threading.Thread(target=ngrok.kill, args=(self._config,), daemon=True)
        quietly.start()
        quietly.join(_LEAVE)
        end_agents(self._folder)

    def _write_config(self, connect_cas: str | None) -> Path:
        options: dict[str, str | int | bool] = {
            "authtoken": self._token,
            "inspect_db_size": -1,  # its local page would keep every request, and show it to all users of this computer
            "remote_management": False,
            "update_check": False,
        }
        if connect_cas:
            options["connect_cas"] = connect_cas
        lines = ['version: "3"', "agent:", *(f"  {name}: {json.dumps(value)}" for name, value in options.items())]
        path = self._folder / "ngrok.yml"
        write_private(path, ("\n".join(lines) + "\n").encode())
        return path

    def _from(self, error: BaseException, stderr: str) -> ServiceError:
        if not isinstance(error, PyngrokError | OSError):
            raise error
        texts = [str(error)]
        if isinstance(error, PyngrokNgrokHTTPError):
            texts.insert(0, _details(str(error.body)))
        if isinstance(error, PyngrokNgrokError):
            texts = [str(error.ngrok_error or ""), *texts, *(str(log.err) for log in error.ngrok_logs if log.err)]
        whole = _flat(" ".join([*texts, stderr]))
        return self._told(ngrok_code(whole) or by_words(whole), next(text for text in texts if text))

    def _told(self, code: str, text: str) -> ServiceError:
        first = self._clean(text).replace(f"ERR_NGROK_{code}", "").strip()
        said = "." if code in _PRINTS_THE_TOKEN else f": “{one_line(first, 240)}”."
        return self._failure(code, f"ngrok said no{f' (ERR_NGROK_{code})' if code.isdecimal() else ''}{said}")

    def _failure(self, code: str, seen: str) -> ServiceError:
        cure = cure_for("ngrok", code, "other")
        return ServiceError(
            cure.what if cure else "The tunnel could not be opened.",
            seen,
            cure.next if cure else "Set PUBLIC_URL to the address of another tunnel, or go on in simulator mode.",
        )

    def _clean(self, text: str) -> str:
        return _flat(text).replace(self._token, "••••")


def _flat(text: str) -> str:
    # pyngrok hands on the agent's line ends as two characters each.
    return re.sub(r"(\\r|\\n|\s)+", " ", text).strip()


def _details(body: str) -> str:
    try:
        problem = json.loads(body)
        return str(problem["details"]["err"] or problem["msg"])
    except (ValueError, TypeError, KeyError):
        return body


@contextmanager
def _unread_stderr() -> Iterator[IO[bytes]]:
    # The agent inherits our error output and may print the token there; a log would keep it. This file has no name.
    with tempfile.TemporaryFile() as file:
        sys.stderr.flush()
        before = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield file
        finally:
            os.dup2(before, 2)
            os.close(before)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(20_000).decode("utf-8", "replace")
