"""The routes under `/_simulator/` for what people do on screens and phones: dashboard, Pages, link page, the person."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response

from nbhelpers.auth.tokens import clean
from nbhelpers.errors import KitError, TokenError
from nbhelpers.messages.urls import webhook_url
from nbhelpers.simulator.api import applications
from nbhelpers.simulator.control.lessons import LessonRoutes
from nbhelpers.simulator.control.link_page import link_page, linked_page, why_refused
from nbhelpers.simulator.control.webhooks import WebhookRoutes
from nbhelpers.simulator.delivery.scheduler import Deliverer
from nbhelpers.simulator.http import LONGEST_BODY, Handler, TooLong, answer, refused, texts
from nbhelpers.simulator.people import People
from nbhelpers.simulator.rules.problems import Problem
from nbhelpers.simulator.rules.scenes import SCENES
from nbhelpers.simulator.sending.auth import authenticate
from nbhelpers.simulator.storage.store import Store
from nbhelpers.simulator.storage.tables import Page

__all__ = ["ControlRoutes"]

_CHOICES = {"http_method": ("GET", "POST"), "shape": ("v0.1", "v1"), "balance": ("ok", "low")}
_URLS = ("inbound_url", "status_url")


class ControlRoutes:
    """The paths under `/_simulator/`. All but the link page need the control token."""

    def __init__(
        self,
        store: Store,
        people: People,
        deliverer: Deliverer,
        lessons: LessonRoutes,
        looks: WebhookRoutes,
        control: str,
    ) -> None:
        self._store, self._people, self._deliverer, self._control = store, people, deliverer, control
        self._others = lessons.table() + looks.table()
        self._refused: tuple[str, str] | None = None  # the Page whose link was refused last, and why

    def table(self) -> list[tuple[str, str, Handler]]:
        """Return path, method and handler of everything there is."""
        guarded: list[tuple[str, str, Handler]] = [
            ("pages", "POST", self.create_page),
            ("pages", "GET", self.pages),
            ("pages/token", "POST", self.page_token),
            ("published", "PUT", self.publish),
            ("settings", "GET", self.settings),
            ("settings", "PUT", self.change_settings),
            ("settings/test", "POST", self.try_webhooks),
            ("keys", "POST", self.regenerate_keys),
            ("link", "DELETE", self.unlink),
            ("link/expired", "PUT", self.expire_link),
            ("write", "POST", self.write),
            ("read", "POST", self.read),
            ("scenes", "GET", self.scenes),
            ("scenes", "POST", self.play),
            ("blocked", "PUT", self.block),
        ]
        # Of the link page the JWT says who may: no control token.
        free: list[tuple[str, str, Handler]] = [("link", "POST", self.link), ("link", "GET", self.show_link_page)]
        routes = [(path, method, self._guarded(handler)) for path, method, handler in guarded + self._others]
        routes += free
        return [(f"/_simulator/{path}", method, _in_words(handler)) for path, method, handler in routes]

    def _guarded(self, handler: Handler) -> Handler:
        async def guard(request: Request) -> Response:
            given = request.headers.get("x-simulator-token", "")
            if not hmac.compare_digest(given.encode(), self._control.encode()):
                return refused(
                    403, "This path needs the control token.", "It is in simulator.json of the state directory."
                )
            return await handler(request)

        return guard

    # The dashboard

    async def settings(self, _request: Request) -> Response:
        """Answer with the account's settings."""
        account = self._store.account()
        return answer({name: getattr(account, name) for name in (*_URLS, *_CHOICES)})

    async def change_settings(self, request: Request) -> Response:
        """Change some of them; an empty URL unsets it."""
        form = await texts(request, *_URLS, *_CHOICES)
        for name, choices in _CHOICES.items():
            if name in form and form[name] not in choices:
                raise KitError(f"{name} cannot be that.", f"You gave “{form[name]}”.", f"Use {' or '.join(choices)}.")
        for name in _URLS:
            if form.get(name):
                webhook_url(name, form[name])
        await asyncio.to_thread(lambda: self._store.change_account(**form))
        self._deliverer.wake()
        return await self.settings(request)

    async def try_webhooks(self, _request: Request) -> Response:
        """Make one test call to each URL."""
        return answer({"calls": await self._deliverer.try_webhooks()})

    async def regenerate_keys(self, request: Request) -> Response:
        """Make a new key pair for an application; with `save` “no” the new public key is not kept."""
        form = await texts(request, "application_id", "save")
        found = self._store.application(form.get("application_id"))
        if found is None:
            raise KitError(
                "There is no such application.", f"You named {form.get('application_id')}.", "Use the ID of step 2."
            )
        private = await applications.regenerate(self._store, found, form.get("save") != "no")
        if isinstance(private, Problem):
            raise KitError("The application is gone.", f"{found.id} was deleted meanwhile.", "Make another.")
        return answer({"application_id": found.id, "private_key": private})

    # Pages

    async def create_page(self, request: Request) -> Response:
        """Make a Page."""
        form = await texts(request, "name")
        page = await asyncio.to_thread(self._people.create_page, form.get("name", ""))
        return answer(_shown(page) | {"people": self._people.people(page)}, 201)

    async def pages(self, _request: Request) -> Response:
        """All Pages, with the people who wrote to each."""
        named, why = self._refused or ("", None)
        pages = [
            _shown(page)
            | {"people": self._people.people(page), "refused": why if named in (page.id, page.name) else None}
            for page in self._store.pages()
        ]
        return answer({"pages": pages})

    async def page_token(self, request: Request) -> Response:
        """Answer with the access token that Facebook gives out for a Page, as the External Accounts API wants it."""
        page = self._people.page((await texts(request, "page")).get("page"))
        return answer({"page_id": page.id, "access_token": page.access_token})

    async def publish(self, request: Request) -> Response:
        """Publish a Page, or take it off."""
        form = await texts(request, "page", "published")
        page = self._people.page(form.get("page"))
        published = form.get("published") != "no"
        await asyncio.to_thread(self._people.publish, page, published)
        return answer({"page_id": page.id, "page": page.name, "published": published})

    # The link page

    async def show_link_page(self, _request: Request) -> Response:
        """Show the form of the link page."""
        return Response(link_page(self._store.pages()), media_type="text/html")

    async def link(self, request: Request) -> Response:
        """Link a Page to the application of the JWT that was pasted."""
        form = await texts(request, "jwt", "page")
        wants_html = "text/html" in request.headers.get("accept", "")
        pasted = form.get("jwt", "")
        with contextlib.suppress(TokenError):  # then it is refused as it stands
            pasted, _ = clean(pasted)
        caller = authenticate(self._store, [f"Bearer {pasted}"])
        if isinstance(caller, Problem):
            why, cure = why_refused(self._store, pasted)
            self._refused = form.get("page", ""), why
            if wants_html:
                return Response(link_page(self._store.pages(), f"{why} {cure}"), 401, media_type="text/html")
            return answer(caller)
        try:
            page = self._people.page(form.get("page"))
        except KitError as error:
            if wants_html:
                return Response(link_page(self._store.pages(), str(error)), 400, media_type="text/html")
            raise
        self._refused = None
        try:
            await asyncio.to_thread(self._people.link, page, caller.application)
        except KitError as error:
            self._refused = page.id, error.seen
            if wants_html:
                return Response(link_page(self._store.pages(), str(error)), 400, media_type="text/html")
            raise
        if wants_html:
            return Response(linked_page(page), media_type="text/html")
        return answer({"page_id": page.id, "page": page.name, "linked": True})

    async def unlink(self, request: Request) -> Response:
        """Take the link of a Page back."""
        page = self._people.page((await texts(request, "page")).get("page"))
        await asyncio.to_thread(self._people.link, page, None)
        return answer({"page_id": page.id, "page": page.name, "linked": False})

    async def expire_link(self, request: Request) -> Response:
        """Let the link of a Page run out."""
        page = self._people.page((await texts(request, "page")).get("page"))
        await asyncio.to_thread(self._people.expire_link, page)
        return answer({"page_id": page.id, "page": page.name, "expired": True})

    # The person

    async def write(self, request: Request) -> Response:
        """Let a person write."""
        form = await texts(request, "page", "person", "psid", "type", "text", "url")
        page = self._people.page(form.get("page"))
        said = await asyncio.to_thread(
            self._people.write,
            page,
            person=form.get("person"),
            kind=form.get("type", "text"),
            text=form.get("text"),
            url=form.get("url"),
            psid=form.get("psid"),
        )
        return answer(asdict(said), 201)

    async def read(self, request: Request) -> Response:
        """Let a person read."""
        form = await texts(request, "page", "person", "psid")
        page = self._people.page(form["page"]) if "page" in form else None
        read = await asyncio.to_thread(self._people.read, page, form.get("person"), form.get("psid"))
        return answer({"read": len(read), "message_uuids": read})

    async def scenes(self, _request: Request) -> Response:
        """Answer with the scenes that there are, and what happens in each."""
        return answer({"scenes": SCENES})

    async def play(self, request: Request) -> Response:
        """Let the people of a scene write."""
        form = await texts(request, "scene", "page")
        page = self._people.page(form.get("page"))
        said = await asyncio.to_thread(self._people.play, page, form.get("scene", ""))
        return answer({"page_id": page.id, "said": [asdict(each) for each in said]}, 201)

    async def block(self, request: Request) -> Response:
        """Let a person block a Page; with `blocked` “no” take that back."""
        form = await texts(request, "page", "person", "blocked")
        page, blocked = self._people.page(form.get("page")), form.get("blocked") != "no"
        psid = await asyncio.to_thread(self._people.block, page, form.get("person"), blocked)
        return answer({"page_id": page.id, "psid": psid, "blocked": blocked})


def _shown(page: Page) -> dict[str, object]:
    """Return a Page without its tokens."""
    names = ("id", "name", "published", "application_id", "at", "linked")
    return {name: getattr(page, name) for name in names}


def _in_words(handler: Handler) -> Handler:
    async def inner(request: Request) -> Response:
        try:
            return await handler(request)
        except TooLong:
            return refused(413, "The body is too long.", f"It has more than {LONGEST_BODY} bytes.")
        except KitError as error:
            return refused(400, error.what, error.seen, error.next)

    return inner
