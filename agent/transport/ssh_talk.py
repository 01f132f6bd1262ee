"""What a login shell says before every command (an `echo` in ~/.bashrc), told from what commands say."""

from __future__ import annotations

import secrets
from collections.abc import Callable

_SAY = 'printf "%s\\n" "$0"; printf "%s\\n" "$0" >&2; exec "$@"'


class Behind:
    """An output from its mark on; what stands before the mark is counted and dropped."""

    def __init__(self, mark: str, sink: Callable[[bytes], None]) -> None:
        """`sink` takes everything after the line that ends with the mark."""
        self._mark = mark.encode() + b"\n"
        self._sink = sink
        self._held: bytes | None = b""
        self.dropped = 0

    def feed(self, data: bytes) -> None:
        """Take what came."""
        if self._held is not None:
            before, mark, data = (self._held + data).partition(self._mark)
            self._held = None if mark else before
            self.dropped = len(before)
        if data:
            self._sink(data)

    def close(self) -> None:
        """Pass on what came where the mark never did: then nothing else was said, and it is the reason."""
        held, self._held = self._held, None
        if held:
            self._sink(held)


def marked(argv: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return a mark that no command can know, and argv that prints it on both outputs before it begins."""
    mark = f"\x1e{secrets.token_hex(8)}"
    return mark, ("sh", "-c", _SAY, mark, *argv)
