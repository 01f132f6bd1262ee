"""As much of WebSocket (RFC 6455) as it takes to say a sentence and to hear one."""

from __future__ import annotations

import base64
import os
import socket
import struct
import time
from typing import Any
from urllib.parse import urlsplit

from agent.payload.visit import connect

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_MOST = 1 << 20


class Refused(Exception):
    """The server did not agree to a WebSocket, or closed it; the sentence says how."""


class Listener:
    """One open WebSocket."""

    def __init__(self, url: str, spec: dict[str, Any]) -> None:
        """Open it; `spec` as in `visit`.

        Raises:
            Refused, OSError: it was not opened.
        """
        parts = urlsplit(url)
        secure = parts.scheme in ("https", "wss")
        connection = connect(url.replace("ws", "http", 1) if parts.scheme.startswith("ws") else url, spec)
        connection.connect()
        assert connection.sock is not None
        self._socket: socket.socket = connection.sock
        key = base64.b64encode(os.urandom(16)).decode()
        usual = 443 if secure else 80
        host = parts.hostname if parts.port in (None, usual) else f"{parts.hostname}:{parts.port}"
        lines = [
            f"GET {(parts.path or '/')}{'?' + parts.query if parts.query else ''} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *(f"{name}: {value}" for name, value in spec.get("headers", {}).items()),
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._left = b""
        head = self._until(b"\r\n\r\n")
        first = head.split(b"\r\n", 1)[0]
        if b" 101 " not in first:
            raise Refused(f"expected 101, found {first.decode('latin-1')}")

    def say(self, text: str) -> None:
        """Send one message of text."""
        self._send(_TEXT, text.encode())

    def hear(self, seconds: float) -> str:
        """Return the next message; raises TimeoutError where none comes, Refused where it is closed."""
        end = time.monotonic() + seconds
        whole = b""
        while True:
            self._socket.settimeout(max(0.01, end - time.monotonic()))
            first, second = self._exactly(2)
            size = second & 0x7F
            if size == 126:
                size = struct.unpack("!H", self._exactly(2))[0]
            elif size == 127:
                size = struct.unpack("!Q", self._exactly(8))[0]
            if size > _MOST:
                raise Refused(f"a message of {size} bytes")
            data = self._exactly(size)
            kind = first & 0x0F
            if kind == _CLOSE:
                raise Refused(f"it was closed: {data[2:].decode('utf-8', 'replace') or data[:2].hex()}")
            if kind == _PING:
                self._send(_PONG, data)
            elif kind != _PONG:
                whole += data
                if first & 0x80:
                    return whole.decode("utf-8", "replace")

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()

    def _send(self, kind: int, data: bytes) -> None:
        mask = os.urandom(4)
        if len(data) < 126:
            size = bytes([0x80 | len(data)])
        elif len(data) < 65536:
            size = bytes([0x80 | 126]) + struct.pack("!H", len(data))
        else:
            size = bytes([0x80 | 127]) + struct.pack("!Q", len(data))
        masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(data))
        self._socket.sendall(bytes([0x80 | kind]) + size + mask + masked)

    def _exactly(self, size: int) -> bytes:
        while len(self._left) < size:
            self._more()
        found, self._left = self._left[:size], self._left[size:]
        return found

    def _until(self, end: bytes) -> bytes:
        while end not in self._left:
            if len(self._left) > _MOST:
                raise Refused("an answer without an end")
            self._more()
        found, _, self._left = self._left.partition(end)
        return found

    def _more(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise Refused("the connection was closed")
        self._left += data
