"""Tokens and replies on a learner's way, beside the bare RSA signature in the same run."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from vonage_jwt import JwtClient

from benchmarks.frame import Options, Row, alternate, make_row
from nbhelpers import Lab, __version__
from nbhelpers.auth.private_key import load_key
from nbhelpers.config import settings as configuration
from nbhelpers.services import launcher

__all__ = ["measure"]

_SIGNED = b"x" * 300  # bytes: what a token signs, its header and claims in base64


def measure(options: Options) -> list[Row]:
    """Measure `lab.token()` and each of its peers in turn, then `lab.reply()`, for a fifth of the seconds each."""
    versions = {name: importlib.metadata.version(name) for name in ("PyJWT", "cryptography", "requests", "vonage-jwt")}
    versions = {"nbhelpers": __version__, "Python": platform.python_version(), **versions}
    seconds = options.seconds / 5
    with tempfile.TemporaryDirectory(prefix="nbhelpers-bench-") as folder:
        settings = configuration.load("simulator", folder, environ={}, folder=Path(folder))
        settings = dataclasses.replace(settings, simulator_port=0, receiver_port=0)
        launcher.start("simulator", settings)
        launcher.start("receiver", settings)
        try:
            lab = Lab(state=folder, mode="simulator")
            lab.need("webhooks")
            lab.user.write("Do you have rye bread?")
            key = load_key(lab.key_file).key

            def sign() -> None:
                key.sign(_SIGNED, padding.PKCS1v15(), hashes.SHA256())

            official = JwtClient(lab.facts["application_id"], str(lab.key_file))
            ours, peers = alternate(options.runs, lambda: _rate(lab.token, seconds), lambda: _rate(sign, seconds))
            again, minted = alternate(
                options.runs,
                lambda: _rate(lab.token, seconds),
                lambda: _rate(official.generate_application_jwt, seconds),
            )
            replies = [_rate(lambda: lab.reply("Baked this morning."), seconds) for _ in range(options.runs)]
            lab.inbox.close()
        finally:
            launcher.stop(settings)
    return [
        make_row(
            "lab.token()",
            ours,
            "/s",
            peer="bare RSA signature of 2048 bits",
            peer_values=peers,
            bar=">= 0.85",
            versions=versions,
        ),
        make_row(
            "lab.token() beside the official minter",
            again,
            "/s",
            peer="PyPI vonage-jwt",
            peer_values=minted,
            bar=">= 80",
            versions=versions,
        ),
        make_row("lab.reply(), webhooks delivered meanwhile", replies, "/s", bar=">= 150 /s", versions=versions),
    ]


def _rate(work: Callable[[], object], seconds: float) -> float:
    began, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        work()
        count += 1
    return count / passed
