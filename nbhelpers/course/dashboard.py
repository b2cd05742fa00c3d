"""The two webhook URLs in live and sandbox mode: as the account holds them, set and put back, or by hand."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from nbhelpers.api import webhook_settings
from nbhelpers.api.applications import FIELDS, missing, read, shown
from nbhelpers.api.webhook_settings import Changed, Proposal
from nbhelpers.course.context import CourseContext
from nbhelpers.course.destinations import held_by
from nbhelpers.errors import KitError, SettingsError
from nbhelpers.inbox.events import one_line
from nbhelpers.messages.urls import webhook_url

__all__ = ["LiveWebhooks"]

_HERE = ("127.0.0.1", "localhost")
_NO_URL = "(no public URL yet: open the tunnel with `lab.tunnel`)"


class LiveWebhooks:
    """Both webhook fields of the application. With API key and secret they are shown and can be set from here.

    Nothing is changed without `yes=True`. The hosted sandbox has two fields of its own, on its page of the dashboard,
    and no call that sets them is known: there, and without key and secret, it says what to copy where.
    """

    def __init__(self, course: CourseContext) -> None:
        self._course = course

    @property
    def settable(self) -> bool:
        """Whether these fields can be set from here: live mode, with API key, secret and application ID."""
        course = self._course
        return course.settings.mode == "live" and not missing(course.settings) and bool(course.application_id)

    @property
    def remembers(self) -> bool:
        """Whether there are old webhooks to put back."""
        return webhook_settings.remembered(self._course.inbox, self._course.application_id)

    def save(
        self, inbound: str | None = None, status: str | None = None, method: str = "POST", *, yes: bool = False
    ) -> Proposal | Changed:
        """Show what setting both fields to your public addresses would change; with `yes=True`, do it.

        Raises SettingsError when they cannot be set from here or there is no public address, ApiError when the service
        says no.
        """
        application_id = self._whose()
        if method != "POST":
            raise SettingsError(
                "The messages webhooks take POST alone.", f"You asked for {method}.", "Leave the method out."
            )
        known = self._course.public_urls() or {}
        urls = {"inbound_url": inbound or known.get("inbound_url"), "status_url": status or known.get("status_url")}
        settings = self._course.settings
        addresses = {which: _reachable(which, url, settings.account_host or "") for which, url in urls.items()}
        if yes:
            done = webhook_settings.set_webhooks(settings, self._course.inbox, application_id, addresses)
            moved = self._course.facts.get("public_moved")
            if moved:  # when it moved still matters: what came before says nothing about the new address
                self._course.inbox.note(public_moved=moved | {"from": None})
            return done
        return webhook_settings.propose(read(settings, application_id), addresses)

    def put_back(self, yes: bool = False, force: bool = False) -> Proposal | Changed:
        """Show what putting the old fields back would change; with `yes=True`, do it.

        Raises KitError when nothing is remembered, or when somebody else has changed the fields since and `force` is
        not set; else what `save` raises.
        """
        application_id, course = self._whose(), self._course
        if yes:
            return webhook_settings.put_back(course.settings, course.inbox, application_id, force)
        return webhook_settings.propose_back(read(course.settings, application_id), course.inbox, force)

    def look(self) -> dict[str, Any]:
        """Both fields as the application holds them, against your public addresses. Raises what `save` raises."""
        application = read(self._course.settings, self._whose())
        known, found = self._course.public_urls(), held_by(self._course, application)
        fields, lines = {}, [f"{application}:"]
        for each in found.both:
            fields[each.which] = {
                "address": each.url,
                "http_method": each.method,
                "wanted": each.wanted,
                "right": each.right,
            }
            other = "the method must be POST" if each.leads == "receiver" else f"your receiver is {each.wanted}"
            verdict = {None: "", True: ": right", False: f": wrong, {other}"}[each.right]
            lines.append(f"{FIELDS[each.which]}: {shown(application.messages, each.which)}{verdict}.")
        if application.messages is None:
            lines.append("It has no messages capability.")
        if known and not self._course.is_public:
            lines.append("But no tunnel is open now: these are compared with the last one. Run `lab.tunnel`.")
        if known is None:
            lines.append("There is no public URL yet to compare with: open the tunnel first (`lab.tunnel`).")
        elif any(each.right is False for each in found.both):
            lines.append("To set them, run `lab.webhooks.save()`: it shows old and new first.")
        if self.remembers:
            lines.append("What was there before is remembered: `lab.webhooks.put_back()`.")
        return {"application_id": application.id, "name": application.name, **fields, "text": "\n".join(lines)}

    def as_text(self) -> str:
        """How both fields stand, in words; what went wrong is said too."""
        try:
            return str(self.look()["text"])
        except KitError as error:
            return str(error)

    __repr__ = as_text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        words = self.as_text()  # once for both forms: it asks the service
        return {"text/plain": words, "text/html": webhook_settings.paragraph(words)}

    def _whose(self) -> str:
        """Return the application ID. Raises SettingsError, with both URLs to copy, when the fields are set by hand."""
        settings, application_id = self._course.settings, self._course.application_id
        known = self._course.public_urls() or dict.fromkeys(FIELDS, _NO_URL)
        copies = " ".join(f"{label}: {known[which]}" for which, label in FIELDS.items())
        if settings.mode == "sandbox":
            raise SettingsError(
                "The hosted sandbox has two webhook fields of its own.",
                f"They stand on its page of the dashboard, and no call that sets them is known. {copies}",
                "Copy both there, and save.",
            )
        if unset := missing(settings):
            whose = f"application …{one_line(application_id[-4:])}" if application_id else "your application"
            raise SettingsError(
                "These two fields are on the dashboard.",
                f"{' and '.join(unset)} {'is' if len(unset) == 1 else 'are'} not set, so they cannot be read or set "
                f"from here. {copies} HTTP method: POST.",
                f"Copy both there: {whose}, Messages. Then press *Save changes*.",
            )
        if not application_id:
            raise SettingsError("There is no application ID.", "VONAGE_APPLICATION_ID is not set.", "Set it in .env.")
        return application_id


def _reachable(which: str, url: str | None, service: str) -> str:
    if not url:
        raise SettingsError(
            "There is no public URL yet.",
            "The service cannot reach your receiver on this computer without one.",
            "Open the tunnel first: `lab.tunnel`.",
        )
    # A stand-in for the service on this computer may call this computer.
    if urlsplit(webhook_url(which, url)).hostname in _HERE and urlsplit(service).hostname not in _HERE:
        raise SettingsError(
            "The service cannot reach this address.",
            f"You gave {one_line(url, 150)}.",
            "Give a public one, with https:// and a host, or leave it out.",
        )
    return url
