"""Whether anything answers at host:port: a connection alone is none, as a frozen server's kernel makes it.

python3 -I - '{"where": "redis1:6379", "seconds": 5}'
"""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

from agent.payload.visit import trouble

_LINE = b"PING\r\n"


def answering(spec: dict[str, Any]) -> dict[str, Any]:
    """Return `answers`, and where it does not, `trouble` and `detail`.

    Any byte is an answer: Redis says PONG, or asks for a password, or that it is loading; a server that wants
    TLS says that this was none. `spec` has `where` (host:port) and `seconds` to wait.
    """
    host, _, port = spec["where"].rpartition(":")
    seconds = float(spec.get("seconds", 5))
    try:
        with socket.create_connection((host.strip("[]"), int(port)), seconds) as line:
            line.settimeout(seconds)
            line.sendall(_LINE)
            said = line.recv(1)
    except OSError as error:
        kind, words = trouble(error)
        return {"answers": False, "trouble": kind, "detail": words}
    return {"answers": bool(said), "trouble": "" if said else "reset", "detail": ""}


def main(words: list[str]) -> int:
    """Answer as JSON on stdout."""
    sys.stdout.write(json.dumps(answering(json.loads(words[0]))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
