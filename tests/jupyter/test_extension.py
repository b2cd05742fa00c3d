"""The extension is there wherever the kit is installed, loads little, and tells kernels where their server is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from tests.support.jupyter_server import TOKEN, serving


def test_installing_the_kit_switches_it_on() -> None:
    place = Path(sys.prefix) / "etc" / "jupyter" / "jupyter_server_config.d" / "nbhelpers.json"
    switched = json.loads(place.read_text())
    assert switched == {"ServerApp": {"jpserver_extensions": {"nbhelpers.jupyter.extension": True}}}


def test_a_kernel_knows_where_its_server_listens(tmp_path: Path) -> None:
    with serving(tmp_path / "home", "/user/ada/") as server:
        made = server.post("api/kernels", headers={"Authorization": f"token {TOKEN}"}).json()
        client = BlockingKernelClient()
        client.load_connection_file(str(tmp_path / "home" / "jupyter" / "RUNTIME" / f"kernel-{made['id']}.json"))
        client.start_channels()
        client.wait_for_ready(timeout=60)
        said: list[str] = []
        client.execute_interactive(
            "import os; print(os.environ['NBHELPERS_JUPYTER_URL'])",
            timeout=60,
            output_hook=lambda message: said.append(message["content"].get("text", "")),
        )
        client.stop_channels()
    assert "".join(said).strip() == server.url
    assert urlsplit(server.url).path == "/user/ada/"


@pytest.mark.fast
def test_it_loads_neither_the_panels_nor_a_server_of_ours_nor_the_keys() -> None:
    code = "import sys, nbhelpers.jupyter.extension; print([name for name in sys.argv[1:] if name in sys.modules])"
    heavy = ["ipywidgets", "uvicorn", "starlette", "aiohttp", "pyngrok", "jwt", "cryptography", "requests", "click"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    loaded = done.stdout.strip()
    alone = subprocess.run(
        [sys.executable, "-c", code.replace("nbhelpers.jupyter.extension", "jupyter_server.base.handlers"), *heavy],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert loaded == alone, "more than Jupyter itself has loaded"
