"""What both stand-ins share: a server of JSON on plain HTTP."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Answering(BaseHTTPRequestHandler):
    """A handler that reads a body and answers JSON."""

    protocol_version = "HTTP/1.1"

    def body(self) -> bytes:
        """Return all that was sent."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def say(self, status: int, said: Any) -> None:
        """Answer."""
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base class
        """Say nothing of what went well."""


def serve(port: int, handler: type[Answering]) -> None:
    """Serve until the process is ended."""
    ThreadingHTTPServer(("0.0.0.0", port), handler).serve_forever()
