"""Compares the saved webhook form with what a notebook needs: the shape that it reads, the receiver's two URLs."""

from __future__ import annotations

from nbhelpers.course.context import CourseContext
from nbhelpers.course.destinations import destinations
from nbhelpers.messages.inbound import TODAY, shape_of_version

__all__ = ["fit_shape", "taken_from"]


def fit_shape(course: CourseContext) -> str:
    """Have webhooks sent in the shape that this notebook reads; return what there is to say of it, or nothing.

    A form that the learner has saved is left as it is. Where the application holds the URLs it holds the shape too,
    and the form does not count.
    """
    wanted = shape_of_version(course.settings.api_version)
    if course.control.settings()["shape"] == wanted or destinations(course).holder == "application":
        return ""
    if "webhooks" in course.filled():
        course.control.change_settings(shape=wanted)
        return ""
    comes, reads = ("the guide's shape", "today's") if wanted == TODAY else ("today's shape", "the guide's")
    return f'Webhooks come in {comes} here; this notebook reads {reads}. `lab.webhooks.save(method="POST")` sets it.'


def taken_from(course: CourseContext) -> str:
    """Say which server the webhooks are taken from when they are led to the receiver again; nothing if from none."""
    away = [each for each in destinations(course).both if each.leads == "elsewhere" and each.source == "account"]
    if not away:
        return ""
    return (
        f"The webhook URLs led to {away[0].shown}; they lead to the kit's receiver again. For a server of your own "
        "start `nbhelpers simulator --state mine --demo --inbound URL --status URL` in a terminal."
    )
