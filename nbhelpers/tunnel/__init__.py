"""A public URL for the receiver, and for nothing else: the tunnel's own process, the ngrok agent in it, its guard."""

from __future__ import annotations

__all__: list[str] = []
