"""The stand-in for Atlas, with a clock that only goes on when somebody waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from agent.inventory.model import Host
from agent.providers.atlas.api import Api
from agent.providers.atlas.login import ServiceAccount
from agent.transport import open_road
from agent.transport.road import Road
from drills.standins import atlas
from drills.standins.atlas.guard import Guard
from tests.providers.chat import world_of_chat
from tests.providers.near import Near

NOW = 1_780_000_000.0
"""2026-05-28, a Thursday."""


@dataclass
class Clock:
    """Atlas's clock; waiting moves it."""

    now: float = NOW
    waited: float = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now

    def pause(self, seconds: float) -> None:
        """Wait without waiting."""
        self.now += seconds
        self.waited += seconds


@pytest.fixture
def clock() -> Clock:
    """A clock of our own."""
    return Clock()


@pytest.fixture
def fake(clock: Clock) -> Iterator[atlas.Atlas]:
    """Atlas with the cluster chat, and its spare in another region."""
    with atlas.running(world_of_chat(clock=clock), Guard(clock=clock)) as running:
        yield running


@pytest.fixture
def live() -> Iterator[atlas.Atlas]:
    """The same by the clock on the wall, for programs that really run."""
    with atlas.running(world_of_chat()) as running:
        yield running


@pytest.fixture
def spec(fake: atlas.Atlas) -> Callable[..., dict[str, Any]]:
    """Return what a verb of the program is told."""

    def make(**more: Any) -> dict[str, Any]:
        told = {
            "api": fake.url,
            "identity": fake.guard.client_id,
            "key": False,
            "project": fake.world.project,
            "cluster": "chat",
            "spare": "chat-dr",
            "every": 10.0,
            "address": "standardSrv",
            "cloud": "AWS",
            "region": "AP_NORTHEAST_1",
            "tier": "M20",
            "nodes": 3,
            "version": "8.0",
            "seconds": 60.0,
        }
        return {**told, **more}

    return make


@pytest.fixture
def api(fake: atlas.Atlas, clock: Clock) -> Iterator[Callable[..., Api]]:
    """Return a conversation with the stand-in in which nobody really waits."""
    opened: list[Api] = []

    def make(login: httpx.Auth | None = None, **options: Any) -> Api:
        login = login or ServiceAccount(fake.url, fake.guard.client_id, fake.guard.client_secret)
        made = Api(fake.url, login, pause=clock.pause, clock=clock, **options)
        opened.append(made)
        return made

    yield make
    for each in opened:
        each.__exit__()


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Road]:
    """The way to this machine, where every program is a process of its own, as it really is."""
    opened = open_road(Host("mongo1", road="local", state_dir=str(tmp_path / "state")))
    yield opened
    opened.close()


@pytest.fixture
def road(far: Road) -> Road:
    """The same, with our programs run in this process: half a second less for each."""
    return cast(Road, Near(far))
