"""The reply box: the two IDs turned round, a counter, Send, the receipts, and the exact request."""

from __future__ import annotations

import html

import ipywidgets

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import KitError
from nbhelpers.inbox.events import channel_name, one_line
from nbhelpers.messages.inbound import MESSENGER
from nbhelpers.messages.outbound import LONGEST_TEXT, OutboundMessage
from nbhelpers.messages.snippets import LANGUAGES, snippet
from nbhelpers.widgets.base import Panel
from nbhelpers.widgets.parts import CodeBlock, Line, Note, block, column, field
from nbhelpers.widgets.person import Names, beside, chips, cure_of, newer_words, pinned, ticks

__all__ = ["ReplyBox"]


class ReplyBox(Panel):
    """Answers the person it was opened for: *To* never changes by itself, even when somebody else writes."""

    heading = "Reply"

    def __init__(self, course: CourseContext, channel: str = MESSENGER) -> None:
        self._channel = channel
        self._you = "you, the Page" if channel == MESSENGER else f"you, on {channel_name(channel)}"
        # Of the other channels the service knows how long a text may be.
        self._limit = LONGEST_TEXT if channel == MESSENGER else None
        self._person: str | None = None
        self._page: str | None = None
        self._uuid: str | None = None
        self._sent = "…"
        self._names = Names(course)
        self._ids, self._receipts, self._said = block(), block(), Note()
        self._line = Line(
            self._say,
            self._answer,
            self._asked,
            label="Your answer",
            placeholder="Your answer",
            go="Send",
            says="Send this answer",
            rows=2,
            limit=self._limit or 0,
        )
        # Radio buttons: a browser tells which one is on, and the arrow keys go through them.
        self._language = field(ipywidgets.RadioButtons, "Language", options=LANGUAGES, orientation="horizontal")
        self._code = CodeBlock(label="the request")
        self._request = column(self._language, self._code)
        self._request.layout.display = "none"
        super().__init__(course, [self._ids, self._line, self._said, self._receipts, self._request])
        if not course.simulated:
            self.head.mode = f"{self.mode_word} · reaches a real person"
        self._language.observe(lambda _: self._typed(), "value")
        self._line.observe(lambda _: self._typed(), "value")
        self.show()
        self._typed()
        self.follow()

    def refresh(self) -> None:
        event, newer = pinned(self.course, self._person, self._channel)
        self._line.disabled = event is None
        self._line.others = [
            ["request", "Request", self._request.layout.display != "none"],
            *([["newest", "Answer the newest instead", None]] if newer else []),
        ]
        if event is None:
            others = html.escape(self.masked(beside(self.course, None, self._channel)))
            self._ids.value = f'<p>{_NOBODY}</p><p class="nbh-soft">{others}</p>'
            return
        if self._person is None:
            self._person, self._page = event.psid, event.page_id
            self._names.meet(event.psid)
            self._typed()
        page, psid = (html.escape(self.masked(each)) for each in (self._page, self._person))
        name = self._names.of(self._person, "")
        who = f"{name}, the person" if name else "the person"
        more = f" ({newer_words(newer)})" if newer else ""
        self._ids.value = (
            f'<p><span class="nbh-label">From</span> <code>{page}</code> '
            f'<span class="nbh-soft">({html.escape(self._you)})</span> → '
            f'<span class="nbh-label">To</span> <code>{psid}</code> '
            f'<span class="nbh-soft">({html.escape(who)}){more}.</span>{self._real()}</p>'
        )
        if self._uuid:
            about = self.course.inbox.events(uuid=self._uuid)
            sent = f"“{html.escape(self.masked(one_line(self._sent, 80)))}”"
            self._receipts.value = f'<p class="nbh-soft">Accepted: {sent}</p>{chips(about)}'
            self._said.say(self.masked(cure_of(about)), "bad")
            self.head.said = self.masked(f"Your answer: {ticks(about)}")

    def _real(self) -> str:
        return "" if self.course.simulated else f" <strong>{_REAL}</strong>"

    def as_text(self) -> str:
        event, newer = pinned(self.course, self._person, self._channel)
        if event is None:
            return "\n".join(line for line in (_NOBODY, beside(self.course, None, self._channel)) if line)
        page_id, psid = self._page or event.page_id, self._person or event.psid
        lines = [f"From {page_id} ({self._you}) to {psid} (the person)", newer_words(newer)]
        if not self.course.simulated:
            lines.append(_REAL)
        lines.append('Without panels: `lab.reply("…")`')
        return "\n".join(line for line in lines if line)

    def _typed(self) -> None:
        if self._person is None or self._page is None:
            return
        # With nothing typed, or too much, the answer that was sent last.
        count = len(self._line.value)
        text = self._line.value if 0 < count <= (self._limit or count) else self._sent
        try:
            message = OutboundMessage(self._page, self._person, text, channel=self._channel)
            code = snippet(self._language.value, self.course.host, self.course.settings.api_version, message)
        except KitError as error:  # IDs from outside may be none
            code = str(error)
        self._code.value = self.masked(code)

    def _asked(self, name: str) -> None:
        if name == "newest":
            self._choose_newest()
            return
        self._request.layout.display = "" if self._request.layout.display == "none" else "none"
        self.show()

    def _answer(self, text: str) -> None:
        self._uuid = None  # whatever is said about this one, the receipts of the one before must not replace it
        accepted = self.course.answer(text, self._person, self._page, self._channel)
        self._uuid, self._sent = accepted.message_uuid, text
        self._typed()
        self.show()

    def _choose_newest(self) -> None:
        with self._lock:
            self._person, self._uuid = None, None
            self._say("")
            self.show()

    def _say(self, words: str) -> None:
        self._receipts.value = ""
        self._said.say(self.masked(words), "bad")


_REAL = "This reaches a real person."
_NOBODY = "Nobody has written yet, so there is nobody to answer. They write first."
