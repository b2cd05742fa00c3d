"""`Panels`: one method for each panel of the course, as `lab.panels` offers them."""

from __future__ import annotations

from nbhelpers.course.context import CourseContext
from nbhelpers.course.questions import question
from nbhelpers.inbox.said import Said
from nbhelpers.messages.inbound import MESSENGER
from nbhelpers.widgets.conversation import ConversationPanel
from nbhelpers.widgets.credentials import CredentialsCard
from nbhelpers.widgets.hello import HelloPanel
from nbhelpers.widgets.hop_map import HopMapPanel
from nbhelpers.widgets.inbox_table import InboxTable
from nbhelpers.widgets.lessons import LessonsPanel
from nbhelpers.widgets.psid import PsidPanel
from nbhelpers.widgets.question import QuestionPanel
from nbhelpers.widgets.reply_box import ReplyBox
from nbhelpers.widgets.round import RoundPanel
from nbhelpers.widgets.token import TokenCard
from nbhelpers.widgets.webhooks import WebhooksPanel

__all__ = ["Panels"]


class Panels:
    """One line makes a panel: `lab.panels.reply()`. Press Tab after the dot to see them all."""

    def __init__(self, course: CourseContext) -> None:
        self._course = course

    def hello(self) -> HelloPanel:
        """Make a button, to see that panels work."""
        return HelloPanel(self._course)

    def credentials(self) -> CredentialsCard:
        """Show application ID, key file and public half."""
        return CredentialsCard(self._course)

    def token(self, token: str) -> TokenCard:
        """Show what a token says, its countdown, *Copy JWT*, *Mint again*."""
        return TokenCard(self._course, token)

    def webhooks(self) -> WebhooksPanel:
        """Show the two webhook URLs, the method, the last call."""
        return WebhooksPanel(self._course)

    def psid(self, channel: str = MESSENGER) -> PsidPanel:
        """Show the captured PSID, live, with a line to write as the person; of another `channel` its sender."""
        return PsidPanel(self._course, channel)

    def reply(self, channel: str = MESSENGER) -> ReplyBox:
        """Show the reply box with receipts and the exact request."""
        return ReplyBox(self._course, channel)

    def conversation(self, channel: str = MESSENGER, people: int = 1, plays: bool = False) -> ConversationPanel:
        """Show the whole conversation with one person; beside it the phones of one or two simulated people.

        With `plays` it begins to play by itself.
        """
        return ConversationPanel(self._course, channel, people, plays)

    def round(self, message: Said | None = None) -> RoundPanel:
        """Draw the way of one message (an event or a message_uuid), or of all of the last minute, as it happens."""
        return RoundPanel(self._course, message)

    def inbox(self) -> InboxTable:
        """Show everything that came and was sent as a table: search, both shapes, replay, export."""
        return InboxTable(self._course)

    def hops(self) -> HopMapPanel:
        """Show how far a message comes, hop by hop, and what to do next."""
        return HopMapPanel(self._course)

    def lessons(self) -> LessonsPanel:
        """Show what can go wrong on purpose: start a lesson, let time pass."""
        return LessonsPanel(self._course)

    def question(self, key: str) -> QuestionPanel:
        """Ask the question at the end of a notebook, with three choices."""
        return QuestionPanel(self._course, question(key))

    def __repr__(self) -> str:
        names = [name for name in dir(self) if not name.startswith("_")]
        return "Panels: " + ", ".join(f"{name}()" for name in names)
