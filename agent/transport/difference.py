"""How a file would change, as a unified diff that shows no secret; pure."""

from __future__ import annotations

import difflib
import re

from agent.secrets import MASK, mask

_MOST = 400
_NAMES_SECRET = re.compile(
    r"((?:^|[\s\"'{,;])[\w.-]*(?:password|passwd|passphrase|pass|secret|token|masterauth)[\"']?\s*[:=\s]\s*)\S.*",
    re.IGNORECASE,
)


def difference(path: str, present: bytes | None, wanted: bytes) -> str:
    """Return what writing `wanted` to `path` would change; "" where nothing does.

    `present` is the file as it is, None where there is none. What is not text is said to be so, with its
    size. A revealed secret is masked, and so is the rest of a line that names one: what stands on the host
    was never revealed to us.
    """
    if present == wanted:
        return ""
    before, after = _lines(present or b""), _lines(wanted)
    if before is None or after is None:
        size = "none" if present is None else f"{len(present)} bytes"
        return f"{path}: binary, {size} -> {len(wanted)} bytes"
    old = path if present is not None else "/dev/null"
    lines = [line.rstrip("\n") for line in difflib.unified_diff(before, after, old, path, n=3)]
    left_out = len(lines) - _MOST
    shown = [_NAMES_SECRET.sub(rf"\g<1>{MASK}", line) for line in lines[:_MOST]]
    if left_out > 0:
        shown.append(f"[... {left_out} lines more ...]")
    return mask("\n".join(shown))


def _lines(data: bytes) -> list[str] | None:
    """Return the lines of a text, or None where it is none."""
    if b"\0" in data:
        return None
    try:
        return [*map(_printable, data.decode().splitlines(keepends=True))]
    except UnicodeDecodeError:
        return None


def _printable(line: str) -> str:
    # A file must not be able to speak to the terminal it is shown on.
    return "".join(letter if letter.isprintable() or letter in "\t\n" else "\ufffd" for letter in line)
