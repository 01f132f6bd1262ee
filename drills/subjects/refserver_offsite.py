"""Nights in which RefServer's host is lost: copies elsewhere, an empty spare, the users' door."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from agent.errors import StepFailed
from drills.rig.backups import Backups, Bench, Resumed
from drills.rig.course import Course
from drills.rig.fault import Harm, fault
from drills.rig.verdict import Claim
from drills.subjects.refserver_host import claims
from drills.subjects.refserver_night import APP, HOST, LOGS, SERVICES, refserver_night, refserver_subject
from drills.subjects.refserver_night import SETTINGS as OF_HOST

SPARE, DOOR = "ref2", "door"
# A busy machine needs a while to bring eight files here one by one.
SETTINGS = replace(OF_HOST, limit=600)
OF_SPARE = ("refserver2", "ollama2", "huridocs2")
PLACES = {"rsync": "backup1", "s3": "s3"}
"""The service that holds the copies, by the way they are sent."""
HOST_GONE = fault("host_gone", services=(APP, HOST, "ollama", "huridocs"), disks={HOST: "/data"})
SITE_GONE = fault(
    "host_gone",
    services=(APP, HOST, "ollama", "huridocs", "backup1"),
    disks={HOST: "/data", "backup1": "/backups/refserver"},
)


def offsite_night(*, page: str, harm: Harm, places: tuple[str, ...], **more: Any) -> Course:
    """Return a night of that page in which copies go to `places` (rsync, s3) and users come by the door."""
    whole: dict[str, Any] = {
        "watched": SPARE,
        "subject": functools.partial(refserver_subject, at=DOOR),
        "claims": spare_claims(),
        "services": (*SERVICES, SPARE, *OF_SPARE, DOOR, *(PLACES[each] for each in places)),
        "settings": SETTINGS,
        "backups": offsite(places),
        "resumed": goes_on(places[-1]),
        "logs": {
            **LOGS,
            SPARE: LOGS[HOST],
            "refserver2": {"refserver.log": ("tail", "-c", "4M", "/data/logs/refserver.log")},
        },
        **more,
    }
    return refserver_night(page=page, harm=harm, **whole)


def offsite(places: tuple[str, ...]) -> Backups:
    """Return backups that are a full and an hourly one, both in each of the places; the spare is emptied."""

    @contextlib.contextmanager
    def backups(bench: Bench) -> Iterator[str]:
        empty_the_spare(bench)
        do(bench, "backup-take.txt", "take", "refserver", "--kind", "daily", "--limit", HOST)
        bench.held.append(time.monotonic())
        do(bench, "backup-hourly.txt", "take", "refserver", "--kind", "hourly", "--limit", HOST)
        said = do(bench, "backup-ship.txt", "ship", "refserver", "--limit", HOST)
        for place in places:
            if said.count(f"sent to {store_of(bench, place)}") != 2:
                raise StepFailed(f"Expected both backups in {store_of(bench, place)}, found: {said}")
        bench.evidence.write(
            "backup-check.txt", bench.agent.do("backup", "check", "refserver", "--limit", HOST).out
        )
        yield f"a full and an hourly backup are taken, verified and sent by {' and '.join(places)}"

    return backups


def empty_the_spare(bench: Bench) -> None:
    """Stop what was started with the stack and leave nothing of data: the containers are made, no more."""
    stack = bench.scene.stack
    for name in OF_SPARE:
        stack.hosts[name].container.stop(timeout=2)
    stack.hosts[SPARE].exec("find", "/data", "-mindepth", "1", "-delete")


def spare_claims() -> Callable[[Any], Iterable[Claim]]:
    """Return what has to be true of the spare: empty before the strike, RefServer's host after it."""
    looks: list[None] = []

    def told(host: Any) -> Iterator[Claim]:
        looks.append(None)
        if len(looks) > 1:
            yield from claims(host)
            return
        there = host.run("ls -A /data").stdout.split()
        sentence = f"The spare has {', '.join(there)}." if there else "The spare is empty."
        # What its containers wrote at their first start is deleted before the backups are taken.
        yield Claim("spare", "held", sentence)

    return told


def goes_on(place: str) -> Resumed:
    """Return the claim that backups go on on the spare, and arrive at that place."""

    def resumed(bench: Bench) -> Iterator[Claim]:
        try:
            do(bench, "backup-again.txt", "take", "refserver", "--limit", SPARE)
            store = store_of(bench, place)
            said = do(bench, "ship-again.txt", "ship", "refserver", "--limit", SPARE, "--to", store)
        except StepFailed as error:
            yield Claim("backups go on", "broken", f"Backups do not go on: {error}")
            return
        sent = "sent to" in said
        sentence = "Another backup is taken on the spare, verified and sent off-site."
        yield Claim(
            "backups go on", "held" if sent else "broken", sentence if sent else f"Nothing was sent: {said}"
        )

    return resumed


def store_of(bench: Bench, place: str) -> str:
    """Return what the inventory calls a place."""
    container = bench.scene.stack.hosts[PLACES[place]].container.name
    return {
        "rsync": f"operator@{container}:/backups/refserver",
        "s3": f"s3://refserver-backups/{container}",
    }[place]


def do(bench: Bench, name: str, *words: str) -> str:
    """Have the agent do something with backups, keep what it said, and return that.

    Raises:
        StepFailed: it ended with another code than 0.
    """
    said = bench.agent.do("backup", *words, within=600)
    bench.evidence.write(name, said.out + said.err)
    if said.rc:
        raise StepFailed(f"`backup {words[0]}` ended with code {said.rc}. {said.last}")
    return said.out
