"""A MongoDB that acknowledges everything and keeps nothing: what a client can do if no server holds it up."""

from __future__ import annotations

import multiprocessing
import socket
import struct
import threading
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

import bson

_HEAD = struct.Struct("<iiii")
_OP_MSG = 2013
_OP_QUERY = 2004
_OP_REPLY = 1
_BODY = 21
_SMALL = 1 << 16
_HELLO: dict[str, Any] = {
    "isWritablePrimary": True,
    "ismaster": True,
    "maxBsonObjectSize": 16 << 20,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "logicalSessionTimeoutMinutes": 30,
    "version": "7.0.0",
    "versionArray": [7, 0, 0, 0],
    "databases": [],
    "users": [],
    "roles": [],
    "n": 1,
    "nModified": 1,
    "cursor": {"id": 0, "ns": "null.null", "firstBatch": []},
    "ok": 1.0,
}
_ANSWER = bson.encode(_HELLO)
_TAKEN = bson.encode({"n": 1, "ok": 1.0})


class NullMongo:
    """One of them, in a process of its own on 127.0.0.1."""

    def __enter__(self) -> NullMongo:
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        self._process = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(theirs,), daemon=True
        )
        self._process.start()
        self.port: int = ours.recv()
        self.uri = f"mongodb://127.0.0.1:{self.port}/?directConnection=true"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()


def _serve(told: Connection) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        told.send(door.getsockname()[1])
        while True:
            line, _ = door.accept()
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_answer, args=(line,), daemon=True).start()


def _answer(line: socket.socket) -> None:
    room = memoryview(bytearray(64 << 20))
    with line:
        while head := _exactly(line, room[:16]):
            size, number, _, kind = _HEAD.unpack(head)
            content = _exactly(line, room[: size - 16])
            # Only what fills batches is large; whether it is an insert stands behind the body's length.
            large = content is None or len(content) > _SMALL
            body = _TAKEN if large else _ANSWER
            if kind == _OP_QUERY:
                rest = struct.pack("<iqii", 8, 0, 0, 1) + body
                line.sendall(_HEAD.pack(16 + len(rest), 1, number, _OP_REPLY) + rest)
            else:
                line.sendall(_HEAD.pack(_BODY + len(body), 1, number, _OP_MSG) + b"\0\0\0\0\0" + body)


def _exactly(line: socket.socket, room: memoryview) -> memoryview | None:
    got = 0
    while got < len(room):
        more = line.recv_into(room[got:], len(room) - got, socket.MSG_WAITALL)
        if not more:
            return None
        got += more
    return room
