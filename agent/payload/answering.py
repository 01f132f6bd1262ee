"""Whether anything answers at host:port: a connection alone is none, as a frozen server's kernel makes it.

python3 -I - '{"where": "redis1:6379", "seconds": 5}'
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import sys
from typing import Any

from agent.payload.visit import trouble

_LINE = b"PING\r\n"
# {hello: 1, $db: "admin"} as OP_MSG, which needs no login: MongoDB answers nothing but whole messages.
_HELLO = b"\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0"
_BSON = struct.pack("<i", len(_HELLO) + 5) + _HELLO + b"\0"
_MESSAGE = struct.pack("<iiiiiB", 21 + len(_BSON), 1, 0, 2013, 0, 0) + _BSON


def answering(spec: dict[str, Any]) -> dict[str, Any]:
    """Return `answers`, and where it does not, `trouble` and `detail`.

    Any byte is an answer: Redis says PONG, or asks for a password, or that it is loading. One that wants TLS
    hangs up on whoever does not greet it so, as if nobody were there: it is greeted in TLS then, and any word
    of TLS is an answer too. `spec` has `where` (host:port), `seconds` to wait, and `mongodb` where it is one.
    """
    host, _, port = spec["where"].rpartition(":")
    where = (host.strip("[]"), int(port))
    seconds = float(spec.get("seconds", 5))
    try:
        if _says(where, seconds, _MESSAGE if spec.get("mongodb") else _LINE):
            return {"answers": True, "trouble": "", "detail": ""}
        kind, words = "reset", ""
    except OSError as error:
        kind, words = trouble(error)
    if kind == "reset" and _speaks_tls(where, seconds):
        return {"answers": True, "trouble": "", "detail": ""}
    return {"answers": False, "trouble": kind, "detail": words}


def _says(where: tuple[str, int], seconds: float, greeting: bytes) -> bool:
    with socket.create_connection(where, seconds) as line:
        line.settimeout(seconds)
        line.sendall(greeting)
        return bool(line.recv(1))


def _speaks_tls(where: tuple[str, int], seconds: float) -> bool:
    """Return whether a TLS server is there, whoever signed for it and whomever it wants to see."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection(where, seconds) as line:
            line.settimeout(seconds)
            context.wrap_socket(line, server_hostname=where[0]).close()
    except ssl.SSLError as error:
        # It refuses us in TLS; one that only hangs up says nothing.
        return "ALERT" in str(error.reason or "").upper()
    except OSError:
        return False
    return True


def main(words: list[str]) -> int:
    """Answer as JSON on stdout."""
    sys.stdout.write(json.dumps(answering(json.loads(words[0]))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
