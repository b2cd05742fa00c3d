"""Each process of a live course is killed twenty times while webhooks and replies go round: what is lost or twice."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.frame import Options, Row, make_row
from benchmarks.labs import versions
from tests.support.kills import VICTIMS, Size, kill_and_count

__all__ = ["measure", "size_of"]

_SEED = 14
_WEBHOOKS, _REPLIES, _KILLS = 5_000, 500, 20


def size_of(messages: int) -> Size:
    """Return how much goes round: 5,000 webhooks with 500 replies and 20 kills of each process, or as few as asked."""
    webhooks = max(min(messages, _WEBHOOKS), 50)
    replies = webhooks * _REPLIES // _WEBHOOKS
    own = webhooks - 2 * replies
    return Size(own // 2, own - own // 2, replies, max(1, webhooks * _KILLS // _WEBHOOKS))


def measure(options: Options) -> list[Row]:
    """Kill and count. The order of the kills is the same each time; at which instruction one falls, never."""
    size = size_of(options.messages)
    with tempfile.TemporaryDirectory(prefix="nbhelpers-bench-") as folder:
        out = kill_and_count(Path(folder), size, _SEED, lambda line: print(line, file=sys.stderr, flush=True))
    known = versions("jupyter_server", "ipykernel", "uvicorn") | {
        "what": f"{size.webhooks:,} webhooks ({size.posted:,} posted, {size.written:,} written by people, receipts "
        f"of {size.replies:,} replies), {sum(out.kills.values())} kills with seed {_SEED}, in {out.seconds:.0f} s"
    }
    counts = [
        ("answered 200 and not there", len(out.lost), "events", "== 0"),
        ("sent and not there at the end", len(out.missing), "events", "== 0"),
        ("events or replies twice", len(out.twice), "events", "== 0"),
        ("webhooks that are there", out.stored, "events", f"== {size.webhooks}"),
        ("came again, and were counted as deliveries", out.repeated, "webhooks", None),
        ("replies nobody knew of whether they went", out.doubtful, "replies", None),
        ("of these had not gone, and were sent at the end", out.resent, "replies", None),
    ]
    rows = [
        make_row(name, [float(number)], unit, better="lower", bar=bar, versions=known)
        for name, number, unit, bar in counts
    ]
    return rows + [
        make_row(f"{victim} killed until all runs again", out.back[victim], "s", better="lower", versions=known)
        for victim in VICTIMS
    ]
