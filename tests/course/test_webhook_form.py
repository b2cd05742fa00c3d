"""The webhook form is kept in the shape that a notebook reads, and what is the learner's own is left and told."""

from __future__ import annotations

import pytest

from nbhelpers import Lab
from nbhelpers.course.steps import need
from tests.course.test_steps import last_line
from tests.support.labs import course_of
from tests.support.simulation import target

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(("before", "version", "after"), [("v1", "v0.1", "v0.1"), ("v0.1", "v1", "v1")])
def test_a_form_that_was_filled_in_takes_the_shape_of_the_notebook_that_needs_it(
    ready: Lab, before: str, version: str, after: str
) -> None:
    ready.simulator.change_settings(shape=before)
    assert last_line(need(course_of(ready, api_version=version), "webhooks")) == "Ready for step 6."
    assert ready.simulator.settings()["shape"] == after
    event = ready.inbox.wait_for_message(ready.user.write("Rye?"), timeout=10)
    assert event.shape == after


def test_a_form_that_the_learner_saved_keeps_its_shape_and_need_says_so(ready: Lab) -> None:
    ready.webhooks.save(method="POST")
    ready.simulator.change_settings(shape="v1")
    assert last_line(ready.need("webhooks")) == (
        "Ready for step 6. Webhooks come in today's shape here; this notebook reads the guide's. "
        '`lab.webhooks.save(method="POST")` sets it.'
    )
    assert ready.simulator.settings()["shape"] == "v1"
    ready.webhooks.save(method="POST")
    assert last_line(ready.need("webhooks")) == "Ready for step 6."
    assert "come in the guide's shape here; this notebook reads today's." in last_line(
        need(course_of(ready, api_version="v1"), "webhooks")
    )


def test_a_server_of_ones_own_that_loses_the_webhooks_is_named_with_the_way_to_give_it_some(ready: Lab) -> None:
    with target(path="/own") as server:
        ready.webhooks.save(server.url, server.url, method="POST")
        assert last_line(ready.need("webhooks")) == (
            f"Ready for step 6. The webhook URLs led to {server.url}; they lead to the kit's receiver again. "
            "For a server of your own start `nbhelpers simulator --state mine --demo --inbound URL --status URL` "
            "in a terminal."
        )
    assert ready.simulator.settings()["inbound_url"] == ready.receiver.inbound_url


def test_a_form_that_was_empty_was_led_to_no_server(ready: Lab) -> None:
    ready.simulator.change_settings(inbound_url="", status_url="")
    assert last_line(ready.need("webhooks")).startswith("Step 5 is filled in with sample values")
