"""What can be done to a capture while it is at work, and the log of it held against what was written."""

from __future__ import annotations

import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

from bson import Timestamp

from agent.pitr.log import changes
from agent.pitr.store import Store
from bench.relay import Relay
from tests.mongo_standin import MongoServer
from tests.pitr.captured_host import CapturedHost
from tests.pitr.capturing import beginning, until
from tests.pitr.workload import COLLECTIONS, Key

_DATA = ("insert", "update", "replace", "delete")


class Blows:
    """Blows at a captured host, each of which it is up again after."""

    def __init__(self, host: CapturedHost, relay: Relay, server: MongoServer) -> None:
        """The capture reaches the server through `relay`."""
        self._host, self._relay, self._server = host, relay, server

    @property
    def kinds(self) -> Mapping[str, Callable[[], None]]:
        """Every kind of blow, by what it is called."""
        return {
            "capture killed": self.capture_killed,
            "connection cut": self._relay.cut,
            "server killed": self.server_killed,
            "capture ended and started": self.capture_ended,
        }

    def capture_killed(self) -> None:
        """SIGKILL, and started as a supervisor would."""
        self._host.end(signal.SIGKILL)
        self._host.start()

    def capture_ended(self) -> None:
        """SIGTERM, and started again."""
        assert self._host.end() == 0
        self._host.start()

    def server_killed(self) -> None:
        """SIGKILL, and started on its files once the capture has seen it."""
        self._server.kill()
        until(lambda: self._host.status.state != "capturing", 60)
        self._server.start()


def events_of(store: Store) -> tuple[dict[Key, list[Timestamp]], int]:
    """Return the cluster times of each document's events over all timelines, and how many came twice."""
    log: dict[Key, list[Timestamp]] = defaultdict(list)
    tokens: Counter[bytes] = Counter()
    for timeline in store.timelines():
        for change in changes(timeline, beginning(timeline), None):
            if change.db == "shop" and change.name in COLLECTIONS and change.kind in _DATA:
                log[change.name, change.event["documentKey"]["_id"]].append(change.at)
                tokens[bytes(change.event["_id"].raw)] += 1
    return log, sum(tokens.values()) - len(tokens)
