"""Whether a host answers anybody: looked at again and again over a while, by every way there is to it.

python3 -I - '{"ways": ["http://ref1:8060/health", "ref1:22"], "looks": 4, "span": 60, "patience": 15}'

A connection that is taken in or turned down is an answer: its system runs, however long the service takes.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from agent.payload.visit import trouble, visit

_PORTS = {"http": 80, "https": 443}
_DEAD = ("timeout", "name", "other")


def look(spec: dict[str, Any]) -> dict[str, Any]:
    """Return `answers` (in words, by way; empty = nobody) of the first look that had one, and `looks`.

    `spec` has `ways` (URLs, or HOST:PORT), `looks` (how many, evenly over `span` seconds) and `patience`: the
    seconds that one answer is waited for. `silent` are the words of what kept the last look's from coming.
    """
    ways, looks = list(spec["ways"]), max(1, int(spec["looks"]))
    pause = float(spec["span"]) / max(1, looks - 1)
    began, silent = time.monotonic(), {}
    with ThreadPoolExecutor(max(1, len(ways))) as pool:
        for number in range(looks):
            # The looks are to be apart: what was gone for a moment has come back by the next one.
            time.sleep(max(0.0, began + number * pause - time.monotonic()))
            found = dict(zip(ways, pool.map(lambda way: ask(way, float(spec["patience"])), ways)))
            answers = {way: said for way, (came, said) in found.items() if came}
            silent = {way: said for way, (came, said) in found.items() if not came}
            if answers:
                return {"answers": answers, "looks": number + 1, "silent": silent}
    return {"answers": {}, "looks": looks, "silent": silent}


def ask(way: str, patience: float) -> tuple[bool, str]:
    """Return whether anybody answers by that way, and in words what came or what kept it from coming."""
    parts = urlsplit(way if "://" in way else f"tcp://{way}")
    port = parts.port or _PORTS.get(parts.scheme, 22)
    try:
        with socket.create_connection((parts.hostname or "", port), patience):
            pass
    except OSError as error:
        word, said = trouble(error)
        return word not in _DEAD, "it turns connections down" if word == "refused" else said
    if parts.scheme not in _PORTS:
        return True, "it takes connections in"
    answer = visit(way, {"seconds": patience})
    return True, str(answer["status"]) if answer["status"] else f"it takes connections in; {answer['detail']}"


def main(argv: list[str]) -> int:
    """Print what was found as JSON."""
    json.dump(look(json.loads(argv[0])), sys.stdout)
    return 0
