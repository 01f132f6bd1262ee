"""Proof that the drill of the API can fail: each night has one thing wrong with it, and is judged so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
import pytest

from agent.inventory import read_inventory
from drills.rig.altered import of_text, without_step
from drills.rig.course import Settings
from drills.rig.drill import Result
from drills.rig.fault import Scene, fault
from drills.rig.mongo import administrator
from drills.rig.plugin import Night
from drills.rig.subject import Subject
from drills.subjects.chat import ChatSubject
from drills.subjects.chat_night import api_night

QUICK = Settings(rate=20, preload=500, before=0.5, after=0.3, limit=120)
LATE = Settings(rate=20, preload=500, before=0.5, after=0.3, settle=30)

RESTART = """\
title: What the playbook says, word by word
system: app
on: all
steps:
  - {name: Look at the logs, do: service.logs, with: {lines: 100}}
  - {id: restart, name: Restart it, do: service.restart, with: {within: 20}}
prove:
  - {name: It runs, do: service.status, retry: {times: 5, every: 1s, until: result.state == 'running'}}
"""
NOTHING = """\
title: It runs, so all is well
system: app
on: all
steps:
  - {name: Look at it, do: service.status}
prove:
  - {name: It runs, do: service.status, retry: {times: 1, every: 1s, until: result.state == 'running'}}
"""


@dataclass(frozen=True)
class Gone:
    """A step that the page forgets, the fault it helps against, and which step then fails: one of these."""

    fault: str
    do: str
    fails: tuple[str, ...]


# Nobody has to wait two minutes for what does not come; and what the step that is gone registers, none knows.
INSTEAD = {"within: 120": "within: 20"}
UNROLLED = {" and not (cause.remedy == 'roll_back' and rolled.restarted)": ""}
GONE = (
    Gone("api_crash", "service.restart", ("health",)),
    Gone("bad_release", "app.roll_back", ("restart",)),
    Gone("certificate_expired", "app.renew", ("health",)),
    # Each start lasts until it finds the port taken: its supervisor may call that running, or a failure.
    Gone("port_taken", "app.free_port", ("restart", "health")),
)


def _wrong(night: Night, variant: str, **more: Any) -> Result:
    """Live through a night with something wrong, and return what it came to."""
    return night.live(api_night(variant=variant, **{"settings": QUICK, "harm": fault("api_hang"), **more}))


@pytest.mark.nightly
def test_with_a_fault_that_does_nothing(night: Night) -> None:
    """A fault without effect proves nothing: unverified, and the agent is not even called."""
    result = _wrong(night, "noop", harm=fault("noop"))
    assert result.verdict.word == "unverified"
    assert "no effect" in str(result)
    assert result.recovery is None


@pytest.mark.nightly
def test_the_same_night_with_nothing_wrong_passes(night: Night) -> None:
    """The control: what makes the others fail is what is wrong with them. No file has a password."""
    secrets: list[str] = []

    def learn(scene: Scene, subject: Subject) -> None:
        assert isinstance(subject, ChatSubject)
        secrets.append(subject.password)
        checks = read_inventory(scene.stack.inventory).hosts["api1"].service("app").settings["checks"]
        secrets.append(checks[0]["json"]["password"].reveal())

    course = api_night(variant="control", settings=LATE, harm=fault("api_hang"), meddle=learn)
    result = night.prove(course)
    files = [path for path in result.folder.rglob("*") if path.is_file()]
    assert len(secrets) == 2
    assert len(files) > 15
    assert [path for path in files for word in secrets if word.encode() in path.read_bytes()] == []


@pytest.mark.nightly
@pytest.mark.parametrize("gone", GONE, ids=lambda gone: f"{gone.fault}-{gone.do}")
def test_without_the_step_that_helps(night: Night, tmp_path: Path, gone: Gone) -> None:
    """A page that forgets what helps against it does not recover: fail."""
    instead = INSTEAD | (UNROLLED if gone.do == "app.roll_back" else {})
    pages = (without_step("api_down", gone.do, tmp_path, instead),)
    result = _wrong(night, f"no_{gone.do.partition('.')[2]}", harm=fault(gone.fault), pages=pages)
    assert result.verdict.word == "fail"
    assert result.recovery is not None
    assert result.recovery.ended == "failed", str(result)
    assert result.recovery.failed in gone.fails, str(result)


@pytest.mark.nightly
def test_a_restart_is_no_remedy_for_a_bad_release(night: Night, tmp_path: Path) -> None:
    """What the playbook says, word by word: fail."""
    pages = (of_text("api_down", RESTART, tmp_path),)
    result = _wrong(night, "only_restart", harm=fault("bad_release"), pages=pages)
    assert result.verdict.word == "fail"
    assert result.recovery is not None
    assert (result.recovery.ended, result.recovery.failed) == ("failed", "restart"), str(result)


@pytest.mark.nightly
def test_a_process_that_runs_is_no_proof(night: Night, tmp_path: Path) -> None:
    """Frozen processes are running ones to their supervisor, and nobody is served: fail."""
    result = _wrong(night, "runs", pages=(of_text("api_down", NOTHING, tmp_path),))
    assert result.verdict.word == "fail"
    assert result.recovery is not None
    assert result.recovery.ended == "done", str(result)
    assert result.findings.measured.rto is None, str(result)


def _delete(scene: Scene, subject: Subject) -> None:
    assert isinstance(subject, ChatSubject)
    with administrator(scene.stack, "mongo1") as client:
        messages: pymongo.collection.Collection[dict[str, Any]] = client["chatdb"]["messages"]
        assert messages.delete_one({"text": subject.text(123)}).deleted_count == 1


@pytest.mark.nightly
def test_with_one_message_deleted(night: Night) -> None:
    """One acknowledged message gone behind everybody's back: fail, and it is named."""
    result = _wrong(night, "lost", settings=LATE, meddle=_delete)
    assert result.verdict.word == "fail"
    assert result.findings.account is not None
    assert [write.seq for write in result.findings.account.lost] == [123], str(result)
