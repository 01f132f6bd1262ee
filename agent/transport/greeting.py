"""Who we turn out to be on a host, read from the answer to hello.sh."""

from __future__ import annotations

from agent.transport.order import Me


def greeted(said: bytes) -> Me | None:
    """Return what hello.sh told, or None where it did not speak."""
    lines = said.decode("utf-8", "replace").splitlines()
    for line in lines:
        match line.split(maxsplit=3):
            case ["drillyard-hello", uid, user, home] if uid.isdigit():
                return Me(user, int(uid), home, any("coreutils" in other for other in lines))
    return None
