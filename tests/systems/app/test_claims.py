"""What is proved of an application, and how it is said where it does not hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.errors import NotInTime, ProofFailed, Refused
from agent.secrets import Secret
from agent.systems import app as verbs
from agent.transport.fake import FakeRoad
from agent.transport.perform import perform
from tests.systems.app.seen import ANSWERED, SILENT, app, seen

CHECKS = [{"name": "log in", "post": "/sessions"}, {"name": "send", "post": "/rooms/check/messages"}]


def road(done: list[dict[str, Any]], health: dict[str, Any] = ANSWERED) -> FakeRoad:
    """A host where the checks went like that."""
    return FakeRoad(
        {"*checks*": json.dumps(done), "python3 -I - *": json.dumps({"health": health})}, host="api1"
    )


def check(name: str, wrong: str = "") -> dict[str, Any]:
    """How one check went."""
    return {"name": name, "seconds": 0.25, "wrong": wrong}


def test_what_users_do_can_be_done() -> None:
    """Every check is a claim."""
    proof = perform(verbs.prove(app(checks=CHECKS)), road([check("log in"), check("send")]))
    assert proof.claims == ("its health check is content", "log in", "send")
    assert proof.seconds == 0.5


def test_without_checks_the_health_check_is_all_there_is() -> None:
    """And the proof says so."""
    assert perform(verbs.prove(app()), road([])).claims == ("its health check is content",)


def test_a_check_that_fails_is_named() -> None:
    """With what was expected and found, and what held before it."""
    with pytest.raises(ProofFailed, match=r"users to be able to send, found: expected 201.*Before.*log in"):
        perform(
            verbs.prove(app(checks=CHECKS)), road([check("log in"), check("send", "expected 201, found 503")])
        )


DEAD = {"answers": False, "trouble": "refused", "detail": "Connection refused"}
ALIVE = {"answers": True, "trouble": "", "detail": ""}
NEEDS = {"redis": "redis1:6379"}


@pytest.mark.parametrize("again", [False, True])
def test_what_is_left_behind_must_not_live(again: bool) -> None:
    """One that answers is refused by name, at first and right before the switch; a dead one is left."""
    perform(
        verbs.need_lost(app(needs=NEEDS), "redis", again),
        FakeRoad({"*where*": json.dumps(DEAD)}, host="api1"),
    )
    with pytest.raises(Refused, match=r"redis at redis1:6379 to be lost.*answering") as alive:
        perform(verbs.need_lost(app(needs=NEEDS), "redis", again), FakeRoad({"*where*": json.dumps(ALIVE)}))
    assert "leave_redis=yes" in alive.value.do
    assert ("Nobody was sent elsewhere" in str(alive.value)) is again


def test_nobody_is_left_behind_unseen() -> None:
    """Where the inventory does not say where it is, that is said."""
    with pytest.raises(Refused, match="say where redis is"):
        perform(verbs.need_lost(app(needs={}), "redis"), FakeRoad({}))


def test_a_mongodb_that_only_the_tools_host_misses_is_not_lost() -> None:
    """Users may be on it; where `needs` does not say where it is, that is a note and no refusal."""
    asked = FakeRoad({"*where*": json.dumps(ALIVE)}, host="api1")
    with pytest.raises(Refused, match="mongodb at mongo1:27017 to be lost") as alive:
        perform(verbs.need_lost(app(needs={"mongodb": "mongo1:27017"}), "mongodb", needed=False), asked)
    assert "tools host" in alive.value.do
    assert '"mongodb":true' in str(asked.asked[-1])
    assert perform(verbs.need_lost(app(needs={}), "mongodb", needed=False), FakeRoad({})) is None


def test_a_password_stands_in_no_argument() -> None:
    """It travels apart, and the check has its number."""
    secret = Secret("env", "CHECK_PASSWORD")
    asked = road([check("log in")])
    perform(verbs.prove(app(checks=[{"name": "log in", "json": {"password": secret}}])), asked)
    last = asked.asked[-1]
    assert "{secret:0}" in str(last)
    assert getattr(last, "secrets", None) == {"DRILLYARD_S_0": secret}


def test_not_healthy_in_time() -> None:
    """What it said instead is in the sentence."""
    with pytest.raises(NotInTime, match="timeout timed out"):
        perform(verbs.health(app(), within=3), road([], SILENT))


def test_one_that_fails_now_and_then_is_watched() -> None:
    """It was good when we came: the cause is named by what is seen once it fails."""
    slow = {**ANSWERED, "status": 503, "body": '{"failed": {"redis": "no answer in 2 s"}}'}
    good, bad = dict(seen().facts), dict(seen(health=slow).facts)
    asked = FakeRoad(
        {
            "systemctl show *": "ActiveState=active\nSubState=running\nMainPID=10\nNRestarts=0\n",
            "journalctl *": "",
            "python3 -I - *": [json.dumps(each) for each in (good, good, good, bad, good, good, bad, bad)],
        }
    )
    assert perform(verbs.cause(app()), asked).id == "dependency-slow"


def test_a_sound_one_is_watched_and_left_alone() -> None:
    """For some seconds, and nothing is changed."""
    asked = FakeRoad(
        {
            "systemctl show *": "ActiveState=active\nSubState=running\nMainPID=10\nNRestarts=0\n",
            "journalctl *": "",
            "python3 -I - *": json.dumps(dict(seen().facts)),
        }
    )
    assert perform(verbs.cause(app()), asked).remedy == "none"
    assert asked.waited >= 6
    assert not any(ask.changes for ask in asked.asked)


def test_a_sound_one_has_no_symptom_and_no_data_of_its_own() -> None:
    """So nobody misses a backup of it."""
    facts = dict(seen().facts)
    asked = FakeRoad(
        {
            "systemctl show *": "LoadState=loaded\nActiveState=active\nSubState=running\n"
            "UnitFileState=enabled\nMainPID=10\nNRestarts=0\nResult=success\nActiveEnterTimestamp=x\n",
            "journalctl *": "",
            "python3 -I - *": json.dumps(facts),
        }
    )
    vitals = perform(verbs.diagnose(app()), asked)
    assert (vitals.up, vitals.reads, vitals.writes, vitals.symptoms) == (True, True, True, ())
    assert vitals.backup == ""
    assert not any(ask.changes for ask in asked.asked)
