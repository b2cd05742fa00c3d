"""The computer's clock is an hour wrong, or is set by an hour while all runs."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from nbhelpers.services import launcher
from nbhelpers.services.record import is_alive, read_record
from tests.conftest import wait_until
from tests.faults.conftest import OpenKernel
from tests.support.faults import Clock
from tests.support.kernels import Kernel

pytestmark = pytest.mark.timeout(240)

HOUR = 3600.0
ANSWER = "lab.inbox.wait_for_receipt(lab.reply('An answer'), timeout=10).states"
DELIVERED = "['submitted', 'delivered']"


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


def say(kernel: Kernel, text: str) -> str:
    """Let Ada write, and return what the newest message says as soon as hers has come."""
    return kernel.run(f"said = lab.user.write({text!r})\nlab.inbox.wait_for_message(said, timeout=10).text")


def newest(kernel: Kernel) -> str:
    return kernel.run("lab.inbox.newest_message().text")


def test_the_services_are_the_same_and_keep_their_owners_when_the_clock_is_set(
    open_kernel: OpenKernel, clock: Clock
) -> None:
    kernel = open_kernel(**clock.environment)
    kernel.run("lab.need('receive')")
    names = ("simulator", "receiver")
    before = [read_record(kernel.settings.folder, name) for name in names]
    for ahead in (HOUR, -HOUR):
        clock.set(ahead)
        kernel.run("lab = Lab()\nlab.need('receive')")
        time.sleep(12)  # longer than a service stays without an owner
        found = [launcher.find(name, kernel.settings) for name in names]
        assert [each and each.pid for each in found] == [each and each.pid for each in before]
        assert say(kernel, f"{ahead} s") == f"'{ahead} s'"
        assert kernel.run(ANSWER) == DELIVERED
    assert all(each and is_alive(each.pid, each.created) for each in before)


def test_what_comes_is_told_in_its_order_though_the_clock_was_set_back(open_kernel: OpenKernel, clock: Clock) -> None:
    clock.set(HOUR)
    kernel = open_kernel(**clock.environment)
    kernel.run("lab.need('webhooks')")
    assert say(kernel, "the first") == "'the first'"
    assert kernel.run(ANSWER) == DELIVERED
    clock.set(0)
    assert say(kernel, "the second") == "'the second'"
    assert newest(kernel) == "'the second'"
    assert kernel.run(ANSWER) == DELIVERED
    told = "[each.text for each in lab.inbox.events() if each.kind in ('inbound', 'reply')]"
    assert kernel.run(told) == "['the first', 'An answer', 'the second', 'An answer']"
    shown = "[line['text'] for line in lab.simulator.phone(page=lab.inbox.facts()['page_name'])]"
    assert kernel.run(shown) == kernel.run(told)
    assert kernel.run("lab.inbox.wait_for_receipt(lab.reply('One more'), timeout=10).states") == DELIVERED
    kernel.run("said = lab.reply('To be read')\nlab.inbox.wait_for_receipt(said, timeout=10)\nlab.user.read()")
    assert "'read'" in kernel.run("lab.inbox.wait_for_receipt(said, 'read', timeout=10).states")


def test_a_retry_comes_after_its_wait_though_the_clock_is_set_back_meanwhile(
    open_kernel: OpenKernel, clock: Clock
) -> None:
    kernel = open_kernel(**clock.environment)
    kernel.run("lab.need('webhooks')")
    kernel.run("lab.simulator.fault('receiver-down', 1)\nsaid = lab.user.write('Tried twice')")
    tried = "[row['attempts'] for row in lab.simulator.webhooks() if row['uuid'] == said.message_uuid]"
    wait_until(lambda: kernel.run(tried) == "[1]", what="the first try")
    begun = time.monotonic()
    clock.set(-HOUR)
    assert kernel.run("lab.inbox.wait_for_message(said, timeout=30).text") == "'Tried twice'"
    assert time.monotonic() - begun < 15  # five seconds, and five until the simulator looks at the clock


def test_what_was_aged_before_the_clock_was_set_back_ages_nothing_that_is_made_now(
    open_kernel: OpenKernel, clock: Clock
) -> None:
    clock.set(HOUR)
    kernel = open_kernel(**clock.environment)
    kernel.run("lab.need('receive')")
    kernel.run("lab.simulator.advance(hours=30)")
    clock.set(0)
    time.sleep(6)  # until the simulator has looked at the clock
    assert say(kernel, "After the night") == "'After the night'"
    assert kernel.run(ANSWER) == DELIVERED
    ago = "import time\n[round(time.time() - page['people'][0]['wrote']) for page in lab.simulator.pages()]"
    assert 0 <= int(kernel.run(ago).strip("[]")) < 60


def test_the_window_stays_24_hours_though_the_clock_was_set_back(open_kernel: OpenKernel, clock: Clock) -> None:
    clock.set(HOUR)
    kernel = open_kernel(**clock.environment)
    kernel.run("lab.need('receive')")
    clock.set(0)
    time.sleep(6)
    kernel.run("panel = lab.panels.psid()")
    left = kernel.run("import time\nround((panel._window.expires - time.time()) / 3600, 1)")
    assert left == "24.0"
    kernel.run("lab.simulator.advance(hours=24, minutes=1)")
    assert "rejected" in kernel.run("lab.inbox.wait_for_receipt(lab.reply('Too late'), timeout=10).states")


@pytest.mark.parametrize(("ahead", "word"), [(HOUR, "ahead"), (-HOUR, "behind")])
def test_a_refused_token_of_a_wrong_clock_names_the_clock_and_works_when_it_is_right(
    open_kernel: OpenKernel, clock: Clock, ahead: float, word: str
) -> None:
    open_kernel("right").run("lab.need('receive')")
    kernel = open_kernel("wrong", **clock.environment)
    clock.set(ahead)
    said = kernel.run("lab.reply('From another hour')")
    assert said.startswith("ApiError: The service did not accept this token.")
    wrong = rf"(3599|360[01]) s {word}"  # both are told in whole seconds
    assert re.search(rf"this computer's clock is {wrong}\. Let this computer set its clock", said), said
    assert re.search(rf"clock       to do: {wrong}: this computer says", kernel.run("lab.check_credentials()"))
    clock.set(0)
    assert kernel.run(ANSWER) == DELIVERED


def test_a_receiver_whose_clock_is_an_hour_behind_takes_all_and_the_doctor_names_the_clock(
    open_kernel: OpenKernel, clock: Clock
) -> None:
    kernel = open_kernel()
    kernel.run("lab.need('webhooks')\nlab.stop()\nlab = Lab()")
    clock.set(-HOUR)
    beside = open_kernel("beside", **clock.environment)
    beside.run("lab.receiver")  # started here, so it has this kernel's clock
    assert say(kernel, "Signed in the future") == "'Signed in the future'"
    doctor = kernel.run("lab.doctor()")
    assert "the token was issued in the future: compare the clocks" in doctor
    assert "Set the clock of this computer." in doctor
    clock.set(0)
    assert say(kernel, "Signed now") == "'Signed now'"
    assert "the newest webhook is signed, and the signature fits" in kernel.run("lab.doctor()")
