"""Two Labs, eight kernels and thirty-two readers work in one state directory while webhooks arrive."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.services import launcher
from tests.conftest import wait_until
from tests.faults.conftest import OpenKernel

WEBHOOKS, SENDERS, READERS, PROCESSES = 1_500, 8, 16, 6

WORK = """
from nbhelpers import Lab
lab = Lab()
for number in range(20):
    lab.inbox.note(looked=number)
    lab.inbox.wait_for_message(timeout=20)
    lab.inbox.events(text="rye", limit=20)
    uuid = lab.reply(f"Answer {number}").message_uuid
    lab.progress()
lab.inbox.wait_for_receipt(uuid, timeout=30)
print("All went well.")
"""


def read(lab: Lab, over: threading.Event) -> int:
    """Ask for all that panels ask for, until it is over; return how often."""
    count = 0
    while not over.is_set():
        lab.inbox.newest_message()
        lab.inbox.events(limit=50)
        lab.inbox.events(text="rye bread", limit=50)
        lab.inbox.facts()
        assert "events in" in repr(lab.inbox)
        count += 1
    return count


def post(url: str, body: dict[str, str], number: int) -> int:
    """Send one more webhook of a person who has written."""
    another = body | {"message_uuid": str(uuid.uuid4()), "text": f"Is there rye bread? {number}"}
    return requests.post(url, json=another, timeout=30).status_code


@pytest.mark.timeout(300)
def test_no_database_is_locked_while_two_labs_eight_kernels_and_32_readers_work(
    open_kernel: OpenKernel, tmp_path: Path
) -> None:
    kernels = [open_kernel(f"kernel {number}") for number in range(2)]
    kernels[0].run("lab.need('receive')")
    labs = [Lab(mode="simulator"), Lab(mode="simulator")]
    receiver = launcher.find("receiver", labs[0].settings)
    assert receiver is not None
    known = labs[0].inbox.newest_message().shown_as("v1")
    over = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(2 * READERS + SENDERS) as pool:
        try:
            readers = [pool.submit(read, lab, over) for lab in labs for _ in range(READERS)]
            processes = [
                subprocess.Popen(
                    [sys.executable, "-c", WORK],
                    cwd=tmp_path,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    env=os.environ | {"JPY_PARENT_PID": str(os.getpid())},
                )
                for _ in range(PROCESSES)
            ]
            cells = [kernel.begin(WORK) for kernel in kernels]
            answers = [pool.submit(post, receiver.ready["inbound_url"], known, number) for number in range(WEBHOOKS)]
            assert {answer.result(timeout=120) for answer in answers} == {200}
            said = [kernel.end(cell, 120) for kernel, cell in zip(kernels, cells, strict=True)]
            said += [process.communicate(timeout=120)[0].strip() for process in processes]
        finally:
            over.set()
        assert all(reader.result(timeout=60) > 0 for reader in readers)
    assert said == ["All went well."] * (len(kernels) + PROCESSES)
    assert len(labs[1].inbox.events("inbound")) == WEBHOOKS + 1  # and the message of step 6
    replies = labs[1].inbox.events("reply")
    assert len(replies) == 20 * len(said)
    wait_until(lambda: all(labs[1].inbox.receipts(each.message_uuid).states for each in replies), 30, "the receipts")
    for lab in labs:
        lab.inbox.close()
