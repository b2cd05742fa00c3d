"""A cell that makes a panel, run again and again in a real kernel: no thread, widget or comm stays behind."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client import BlockingKernelClient, KernelManager

pytestmark = pytest.mark.timeout(300)

COUNT = """
import gc, json, threading, time
from comm import get_comm_manager
from ipywidgets.widgets.widget import _instances
time.sleep(1.5)  # threads end within the pause between two looks
gc.collect()
looking = sorted(thread.name for thread in threading.enumerate() if thread.name.endswith(("looks", "plays")))
print(json.dumps([looking, len(_instances), len(get_comm_manager().comms)]))
"""
PANELS = (
    *("psid", "reply", "webhooks", "conversation", "round", "inbox", "lessons", "hops", "credentials", "hello"),
    "token(lab.token())",
)


class Cells:
    """A kernel that is asked as JupyterLab asks: each run says which cell it is of."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def run(self, cell: str, code: str) -> str:
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        asked = self._client.session.msg("execute_request", content, metadata={"cellId": cell})
        self._client.shell_channel.send(asked)
        said = ""
        while True:
            message = self._client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != asked["header"]["msg_id"]:
                continue
            if message["msg_type"] == "stream":
                said += message["content"]["text"]
            assert message["msg_type"] != "error", message["content"]
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return said

    def counted(self) -> Any:
        return json.loads(self.run("count", COUNT).splitlines()[-1])


@pytest.fixture
def cells(tmp_path: Path) -> Iterator[Cells]:
    manager = KernelManager(kernel_name="python3")
    environment = os.environ | {"NBHELPERS_RECEIVER_PORT": "0", "NBHELPERS_SIMULATOR_PORT": "0"}
    manager.start_kernel(env=environment, cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        made = Cells(client)
        made.run("open", f"from nbhelpers import Lab\nlab = Lab(state={str(tmp_path / 'lab')!r})\nlab.need('receive')")
        yield made
        made.run("close", "lab.stop()")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_fifty_runs_of_a_cell_leave_what_one_leaves(cells: Cells) -> None:
    code = "\n".join(f"display(lab.panels.{each if '(' in each else f'{each}()'})" for each in PANELS)
    cells.run("panels", code)
    once = cells.counted()
    assert once[0] == sorted(f"{name} looks" for name in (*FOLLOW,))
    for _ in range(50):
        cells.run("panels", code)
    assert cells.counted() == once


FOLLOW = ("PsidPanel", "ReplyBox", "WebhooksPanel", "ConversationPanel", "RoundPanel", "InboxTable", "LessonsPanel")


def test_a_panel_of_another_cell_is_left_alone(cells: Cells) -> None:
    cells.run("one", "first = lab.panels.psid()\nfirst")
    cells.run("two", "second = lab.panels.psid()\nsecond")
    cells.run("two", "second = lab.panels.psid()\nsecond")
    said = cells.run("three", "print(first.comm is not None, second.comm is not None, bool(first.head.stopped))")
    assert said.split() == ["True", "True", "True"]


def test_two_panels_of_one_run_are_both_kept(cells: Cells) -> None:
    cells.run("one", "pair = [lab.panels.credentials(), lab.panels.credentials()]\npair[0]")
    assert cells.run("two", "print([each.comm is not None for each in pair])").strip() == "[True, True]"
    cells.run("one", "again = lab.panels.credentials()\nagain")
    assert cells.run("two", "print([each.comm is not None for each in pair])").strip() == "[False, False]"
