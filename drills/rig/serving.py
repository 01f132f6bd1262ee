"""Whether a container that has no sshd serves yet, asked from outside in the way its label names."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

from agent.errors import BadInventory

READY_LABEL = "drillyard.ready"
Look = Callable[[int], str]
"""Asks at a port of 127.0.0.1 and returns what is still missing, or nothing."""


def mongodb(port: int) -> str:
    """Return what keeps a MongoDB from being written to, or nothing: it must be the primary of its set."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    try:
        with MongoClient[dict[str, object]](
            "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=1000, connectTimeoutMS=500
        ) as client:
            hello = client.admin.command("hello")
    except PyMongoError as error:
        return f"MongoDB does not answer ({type(error).__name__})"
    return "" if hello.get("isWritablePrimary") else "MongoDB is not the primary of its set"


def redis(port: int) -> str:
    """Return what keeps a Redis from answering, or nothing; that it asks for a password is an answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            answer = connection.recv(64)
    except OSError as error:
        return f"Redis does not answer ({type(error).__name__})"
    return "" if answer.startswith((b"+PONG", b"-NOAUTH")) else f"Redis answers {answer!r}"


def listens(port: int) -> str:
    """Return that nobody listens, or nothing."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError as error:
        return f"nobody listens ({error})"
    return ""


_LOOKS: Mapping[str, tuple[int, Look]] = {
    "mongodb": (27017, mongodb),
    "redis": (6379, redis),
    "s3": (8080, listens),
}


def look_of(labels: Mapping[str, str], ports: Mapping[int, int]) -> Callable[[], str]:
    """Return how a container with these labels and published ports is asked; without a label it serves.

    Raises:
        BadInventory: its label is unknown, or what it asks for is not published.
    """
    wanted = labels.get(READY_LABEL)
    if not wanted:
        return lambda: ""
    if wanted not in _LOOKS or _LOOKS[wanted][0] not in ports:
        known = ", ".join(f"{name} (port {port})" for name, (port, _) in _LOOKS.items())
        raise BadInventory(
            f"The label {READY_LABEL} is one of {known} with that port published, found {wanted}."
        )
    port, look = _LOOKS[wanted]
    return lambda: look(ports[port])
