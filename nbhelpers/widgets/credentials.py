"""The credentials card: application ID, key file and public half."""

from __future__ import annotations

import html

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import CredentialsError
from nbhelpers.widgets.base import Panel, block

__all__ = ["CredentialsCard"]


class CredentialsCard(Panel):
    """The application's ID, its key file, and the public half of the key: nothing that is secret."""

    heading = "Credentials"

    def __init__(self, course: CourseContext) -> None:
        self._facts = block()
        super().__init__(course, [self._facts])
        self.show()

    def refresh(self) -> None:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left;vertical-align:top;padding-right:1em">{name}</th>'
            f'<td style="text-align:left">{html.escape(value)}</td></tr>'
            for name, value in self._rows()[:2]
        )
        name, value = self._rows()[2]
        self._facts.value = (
            f"<table>{rows}</table><details><summary>{name}</summary>"
            f'<pre style="font-size:0.8em;margin:0">{html.escape(value)}</pre></details>'
        )

    def as_text(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in self._rows())

    def _rows(self) -> list[tuple[str, str]]:
        try:
            key = self.course.key()
            public, where = key.public_pem.strip(), key.source
        except CredentialsError as error:
            public, where = str(error), "none that can be used"
        application_id = self.course.application_id or "none noted"
        return [("Application ID", application_id), ("Private key", where), ("Public half", public)]
