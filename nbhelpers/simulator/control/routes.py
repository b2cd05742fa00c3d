"""The routes under `/_simulator/` for what people do on screens and phones: dashboard, Pages, link page, the person."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response

from nbhelpers.auth.tokens import clean
from nbhelpers.errors import KitError, TokenError
from nbhelpers.messages.urls import webhook_url
from nbhelpers.simulator.api import applications
from nbhelpers.simulator.control.link_page import link_page, linked_page, why_refused
from nbhelpers.simulator.delivery.scheduler import Deliverer
from nbhelpers.simulator.http import LONGEST_BODY, Body, Form, Handler, TooLong, action, answer, refused, texts
from nbhelpers.simulator.people import People
from nbhelpers.simulator.phone import Phone
from nbhelpers.simulator.rules.problems import Problem
from nbhelpers.simulator.rules.scenes import SCENES
from nbhelpers.simulator.sending.auth import authenticate
from nbhelpers.simulator.storage.store import Store
from nbhelpers.simulator.storage.tables import Page

__all__ = ["ControlRoutes"]

_CHOICES = {"http_method": ("GET", "POST"), "shape": ("v0.1", "v1"), "balance": ("ok", "low")}
_URLS = ("inbound_url", "status_url")
_WHO = ("page", "person", "psid")
_SHOWN = 200  # messages on a phone's screen: a panel asks every second


_Path = tuple[str, str, Handler]


class ControlRoutes:
    """The paths under `/_simulator/`, `others` among them. All but the link page need the control token."""

    def __init__(
        self,
        store: Store,
        people: People,
        deliverer: Deliverer,
        others: Sequence[_Path],
        control: str,
        presented: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store, self._people, self._deliverer, self._control = store, people, deliverer, control
        self._others, self._phone, self._presented = others, Phone(store, people), presented
        self._refused: tuple[str, str] | None = None  # the Page whose link was refused last, and why

    def table(self) -> list[tuple[str, str, Handler]]:
        """Return path, method and handler of everything there is."""
        guarded: list[tuple[str, str, Handler]] = [
            ("pages", "POST", action(self.create_page, "name")),
            ("pages", "GET", action(self.pages)),
            ("pages/token", "POST", action(self.page_token, "page")),
            ("published", "PUT", action(self.publish, "page", "published")),
            ("settings", "GET", action(self.settings)),
            ("settings", "PUT", action(self.change_settings, *_URLS, *_CHOICES)),
            ("settings/test", "POST", self.try_webhooks),
            ("keys", "POST", action(self.regenerate_keys, "application_id", "save")),
            ("link", "DELETE", action(self.unlink, "page")),
            ("write", "POST", action(self.write, "page", "person", "psid", "type", "text", "url")),
            ("read", "POST", action(self.read, "page", "person", "psid")),
            ("scenes", "GET", action(lambda _form: {"scenes": SCENES})),
            ("scenes", "POST", action(self.play, "scene", "page")),
            ("phone", "POST", action(self.screen, *_WHO)),
            ("sent", "POST", action(self.sent, "message_uuid")),
            ("tap", "POST", action(self.tap, *_WHO, "choice")),
            ("location", "POST", action(self.send_location, *_WHO, "latitude", "longitude")),
            ("react", "POST", action(self.react, *_WHO, "emoji", "message_uuid")),
            ("blocked", "PUT", action(self.block, "page", "person", "blocked")),
        ]
        # Of the link page the JWT says who may: no control token.
        free: list[tuple[str, str, Handler]] = [("link", "POST", self.link), ("link", "GET", self.show_link_page)]
        routes = [(*route, True) for route in [*guarded, *self._others]] + [(*route, False) for route in free]
        return [(f"/_simulator/{path}", verb, self._in_words(handler, by)) for path, verb, handler, by in routes]

    def _in_words(self, handler: Handler, by_token: bool) -> Handler:
        """Return a handler that says in words why it refuses; `by_token` alone, if it needs the control token."""

        async def inner(request: Request) -> Response:
            given = request.headers.get("x-simulator-token", "")
            if by_token and not hmac.compare_digest(given.encode(), self._control.encode()):
                return refused(
                    403, "This path needs the control token.", "It is in simulator.json of the state directory."
                )
            try:
                return await handler(request)
            except TooLong:
                return refused(413, "The body is too long.", f"It has more than {LONGEST_BODY} bytes.")
            except KitError as error:
                return refused(400, error.what, error.seen, error.next)

        return inner

    # The dashboard

    def settings(self, _form: Form) -> Body:
        """Return the account's settings."""
        account = self._store.account
        return {name: getattr(account, name) for name in (*_URLS, *_CHOICES)}

    def change_settings(self, form: Form) -> Body:
        """Change some of them; an empty URL unsets it."""
        for name, choices in _CHOICES.items():
            if name in form and form[name] not in choices:
                raise KitError(f"{name} cannot be that.", f"You gave “{form[name]}”.", f"Use {' or '.join(choices)}.")
        for name in _URLS:
            if form.get(name):
                webhook_url(name, form[name])
        self._store.change_account(**form)
        self._deliverer.wake()
        return self.settings(form)

    async def try_webhooks(self, _request: Request) -> Response:
        """Make one test call to each URL."""
        return answer({"calls": await self._deliverer.try_webhooks()})

    def regenerate_keys(self, form: Form) -> Body:
        """Make a new key pair for an application; with `save` “no” the new public key is not kept."""
        found = self._store.application(form.get("application_id"))
        if found is None:
            raise KitError(
                "There is no such application.", f"You named {form.get('application_id')}.", "Use the ID of step 2."
            )
        private = applications.regenerate(self._store, found, form.get("save") != "no")
        if isinstance(private, Problem):
            raise KitError("The application is gone.", f"{found.id} was deleted meanwhile.", "Make another.")
        return {"application_id": found.id, "private_key": private}

    # Pages

    def create_page(self, form: Form) -> Body:
        """Make a Page."""
        page = self._people.create_page(form.get("name", ""))
        return _shown(page) | {"people": self._people.people(page)}

    def pages(self, _form: Form) -> Body:
        """Return all Pages, with the people who wrote to each."""
        named, why = self._refused or ("", None)
        pages = [
            _shown(page)
            | {"people": self._people.people(page), "refused": why if named in (page.id, page.name) else None}
            for page in self._store.pages()
        ]
        return {"pages": pages}

    def page_token(self, form: Form) -> Body:
        """Return the access token that Facebook gives out for a Page, as the External Accounts API wants it."""
        page = self._people.page(form.get("page"))
        return {"page_id": page.id, "access_token": page.access_token}

    def publish(self, form: Form) -> Body:
        """Publish a Page, or take it off."""
        page, published = self._people.page(form.get("page")), form.get("published") != "no"
        self._people.publish(page, published)
        return {"page_id": page.id, "page": page.name, "published": published}

    # The link page

    async def show_link_page(self, _request: Request) -> Response:
        """Show the form of the link page."""
        return Response(link_page(self._store.pages(), presented=self._presented()), media_type="text/html")

    async def link(self, request: Request) -> Response:
        """Link a Page to the application of the JWT that was pasted."""
        form = await texts(request, "jwt", "page")
        wants_html = "text/html" in request.headers.get("accept", "")

        def refused_page(status: int, why: str) -> Response:
            page = link_page(self._store.pages(), why, self._presented())
            return Response(page, status, media_type="text/html")

        pasted = form.get("jwt", "")
        with contextlib.suppress(TokenError):  # then it is refused as it stands
            pasted, _ = clean(pasted)
        caller = authenticate(self._store, [f"Bearer {pasted}"])
        named = form.get("page", "")
        if isinstance(caller, Problem):
            why, cure = why_refused(self._store, pasted)
            self._refused = named, why
            return refused_page(401, f"{why} {cure}") if wants_html else answer(caller)
        self._refused = None
        try:
            page = self._people.page(named)
            named = page.id
            await asyncio.to_thread(self._people.link, page, caller.application)
        except KitError as error:
            self._refused = named, error.seen
            if wants_html:
                return refused_page(400, str(error))
            raise
        if wants_html:
            return Response(linked_page(page, self._presented()), media_type="text/html")
        return answer({"page_id": page.id, "page": page.name, "linked": True})

    def unlink(self, form: Form) -> Body:
        """Take the link of a Page back."""
        page = self._people.page(form.get("page"))
        self._people.link(page, None)
        return {"page_id": page.id, "page": page.name, "linked": False}

    # The person

    def write(self, form: Form) -> Body:
        """Let a person write."""
        details = {name: form.get(name) for name in ("person", "text", "url", "psid")}
        return asdict(self._people.write(self._people.page(form.get("page")), kind=form.get("type", "text"), **details))

    def read(self, form: Form) -> Body:
        """Let a person read."""
        page = self._people.page(form["page"]) if "page" in form else None
        read = self._people.read(page, form.get("person"), form.get("psid"))
        return {"read": len(read), "message_uuids": read}

    def screen(self, form: Form) -> Body:
        """Return what a person's phone shows of the conversation."""
        return {"messages": self._phone.screen(self._people.page(form.get("page")), *_person(form), limit=_SHOWN)}

    def sent(self, form: Form) -> Body:
        """Return one message that was accepted, as a phone shows it; None for an unknown uuid."""
        return {"message": self._phone.sent(form.get("message_uuid", ""))}

    def tap(self, form: Form) -> Body:
        """Let a person tap a quick reply or a button."""
        return asdict(self._phone.tap(self._people.page(form.get("page")), form.get("choice", ""), *_person(form)))

    def send_location(self, form: Form) -> Body:
        """Let a person send a place."""
        page = self._people.page(form.get("page"))
        try:
            place = float(form.get("latitude", "")), float(form.get("longitude", ""))
        except ValueError:
            seen = f"You gave “{form.get('latitude', '')}” and “{form.get('longitude', '')}”."
            raise KitError("This is no place.", seen, "Give latitude and longitude in degrees.") from None
        return asdict(self._phone.send_location(page, *place, *_person(form)))

    def react(self, form: Form) -> Body:
        """Let a person react to a message."""
        page = self._people.page(form.get("page"))
        return asdict(self._phone.react(page, form.get("emoji", "👍"), form.get("message_uuid"), *_person(form)))

    def play(self, form: Form) -> Body:
        """Let the people of a scene write."""
        page = self._people.page(form.get("page"))
        said = self._people.play(page, form.get("scene", ""))
        return {"page_id": page.id, "said": [asdict(each) for each in said]}

    def block(self, form: Form) -> Body:
        """Let a person block a Page; with `blocked` “no” take that back."""
        page, blocked = self._people.page(form.get("page")), form.get("blocked") != "no"
        psid = self._people.block(page, form.get("person"), blocked)
        return {"page_id": page.id, "psid": psid, "blocked": blocked}


def _person(form: Form) -> tuple[str | None, str | None]:
    return form.get("person"), form.get("psid")


def _shown(page: Page) -> dict[str, object]:
    """Return a Page without its tokens."""
    names = ("id", "name", "published", "application_id", "at", "linked")
    return {name: getattr(page, name) for name in names}
