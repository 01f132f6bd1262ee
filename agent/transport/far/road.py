"""The road to a host by way of a worker: asks go there as values, and what comes back is taken as it is."""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any, Protocol

from agent.errors import ContactLost, DrillyardError, LoginRefused, Unreachable
from agent.inventory.model import Host
from agent.secrets import Secret, mask_bytes
from agent.transport.ask import Done, Get, Put, Sh
from agent.transport.far.letter import (
    Carried,
    Clock,
    Close,
    Forget,
    Learn,
    Letter,
    Open,
    Piece,
    Reply,
    Run,
    Work,
)
from agent.transport.far.place import Worker
from agent.transport.output import Kept, Spill

PATIENCE = 15.0
"""Seconds a worker may be late with an answer before it is given up."""

_RATE = 200_000  # bytes a second that even a poor line carries
_PIECE = 4_000_000


class Undelivered(Exception):
    """A letter had no reply; `begun` is False where it certainly never reached its worker."""

    def __init__(self, reason: str, *, begun: bool = True) -> None:
        self.reason = reason
        self.begun = begun
        super().__init__(reason)


class Post(Protocol):
    """How letters reach the workers of an engine; used from many threads."""

    def place(self, host: Host) -> Worker:
        """Return the worker to hold a host's road, and count it as held.

        Raises:
            Unreachable: there is none.
        """

    def left(self, worker: Worker) -> None:
        """Count a road less."""

    def send(self, worker: Worker, letter: Letter, within: float) -> Reply:
        """Return a worker's reply to a letter, waiting no longer than `within` seconds.

        Raises:
            Undelivered: there was none.
        """


class FarRoad:
    """One host's road, held by a worker. A worker that is lost leaves what was in flight unknown.

    Between two asks the road is opened again, there or on another worker: nothing was in flight then.
    """

    def __init__(
        self, to: Host, spill: Path | None, post: Post, keys: Callable[[Host], tuple[bytes, str, str]]
    ) -> None:
        """`keys` returns the host keys that the controller knows for a host, their file and its alias."""
        self.host = to.name
        self._to = to
        self._spills = spill
        self._post = post
        self._keys = keys
        self._worker: Worker | None = None
        self._road = ""
        self._n = 0

    def open(self) -> None:
        """Have a worker open the road, or do nothing where one holds it."""
        self._arrive()

    def run(self, ask: Sh, *, job: str = "") -> Done:
        """Run `ask` and return how it ended; see `Road.run`."""
        size = len(ask.stdin) + 2 * ask.keep
        done: Done = self._ask(Run(_carried(ask), job), str(ask), size, changes=ask.changes, job=job)
        return replace(done, out=mask_bytes(done.out), err=mask_bytes(done.err))

    def put(self, ask: Put) -> None:
        """Write the file, whole or not at all."""
        self._ask(ask, str(ask), len(ask.content), changes=ask.changes)

    def get(self, ask: Get) -> bytes:
        """Return the file's bytes."""
        content: bytes = self._ask(ask, str(ask), ask.limit)
        return content

    def clock(self) -> float:
        """Return the host's time in seconds since 1970, UTC."""
        now: float = self._ask(Clock(), "read the host's clock")
        return now

    def pause(self, seconds: float) -> None:
        """Let time pass between two looks at an awaited state."""
        time.sleep(seconds)

    def forget(self, run: str) -> None:
        """Remove the files of a run's jobs once it is over; never raises."""
        try:
            self._ask(Forget(run), f"forget {run}")
        except DrillyardError:
            return  # a folder left behind is a matter of tidiness, and the run is over

    def close(self) -> None:
        """Let go of the road; never raises."""
        worker, road = self._worker, self._road
        self._worker = None
        if worker is not None:
            self._post.left(worker)
            self._bury(worker, road)

    def _bury(self, worker: Worker, road: str) -> None:
        try:
            self._post.send(worker, Letter(road, -1, Close(), 0.0), within=2.0)
        except Undelivered:
            return  # its lease ends it

    def _ask(self, work: Work, what: str, size: int = 0, *, changes: str = "", job: str = "") -> Any:
        """Have a worker do something on the road and return what came of it.

        Raises:
            ContactLost: the worker went away while it was at it.
            Unreachable: no worker holds the road, nor could one open it; it was not begun.
            DrillyardError: what the road there raised.
        """
        for last in (False, True):
            worker = self._arrive()
            self._n += 1
            try:
                reply = self._sent(worker, work, size)
            except Undelivered as lost:
                self._lose()
                if lost.begun:
                    raise _lost(self.host, worker, lost.reason, what, _afterwards(changes, job)) from None
                reply = Reply("no road", sentence=lost.reason)
            if reply.state != "no road":
                return self._taken(worker, reply)
            # A worker that was restarted between two asks, or closed a road that lay idle: not begun.
            self._lose()
            if last:
                break
        raise Unreachable(f"{self.host}: the worker {worker.name} lost the road; `{what}` was not sent.")

    def _sent(self, worker: Worker, work: Work, size: int) -> Reply:
        """Send a letter and ask how it is going until it is done."""
        letter = Letter(self._road, self._n, work)
        late = PATIENCE + size / _RATE
        reply = self._post.send(worker, letter, letter.wait + late)
        while reply.state == "at it":
            reply = self._post.send(worker, replace(letter, work=None), letter.wait + late)
            if reply.state == "no road":
                raise Undelivered(f"the worker {worker.name} was restarted")
        return reply

    def _taken(self, worker: Worker, reply: Reply) -> Any:
        named = dict(self._fetched(worker, name, size) for name, size in reply.spilled)
        if reply.state == "failed":
            raise _said_by(worker, reply.error())
        if isinstance(reply.value, Done) and reply.value.spill:
            return replace(reply.value, spill=named.get(Path(reply.value.spill).name, ""))
        return reply.value

    def _fetched(self, worker: Worker, name: str, size: int) -> tuple[str, str]:
        """Bring a long output home, its secrets masked once more: we know more of them than the worker."""
        if self._spills is None:
            return name, ""
        spill = Spill(self._spills, name.rpartition("-")[0])
        whole = Kept(0, spill)
        try:
            for offset in range(0, size, _PIECE):
                self._n += 1
                whole.feed(self._sent(worker, Piece(name, offset, _PIECE), _PIECE).value or b"")
            self._n += 1
            self._sent(worker, Piece(name, 0, 0), 0)
        except Undelivered:
            self._lose()  # the answer itself is here; what is missing of its evidence is seen by its size
        finally:
            whole.close()
        return name, spill.path

    def _arrive(self) -> Worker:
        if self._worker is not None:
            return self._worker
        ssh = self._to.road not in ("local", "docker")
        content, shown, alias = self._keys(self._to) if ssh else (b"", "", "")
        digest = hashlib.sha256(content).hexdigest() if shown else ""
        work = Open(replace(_bare(self._to), key_alias=alias), digest, shown, self._spills is not None)
        worker = self._post.place(self._to)
        self._worker, self._road, self._n = worker, token_hex(8), 0
        try:
            reply = self._sent(worker, work, 0)
            if reply.state == "no keys":
                learn = Letter("", 0, Learn(digest, content))
                reply = self._post.send(worker, learn, PATIENCE + len(content) / _RATE)
                if reply.state == "done":
                    reply = self._sent(worker, work, 0)
        except Undelivered as lost:
            self._lose()
            raise Unreachable(
                f"{self.host}: the worker {worker.name} did not open its road: {lost.reason}."
            ) from None
        if reply.state == "done":
            return worker
        self._lose()
        if reply.state == "failed":
            raise _said_by(worker, reply.error())
        raise Unreachable(f"{self.host}: the worker {worker.name} was restarted while it opened the road.")

    def _lose(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            self._post.left(worker)


def _carried(ask: Sh) -> Sh:
    """Return an ask with its secrets looked up here, and without what only a preview needs."""
    sent = copy.copy(ask)
    secrets: Mapping[str, Secret] = {name: Carried.of(secret) for name, secret in ask.secrets.items()}
    object.__setattr__(sent, "secrets", secrets)
    object.__setattr__(sent, "supposing", None)
    return sent


def _bare(host: Host) -> Host:
    """Return of a host what a road needs, and no more: its variables and services stay here."""
    password = host.become_password
    return replace(
        host,
        become_password=Carried.of(password) if password else None,
        groups=(),
        services={},
        vars={},
        places={},
    )


def _said_by(worker: Worker, error: DrillyardError) -> DrillyardError:
    """Return an error of the way to a host with the worker that met it, whose view of the network it is."""
    if not isinstance(error, Unreachable):
        return error
    more = ""
    if isinstance(error, LoginRefused):
        more = f" The keys tried are those of the worker {worker.name}: private keys do not travel."
    return type(error)(f"{error.sentence} (Seen from the worker {worker.name}.){more}", do=error.do)


def _lost(host: str, worker: Worker, reason: str, what: str, do: str) -> ContactLost:
    return ContactLost(f"{host}: the worker {worker.name} was lost ({reason}) while `{what}` ran.", do=do)


def _afterwards(changes: str, job: str) -> str:
    if job and changes:
        return "It goes on without us; resume, and its outcome is taken up from its job."
    if changes:
        return f"Whether it {changes} is unknown: look on the host before it is asked again."
    return "It changes nothing: ask again when a worker is there."
