"""Starts JupyterLab on the notebooks, with its own files in the state directory and nothing asked of a network."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from nbhelpers import __version__
from nbhelpers.config import settings as configuration
from nbhelpers.config.private_files import make_private_folder
from nbhelpers.config.settings import Settings
from nbhelpers.errors import KitError
from nbhelpers.services.reset import keep_pristine, notebooks_folder

__all__ = ["run_jupyterlab"]


def run_jupyterlab(settings: Settings, browser: bool = True, port: int | None = None) -> None:
    """Become JupyterLab on the notebooks; on Windows, run it and end with its exit code.

    Kernels inherit the state directory and the mode. Raises KitError when the kit is installed without JupyterLab or
    without its notebooks.
    """
    if find_spec("jupyterlab") is None:
        seen = f"The nbhelpers in {sys.prefix} has simulator, client, fixture and command alone."
        raise KitError("JupyterLab is not installed.", seen, "Run start.py, or install `nbhelpers[course]`.")
    folder = notebooks_folder()
    keep_pristine(settings, __version__)
    os.environ["NBHELPERS_STATE"] = str(settings.state)
    if settings.mode != configuration.load(state=settings.state).mode:  # said by --mode: else .env may still change it
        os.environ["NBHELPERS_MODE"] = settings.mode
    # In a terminal of JupyterLab, and after `!` in a cell, `nbhelpers` is found.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    os.environ["NBHELPERS_PREFIX"] = sys.prefix  # the pre-flight check compares it with the kernel's
    # Jupyter's own files too: nothing is written outside the kit, and nothing of another Jupyter is read.
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        os.environ[name] = str(make_private_folder(settings.state / "jupyter" / name.lower()))
    options = [
        f"--ServerApp.root_dir={folder}",
        "--LabApp.default_url=/lab/tree/00_start_here.ipynb",
        # Nothing in the offline course may wait for a network, or ask about one.
        f"--LabApp.app_settings_dir={Path(__file__).parent}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    # Of what the server has to say, only warnings and, as they are critical to it, the address and the end.
    options.append("--Application.log_level=WARN")
    if os.name == "posix":  # a login shell, Jupyter's own choice where no terminal started it, would set PATH anew
        options.append(f"--ServerApp.terminado_settings={ {'shell_command': [os.environ.get('SHELL') or 'sh']} }")
    options += [] if browser else ["--no-browser"]
    options += [f"--port={port}"] if port is not None else []
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    command = [sys.executable, "-m", "jupyterlab", *options]
    opens = "JupyterLab opens in your browser. If it does not, copy" if browser else "JupyterLab starts. Copy"
    sys.stdout.write(f"{opens} the address that follows into your browser. Ctrl+C twice, here, ends it.\n")
    sys.stdout.flush()  # what this process becomes does not know what it has not written yet
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606 - signals then go to Jupyter itself
    raise SystemExit(subprocess.run(command, check=False).returncode)  # noqa: S603
