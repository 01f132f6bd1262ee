"""Each way an application fails has its name, by what is seen; a sound one has none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.supervisors import Status
from agent.systems.app.cause import Seen, judge, previous
from agent.systems.app.symptoms import REMEDIES, SYMPTOMS
from tests.systems.app.seen import ANSWERED, NOW, REACHED, REFUSED, RUNNING, SILENT, app, seen, shown

STOPPED = Status("stopped", enabled=True)
FAILED = Status("failed", enabled=True, restarts=4, detail="start-limit-hit")
LOOPING = Status("starting", enabled=True, restarts=9, detail="auto-restart")
KILLED = "chat-api.service: Main process exited, code=killed, status=9/KILL"
ENDED = "chat-api.service: Control process exited, code=exited, status=1/FAILURE"
RAISED = "ModuleNotFoundError: No module named 'chat.rooms'"
DEAD = {"trouble": "refused", "detail": "Connection refused", "seconds": 0.0}
NOBODY: dict[str, Any] = {"health": REFUSED, "listener": {}, "processes": []}
STRANGER = {
    "pids": [99],
    "pid": 99,
    "name": "nc",
    "args": "nc -l 8000",
    "began": "7",
    "group": "cron.service",
}
PROXY = {**STRANGER, "name": "nginx", "args": "nginx: master process", "group": "nginx.service"}
OWN = {**STRANGER, "group": "chat-api.service"}
FRESH = NOW - 300
DAY = 86_400
SAYS = {**ANSWERED, "status": 503}
NO_WAY = {**ANSWERED, "status": 502, "body": "<h1>502 Bad Gateway</h1>"}
NAMES = '{"ok": false, "failed": {"mongodb": "no answer in 2 s"}}'
FULL = {"/var": {"free": 4096, "size": 10**9, "files": 100}}
SPENT = {"/var": {"free": 10**9, "size": 10**9, "files": 0}}
ICE = [{"pid": 10, "state": "S"}, {"pid": 11, "state": "T"}]
DIES = "Process SpawnProcess-1:\nTraceback (most recent call last):\nTypeError: no\n" * 3

# As a server logs one request whose client left it.
LED_TO = "\nDuring handling of the above exception, another exception occurred:\n"
ONE_ERROR = LED_TO.join(["Traceback (most recent call last):\nRuntimeError: no\n"] * 3)


@pytest.mark.parametrize(
    "sight",
    [seen(), seen(kept=shown(20 * DAY), shown=shown(20 * DAY)), seen(listener={}), seen(needs={})],
    ids=["sound", "its certificate good", "its listener hidden", "nothing needed"],
)
def test_a_sound_one_has_no_cause(sight: Seen) -> None:
    """And nothing is done to it."""
    assert judge(app(), sight).id == ""
    assert judge(app(), sight).remedy == "none"


CASES: dict[str, tuple[str, Seen]] = {
    "stopped by somebody": ("stopped", seen(STOPPED, **NOBODY)),
    "killed": ("crashed", seen(replace(FAILED, restarts=0, detail="signal"), KILLED, **NOBODY)),
    "killed soon after a release": (
        "crashed",
        seen(replace(FAILED, restarts=0, detail="signal"), KILLED, **NOBODY, switched=FRESH),
    ),
    "no memory": ("out-of-memory", seen(replace(FAILED, detail="oom-kill"), KILLED, **NOBODY)),
    "crash loop": ("crash-loop", seen(FAILED, f"{RAISED}\n{ENDED}", **NOBODY)),
    "crash loop, between two starts": ("crash-loop", seen(LOOPING, ENDED, **NOBODY)),
    "bad release": ("bad-release", seen(FAILED, f"{RAISED}\n{ENDED}", **NOBODY, switched=FRESH)),
    "bad release, its parent lives": ("bad-release", seen(RUNNING, DIES, health=SILENT, switched=FRESH)),
    "a new release, its parent ends well": ("bad-release", seen(STOPPED, DIES, **NOBODY, switched=FRESH)),
    "a new release, stopped after that": (
        "stopped",
        seen(STOPPED, DIES + "Stopping chat-api.service\n", **NOBODY, switched=FRESH),
    ),
    "a new release, stopped after that, where systemd tells its description": (
        "stopped",
        seen(
            STOPPED,
            DIES + "2026-11-27T03:00:01+0900 api1 systemd[1]: Stopping Chat for everybody...\n",
            **NOBODY,
            switched=FRESH,
        ),
    ),
    "an old release, its parent ends well": ("stopped", seen(STOPPED, DIES, **NOBODY)),
    "workers die, an old release": ("crash-loop", seen(RUNNING, DIES, health=SILENT)),
    "a new release, and none before": (
        "crash-loop",
        seen(FAILED, ENDED, **NOBODY, switched=FRESH, releases=[{"name": "2", "bad": False}]),
    ),
    "a new release, the one before bad": (
        "crash-loop",
        seen(
            FAILED,
            ENDED,
            **NOBODY,
            switched=FRESH,
            releases=[{"name": "1", "bad": True}, {"name": "2", "bad": False}],
        ),
    ),
    "being started": ("starting", seen(replace(LOOPING, restarts=0), ENDED, **NOBODY, switched=FRESH)),
    "being stopped": ("starting", seen(replace(LOOPING, restarts=0, state="unknown"), **NOBODY)),
    "started, and not listening yet": ("starting", seen(health=REFUSED, listener={})),
    "an error that led to others, not listening yet": (
        "starting",
        seen(RUNNING, ONE_ERROR, health=REFUSED, listener={}, switched=FRESH),
    ),
    "deaths before it was stopped, not listening yet": (
        "starting",
        seen(RUNNING, DIES + "Stopped chat-api.service\n", health=REFUSED, listener={}, switched=FRESH),
    ),
    "deaths before it was stopped, where systemd tells its description": (
        "starting",
        seen(
            RUNNING,
            DIES + "2026-11-27T03:00:01+0900 api1 systemd[1]: Stopped Chat for everybody.\n",
            health=REFUSED,
            listener={},
            switched=FRESH,
        ),
    ),
    "deaths since it was stopped": (
        "bad-release",
        seen(RUNNING, "Stopped chat-api.service\n" + DIES, health=REFUSED, listener={}, switched=FRESH),
    ),
    "not listening for long": ("hangs", replace(seen(health=REFUSED, listener={}), waited=True)),
    "started for long": ("crash-loop", replace(seen(replace(LOOPING, restarts=0), **NOBODY), waited=True)),
    "started anew since": ("crash-loop", seen(FAILED, health=REFUSED, processes=[], listener=OWN)),
    "frozen": ("hangs", seen(health=SILENT, processes=ICE)),
    "silent": ("hangs", seen(health=SILENT)),
    "one dependency dead": ("dependency-dead", seen(health=SAYS, needs={"mongodb": DEAD, "redis": REACHED})),
    "one dependency slow": ("dependency-slow", seen(health={**SAYS, "body": NAMES})),
    "one the inventory does not know": (
        "dependency-dead",
        seen(health={**SAYS, "body": '{"failed": ["kafka"]}'}),
    ),
    "named in words": ("dependency-slow", seen(health={**SAYS, "body": "redis: timeout"})),
    "expired": ("certificate-expired", seen(health={**REFUSED, "trouble": "expired"}, shown=shown(-DAY))),
    "port taken": ("port-taken", seen(FAILED, ENDED, health=SILENT, listener=STRANGER, processes=[])),
    "port taken, its parent lives": (
        "port-taken",
        seen(RUNNING, "OSError: [Errno 98] Address already in use", listener=STRANGER),
    ),
    "a stranger who says that all is well": (
        "port-taken",
        seen(FAILED, ENDED, listener=STRANGER, processes=[]),
    ),
    "crashed behind a proxy of its host": (
        "crashed",
        seen(
            replace(FAILED, restarts=0, detail="signal"), KILLED, health=NO_WAY, listener=PROXY, processes=[]
        ),
    ),
    "a proxy took its port": (
        "port-taken",
        seen(FAILED, "bind: Address already in use", health=NO_WAY, listener=PROXY, processes=[]),
    ),
    "disk full": ("disk-full", seen(FAILED, ENDED, **NOBODY, disks=FULL, switched=FRESH)),
    "no inodes": ("disk-full", seen(FAILED, ENDED, **NOBODY, disks=SPENT)),
    "errors": ("errors", seen(health={**SAYS, "status": 500, "body": "Internal Server Error"})),
    "no such page": ("refuses", seen(health={**SAYS, "status": 404})),
    "slow": ("slow", seen(health={**ANSWERED, "seconds": 3.5})),
}


@pytest.mark.parametrize(("name", "sight"), CASES.values(), ids=CASES.keys())
def test_each_cause_is_named(name: str, sight: Seen) -> None:
    """By its own name, with the remedy of the table and what was seen in words."""
    found = judge(app(), sight)
    assert found.id == name
    assert f"app.{name}" in SYMPTOMS
    assert found.remedy == REMEDIES[f"app.{name}"]
    assert all(found.reasons)


def test_what_it_tells_beside() -> None:
    """Which dependency and its page, which process, which release: what the remedies need."""
    dead = judge(app(), seen(health=SAYS, needs={"mongodb": DEAD, "redis": REACHED}))
    assert (dead.dependency, dead.address, dead.page) == ("mongodb", "mongo1:27017", "mongodb_cluster_loss")
    taken = judge(app(), CASES["port taken"][1])
    assert (taken.pid, taken.began) == (99, "7")
    assert "nc -l 8000" in taken.reasons[0]
    bad = judge(app(), CASES["bad release"][1])
    assert bad.release == "2"
    assert RAISED in bad.reasons


def test_a_container_has_its_port_by_way_of_the_engine() -> None:
    """docker-proxy holds it for the container, and is no stranger."""
    proxy = {**STRANGER, "name": "docker-proxy"}
    assert judge(app(), seen(STOPPED, **{**NOBODY, "listener": proxy})).id == "stopped"


def test_the_release_before() -> None:
    """The newest older one that was not found bad."""
    three = [{"name": "1", "bad": False}, {"name": "2", "bad": True}, {"name": "3", "bad": False}]
    assert previous({"releases": three, "current": "3"}) == "1"
    assert previous({"releases": three, "current": "1"}) == ""
    assert previous({}) == ""
