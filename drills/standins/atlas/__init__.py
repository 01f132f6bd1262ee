"""A stand-in for MongoDB Atlas's Admin API v2: an HTTP server on 127.0.0.1 that speaks its published schema.

It keeps to the schema's routes, versions, fields, states, errors and limits, and refuses what they do not
allow. What the schema leaves open it does as Atlas's clients report. It restores no data by itself: see
`World.carry`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from drills.standins.atlas import schema
from drills.standins.atlas.guard import Guard
from drills.standins.atlas.schema import Operation
from drills.standins.atlas.world import Refusal, World

SIMULATED = "Atlas (a fake built from the published schema)"
How = Literal["refuse", "fail", "drop", "drop first", "hold"]
_MEDIA = re.compile(r"application/vnd\.atlas\.(\d{4}-\d\d-\d\d)\+json")


@dataclass
class Trouble:
    """What goes wrong with the next `times` requests whose `METHOD path` matches `on`.

    `refuse` is answered with `refusal` and nothing is done; `fail` does it and answers 500; `drop` does it
    and closes the connection without a word; `drop first` closes it before anything is done; `hold` does it,
    and answers when `release` is set.
    """

    on: str
    how: How = "refuse"
    refusal: Refusal | None = None
    times: int = 1
    release: threading.Event = field(default_factory=threading.Event)


@dataclass
class Atlas:
    """The stand-in while it runs: its address, its world, who may ask, what was asked, what goes wrong."""

    url: str
    world: World
    guard: Guard
    asked: list[str] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)

    def trouble(
        self, on: str, how: Any = "refuse", refusal: Refusal | None = None, times: int = 1
    ) -> Trouble:
        """Have something go wrong from now on."""
        self.troubles.append(made := Trouble(on, how, refusal, times))
        return made

    def times(self, on: str) -> int:
        """Return how many requests there were whose `METHOD path` matches."""
        return sum(1 for line in self.asked if re.search(on, line))


@contextmanager
def running(world: World | None = None, guard: Guard | None = None) -> Iterator[Atlas]:
    """Yield a stand-in that is gone afterwards."""
    atlas = Atlas("", world or World(), guard or Guard())
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"atlas": atlas}))
    server.daemon_threads = True
    atlas.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield atlas
    finally:
        for trouble in atlas.troubles:
            trouble.release.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    atlas: Atlas
    protocol_version = "HTTP/1.1"
    # Head and body go out apart; held together by the kernel, each answer would take 40 ms more.
    disable_nagle_algorithm = True
    _lock = threading.Lock()

    def log_message(self, *_words: Any) -> None:
        """Say nothing on the terminal."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the time of Atlas's own clock."""
        return super().date_time_string(timestamp or self.atlas.world.clock())

    def do_GET(self) -> None:
        """Answer."""
        self._answer()

    def do_POST(self) -> None:
        """Answer."""
        self._answer()

    def do_DELETE(self) -> None:
        """Answer."""
        self._answer()

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        line = f"{self.command} {path}"
        self.atlas.asked.append(line)
        trouble = self._trouble(line)
        if trouble and trouble.how == "drop first":
            self.close_connection = True
            return
        try:
            if trouble and trouble.refusal:
                raise trouble.refusal
            with self._lock:
                status, told, version = self._do(path, body)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        if trouble and trouble.how == "hold":
            trouble.release.wait()
        if trouble and trouble.how == "drop":
            self.close_connection = True
        elif trouble and trouble.how == "fail":
            self._refuse(Refusal(500, "UNEXPECTED_ERROR", "Unexpected error."))
        else:
            self._send(status, told, version)

    def _trouble(self, line: str) -> Trouble | None:
        for trouble in self.atlas.troubles:
            if trouble.times > 0 and re.search(trouble.on, line):
                trouble.times -= 1
                return trouble
        return None

    def _do(self, path: str, body: bytes) -> tuple[int, Any, str]:
        atlas = self.atlas
        if path == "/api/oauth/token" and self.command == "POST":
            return (*atlas.guard.token(dict(self.headers), body.decode()), "")
        atlas.guard.let_in(self.command, self.path, dict(self.headers), self.client_address[0])
        self._limits = atlas.guard.count(path)
        for operation in schema.OPERATIONS:
            names = operation.match(self.command, path)
            if names is not None:
                return self._operate(operation, names, body)
        raise Refusal(404, "RESOURCE_NOT_FOUND", f"Cannot find resource {path}.", (path,))

    def _operate(self, operation: Operation, names: dict[str, str], body: bytes) -> tuple[int, Any, str]:
        version = self._version(operation, "Accept", 406)
        if operation.body:
            self._version(operation, "Content-Type", 415)
        if not schema.PROJECT.fullmatch(names["groupId"]) or names["groupId"] != self.atlas.world.project:
            said = f"No group with ID {names['groupId']} exists."
            raise Refusal(404, "GROUP_NOT_FOUND", said, (names["groupId"],))
        self.atlas.guard.allow(operation.roles)
        told = self._carry_out(operation, names, _body(operation, body))
        if operation.answer and not set(told) <= operation.answer:
            raise AssertionError(f"{operation.id} has no {set(told) - operation.answer}")
        return operation.status, told, version

    def _version(self, operation: Operation, header: str, status: int) -> str:
        found = _MEDIA.fullmatch(self.headers.get(header, ""))
        version = operation.version(found[1]) if found else None
        if version is None:
            raise Refusal(status, "INVALID_VERSION_DATE", f"{header} names no version of {operation.id}.")
        return version

    def _carry_out(self, operation: Operation, names: dict[str, str], body: dict[str, Any]) -> Any:
        world, name = self.atlas.world, names.get("clusterName", "")
        match operation.id:
            case "getCluster":
                return world.look(name)
            case "createCluster":
                return world.create(body)
            case "deleteCluster":
                return world.delete(name)
            case "getBackupSchedule":
                return {"clusterName": name, "restoreWindowDays": world.cluster(name).days}
            case "listBackupSnapshots":
                return self._page(world.cluster(name).snapshots)
            case "listBackupRestoreJobs":
                return self._page([_told(job) for job in world.cluster(name).jobs])
            case "getBackupRestoreJob":
                return _told(world.job(name, names["jobId"]))
            case "createBackupRestoreJob":
                return _told(world.restore(name, body))
        raise AssertionError(operation.id)

    def _page(self, items: list[Any]) -> dict[str, Any]:
        asked = parse_qs(urlsplit(self.path).query)
        size = min(500, int(asked.get("itemsPerPage", ["100"])[0]))
        first = (int(asked.get("pageNum", ["1"])[0]) - 1) * size
        return {"results": items[first : first + size], "totalCount": len(items), "links": []}

    def _send(self, status: int, told: Any, version: str) -> None:
        content = b"" if told is None else json.dumps(told).encode()
        kind = f"application/vnd.atlas.{version}+json;charset=utf-8" if version else "application/json"
        self._write(status, content, {"Content-Type": kind, **getattr(self, "_limits", {})})

    def _refuse(self, refusal: Refusal) -> None:
        said: dict[str, Any] = {
            "error": refusal.status,
            "errorCode": refusal.code,
            "reason": self.responses.get(refusal.status, ("Error", ""))[0],
            "detail": refusal.detail,
            "parameters": list(refusal.parameters),
        }
        if refusal.fields:
            fields = [{"field": name, "description": why} for name, why in refusal.fields]
            said["badRequestDetail"] = {"fields": fields}
        content = json.dumps(said).encode() if refusal.code else b""
        self._write(refusal.status, content, {"Content-Type": "application/json", **refusal.headers})

    def _write(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _told(job: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in job.items() if key in schema.JOB}


def _body(operation: Operation, content: bytes) -> dict[str, Any]:
    """Return a request's body where it is of the schema, or refuse it."""
    if not operation.body:
        return {}
    try:
        body = json.loads(content)
    except ValueError:
        raise Refusal(400, "MALFORMED_JSON", "Received JSON is malformed.") from None
    for name, value in body.items():
        kind = operation.body.get(name)
        if kind is None or not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise Refusal(400, "INVALID_ATTRIBUTE", f"Invalid attribute {name} specified.", (name,))
    missing = [name for name in operation.required if name not in body]
    if missing:
        fields = tuple((name, "must not be null") for name in missing)
        raise Refusal(400, "VALIDATION_ERROR", "Validation failed.", tuple(missing), fields)
    return dict(body)
