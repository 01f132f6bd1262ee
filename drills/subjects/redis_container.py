"""A night on a Redis that is a plain container, supervised by its engine: what its drills have in common."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from agent.errors import StepFailed
from drills.rig.course import Course
from drills.rig.fault import Harm, Scene, Wound
from drills.rig.verdict import Claim
from drills.subjects.redis_night import redis_night, redis_subject

HOST = "redis2"
DATA = "/data"
LOGS = {HOST: {"files.txt": ("ls", "-lR", DATA), "processes.txt": ("ps", "-eo", "pid,ppid,user,args")}}


@dataclass(frozen=True)
class Within(Harm):
    """A fault in a container that may be gone with its service: then nobody can look inside of it."""

    harm: Harm

    def strike(self, scene: Scene) -> Wound:
        """Break it."""
        return self.harm.strike(scene)

    def seen(self, scene: Scene, wound: Wound) -> str:
        """Look where one can; where one cannot, users are without it too."""
        with contextlib.suppress(StepFailed):
            return self.harm.seen(scene, wound)
        return ""

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Take back what is left to be taken back."""
        with contextlib.suppress(StepFailed):
            self.harm.heal(scene, wound)


def container_night(*, harm: Harm, **more: Any) -> Course:
    """Return a night on the container with that fault; `more` as in Course."""
    whole: dict[str, Any] = {
        "host": HOST,
        "services": (HOST,),
        "data_dir": DATA,
        "subject": partial(redis_subject, host=HOST),
        "claims": claims,
        "logs": LOGS,
        **more,
    }
    return redis_night(harm=Within(harm), **whole)


def claims(host: Any) -> Iterator[Claim]:
    """Look at the container through testinfra's `host` and yield one claim each, held or broken."""
    running = bool(host.process.filter(comm="redis-server"))
    yield _claim("process running", running, "redis-server runs", "redis-server does not run")
    listening = host.socket("tcp://0.0.0.0:6379").is_listening
    yield _claim("socket listening", listening, "port 6379 is listened on", "nobody listens on port 6379")
    # The server's first process is whose the files have to be; a safety copy is as closed as its folder.
    listed = "find %s -path '*/drillyard-kept-*' -prune -o ! -user $(stat -c %%u /proc/1) -print"
    wrong = host.run(listed, DATA).stdout.splitlines()
    first = wrong[0] if wrong else ""
    yield _claim("files owned", not wrong, f"everything in {DATA} is the server's", f"{first} is not")
    manifest = host.file(f"{DATA}/appendonlydir/appendonly.aof.manifest")
    there = manifest.is_file and manifest.size > 0
    yield _claim("manifest there", there, "the manifest is there", "there is no manifest")


def _claim(name: str, held: bool, good: str, bad: str) -> Claim:
    sentence = good if held else bad
    return Claim(name, "held" if held else "broken", sentence[0].upper() + sentence[1:] + ".")
