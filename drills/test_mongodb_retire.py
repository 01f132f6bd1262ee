"""The server that a restore replaced is kept for 24 hours, and can be retired after that, not before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from drills.rig.backups import Bench
from drills.rig.fault import Scene, fault
from drills.rig.mongo import administrator
from drills.rig.plugin import Night
from drills.rig.verdict import Claim
from drills.subjects.mongodb_night import HOST, SPARE, mongodb_night, spare_is_captured

HOURS = 24.5
KEPT = "is kept for 24 h"
LEFT = "to have been left by everybody"


@pytest.mark.nightly
def test_mongodb_retire(night: Night) -> None:
    """Refused right after the restore, with nothing touched; done once a day has gone by."""
    course = mongodb_night(
        harm=fault("wrong_query", deleted=12, altered=0),
        drill="mongodb_retire",
        page="mongodb_pitr",
        rpo=0,
        services=("redis1", "mongo1", "mongo-dr", "api1"),
        resumed=retired,
    )
    night.prove(course)


def retired(bench: Bench) -> Iterable[Claim]:
    """Claim what the command does at once and what it does a day later."""
    yield from spare_is_captured(bench)
    yield from _too_early(bench)
    _a_day_goes_by(bench.scene)
    yield from _late_enough(bench)


def _too_early(bench: Bench) -> Iterator[Claim]:
    before = _held(bench.scene, HOST)
    code, said = _retire(bench, "early")
    host = bench.scene.stack.hosts[HOST]
    untouched = host.running and _held(bench.scene, HOST) == before
    words = next((line.strip() for line in said.splitlines() if KEPT in line), "nothing of 24 h")
    refused = f"Retired at once it ends with code {code} and says: {words.rstrip('.')}"
    yield _claim("refused before 24 hours", code != 0 and KEPT in said, refused)
    yield _claim(
        "and nothing touched", untouched, f"The old server answers, with the {before} messages it had"
    )


def _late_enough(bench: Bench) -> Iterator[Claim]:
    new = _held(bench.scene, SPARE)
    code, said = _retire(bench, "late")
    yield _claim(
        "refused while it is written to", code != 0 and LEFT in said, f"Users were on it lately: code {code}"
    )
    # They left it when the application was switched, minutes ago; an hour of waiting would prove no more.
    code, _ = _retire(bench, "left", "--set", "quiet=5s")
    host = bench.scene.stack.hosts[HOST]
    done = f"Retired when its record was {HOURS} h old it ends with code {code}"
    yield _claim("done after 24 hours", code == 0, done)
    yield _claim("the old server is stopped", not host.running, f"The container {HOST} does not run any more")
    there = _held(bench.scene, SPARE)
    yield _claim("the new server serves", there >= new > 0, f"The new server has {there} messages")
    # Nothing of ours deletes disks: that is a person's, and the page says so.
    engine = bench.scene.stack.engine.client
    kept = engine.containers.run(
        str(host.container.attrs["Image"]),
        entrypoint=["sh", "-c", "find /data/db -type f | wc -l"],
        user="root",
        volumes_from=[str(host.container.id)],
        network_mode="none",
        remove=True,
    )
    yield _claim(
        "its disks are left", int(kept) > 0, f"On its disks {int(kept)} files are left, for a person"
    )


def _retire(bench: Bench, when: str, *more: str) -> tuple[int, str]:
    folder = bench.evidence / f"retire-{when}"
    words = (
        "run",
        "mongodb_retire",
        "--limit",
        HOST,
        "--set",
        f"old={HOST}",
        "--yes",
        "--runs",
        str(folder),
        *more,
    )
    said = bench.agent.do(*words)
    bench.evidence.write(f"retire-{when}.txt", said.out + said.err)
    return said.rc, said.out + said.err


def _a_day_goes_by(scene: Scene) -> None:
    """Date the record of the restore back: no clock of this machine may be moved."""
    with administrator(scene.stack, SPARE) as client:
        marks: Any = client["dr_agent"]["restore"]
        assert marks.update_one({}, {"$inc": {"finished": -HOURS * 3600}}).modified_count == 1


def _held(scene: Scene, host: str) -> int:
    with administrator(scene.stack, host) as client:
        return int(client["chatdb"]["messages"].count_documents({}))


def _claim(name: str, held: bool, sentence: str) -> Claim:
    return Claim(name, "held" if held else "broken", f"{sentence}.")
