"""What a JupyterHub needs for the course wherever it runs: a scope for the board, and webhooks that find nobody.

A part of `jupyterhub_config.py` on one host; on Kubernetes, one of `hub.extraConfig` (see README.md).
"""

# ruff: noqa: F821 - `c` is the hub's configuration
import logging
import re

from jupyterhub import handlers

# The board may see which steps somebody has done, and nothing else of a server. The name is the kit's (SCOPE).
c.JupyterHub.custom_scopes = {
    "custom:nbhelpers:progress": {"description": "See which steps of the course a learner has done"}
}

WEBHOOK = re.compile(r"(nbhelpers/webhooks/|nbhelpers%2Fwebhooks%2F)[^/?%\s]+")


class Later(handlers.PrefixRedirectHandler):
    """Answers a webhook for a server that does not run with 503: the service then sends it again, for a day.

    The hub itself would say 403, of which the service's documentation does not say whether it is sent again. There is
    one answer for everybody, so it does not tell who exists.
    """

    async def prepare(self):
        """Let everything else have the hub's own answer."""
        if self.request.method != "POST" or not WEBHOOK.search(self.request.path):
            await super().prepare()
            return
        self.set_status(503)
        self.set_header("Retry-After", "60")
        self.finish({"error": "No server runs here.", "next": "Send again later."})


handlers.PrefixRedirectHandler = Later


class Masked(logging.Filter):
    """Takes the secret out of the path of a webhook, wherever the hub logs one."""

    def filter(self, record):
        """Mask the finished line."""
        line = record.getMessage()
        if WEBHOOK.search(line):
            record.msg, record.args = WEBHOOK.sub(r"\1••••", line), ()
        return True


c.JupyterHub.logging_config = {
    "filters": {"webhooks": {"()": Masked}},
    "handlers": {"console": {"filters": ["webhooks"]}},
}
