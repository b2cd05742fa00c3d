"""The servers that ours are compared with: the receiver without its storing, Flask's, and one that does nothing.

`python -m benchmarks.receivers flask|without|bare PORT` serves until it is killed; it prints a line of JSON first.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import uvicorn

from benchmarks.wrk import SECRET
from nbhelpers.auth.signatures import verify
from nbhelpers.inbox.events import Delivery
from nbhelpers.messages.addresses import INBOUND_PATH
from nbhelpers.messages.other_calls import Recognised
from nbhelpers.services.service import server_config
from nbhelpers.webhooks.receiver import receiver_app

__all__ = ["main"]


async def _forget(_delivery: Delivery, _found: Recognised) -> int:
    return 1


def _without(port: int) -> None:
    app = receiver_app(_forget, lambda said, body: (verify(said, body, SECRET), False))
    config = server_config(app, "off")
    config.port = port
    uvicorn.Server(config).run()


async def _ok(_scope: dict[str, Any], receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def _bare(port: int) -> None:
    config = server_config(_ok, "off")
    config.port = port
    uvicorn.Server(config).run()


def _flask(port: int) -> None:
    from flask import Flask, request

    app = Flask(__name__)

    @app.post(INBOUND_PATH)
    def inbound() -> str:
        print(request.get_json())
        return "OK"

    app.run(port=port)


def main() -> None:
    """Serve."""
    kind, port = sys.argv[1], int(sys.argv[2])
    print(json.dumps({"url": f"http://127.0.0.1:{port}{INBOUND_PATH}"}), flush=True)
    sys.stdout = open("/dev/null", "w")  # noqa: SIM115, PTH123 - a terminal would cost it more
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    {"flask": _flask, "without": _without, "bare": _bare}[kind](port)


if __name__ == "__main__":
    main()
