"""The credentials card: application ID, key file and public half."""

from __future__ import annotations

import html

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import CredentialsError
from nbhelpers.widgets.base import Panel
from nbhelpers.widgets.parts import CodeBlock, CopyField, Note, block

__all__ = ["CredentialsCard"]


class CredentialsCard(Panel):
    """The application's ID, its key file, and the public half of the key: nothing that is secret."""

    heading = "Credentials"

    def __init__(self, course: CourseContext) -> None:
        self._id = CopyField(label="Application ID", empty="none noted")
        self._file, self._missing, self._public = block(), Note(), CodeBlock(label="public half", folded=True)
        super().__init__(course, [self._id, self._file, self._missing, self._public])
        self.show()

    def refresh(self) -> None:
        public, where, fault = self._key()
        self._id.value = self.course.application_id or ""
        self._file.value = (
            f'<span class="nbh-label">Private key:</span> <code>{html.escape(self.masked(where))}</code> '
            '<span class="nbh-soft">stays here; its public half is what the service holds</span>'
        )
        self._missing.say(fault, "warn")
        self._public.value = public
        self._public.layout.display = "" if public else "none"

    def as_text(self) -> str:
        public, where, fault = self._key()
        rows = {"Application ID": self.course.application_id or "none noted", "Private key": where}
        return "\n".join(f"{name}: {value}" for name, value in (rows | {"Public half": public or fault}).items())

    def _key(self) -> tuple[str, str, str]:
        """Return the public half, where the key is, and what is wrong with it."""
        try:
            key = self.course.key()
        except CredentialsError as error:
            return "", "none that can be used", str(error)
        return key.public_pem.strip(), key.source, ""
