"""Which image belongs to a folder with a Dockerfile: one tag a content, built only when that changes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

REPOSITORY = "drillyard"
BASE = "debian:bookworm-slim"
IMAGES = Path(__file__).parents[1] / "stacks/images"
TOOLBOX = IMAGES / "toolbox"


def base_image() -> str:
    """Return the image every one of ours is built on: BASE_IMAGE, else Debian's slim one."""
    return os.environ.get("BASE_IMAGE") or BASE


def digest(context: Path, base: str) -> str:
    """Return a fingerprint of what a build reads: names, executable bits, bytes, and the base's name."""
    total = hashlib.sha256(base.encode())
    for path in sorted(context.rglob("*")):
        if path.is_file():
            runs = bool(path.stat().st_mode & 0o100)
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"\0{path.relative_to(context)}\0{runs}\0{content}".encode())
    return total.hexdigest()[:12]


def tag(context: Path, base: str = "") -> str:
    """Return the image's name and tag for the folder's present content: `drillyard/redis_host:1f2e…`."""
    return f"{REPOSITORY}/{context.name.lower()}:{digest(context, base or base_image())}"
