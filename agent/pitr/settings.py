"""How a capture is to work: places, periods, sizes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """One server's capture. Times are seconds, sizes bytes.

    `uri` is revealed here: it is handed from process to process by stdin and environment, never in an argv.
    `ship_to` is a folder or user@host:folder ("" = nowhere). A segment is sealed after `seal_every` or
    `seal_bytes` of compressed log, whichever comes first. `base_every` 0 takes no base by itself.
    """

    uri: str
    store: str
    host: str = ""
    ship_to: str = ""
    beat_every: float = 1.0
    flush_every: float = 0.4
    seal_every: float = 30.0
    seal_bytes: int = 64 << 20
    base_every: float = 86_400.0
    keep_days: float = 7.0
    workers: int = 0
