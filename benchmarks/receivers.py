"""The receivers that `capture` compares: ours without its storing, and the development server of Flask's tutorials.

`python -m benchmarks.receivers flask|without PORT` serves until it is killed, and prints a line of JSON when it does.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import Any

import uvicorn

from benchmarks.wrk import SECRET
from nbhelpers.auth.signatures import verify
from nbhelpers.services.http_protocol import LimitedProtocol
from nbhelpers.webhooks import receiver
from nbhelpers.webhooks.addresses import INBOUND_PATH

__all__ = ["main"]


class _Forgetful:
    """A recorder that keeps nothing."""

    def __init__(self, _inbox: Any) -> None: ...

    def record(self, _delivery: Any) -> asyncio.Future[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.set_result(1)
        return future

    def close(self) -> None: ...


def _without(port: int) -> None:
    receiver.Recorder = _Forgetful  # type: ignore[assignment,misc]
    app = receiver.receiver_app(None, lambda said, body: (verify(said, body, SECRET), False), "")  # type: ignore[arg-type]
    options: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False, "ws": "none"}
    uvicorn.run(app, port=port, http=LimitedProtocol, lifespan="on", **options)


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
    _flask(port) if kind == "flask" else _without(port)


if __name__ == "__main__":
    main()
