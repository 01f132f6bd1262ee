"""Why a RefServer does not serve: the deepest cause is named, a sound one has none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.errors import BadInventory, NoRoom, StepFailed
from agent.inventory.model import Service
from agent.runbook.load import load_page
from agent.systems import refserver
from agent.systems.refserver.hosting import Hosted
from agent.systems.refserver.standing import PAGES, Container, judge
from agent.transport.ask import Action, Done, Note, Sh

MB = 1 << 20


def outcome(action: Action[Any], *answers: Done) -> Any:
    """Carry an action out on these answers, and return its result."""
    return carried(action, answers, [])


def answered(action: Action[Any], *answers: Done) -> list[Sh]:
    """Carry an action out on these answers, and return what it asked."""
    asks: list[Sh] = []
    carried(action, answers, asks)
    return asks


def carried(action: Action[Any], answers: tuple[Done, ...], asks: list[Sh]) -> Any:
    """Carry an action out on these answers, note what it asks, and return its result."""
    left = [*answers]
    answer: Any = None
    while True:
        try:
            ask: Any = action.send(answer)
        except StopIteration as end:
            return end.value
        answer = None
        if not isinstance(ask, Note):
            asks.append(ask)
            answer = left.pop(0)


UP = Container("running", memory=512 * MB, name="refserver")
WELL = {"status": 200, "body": '{"status":"ok","queue":0,"dependencies":{}}', "trouble": "", "detail": ""}
REFUSED = {"status": 0, "body": "", "trouble": "refused", "detail": "Connection refused"}


def facts(**changed: Any) -> dict[str, Any]:
    """A sound host, but for what is named."""
    return {
        "health": WELL,
        "mounted": True,
        "known_mount": True,
        "foreign": 0,
        "foreign_first": [],
        "free": 400 * MB,
        "size": 500 * MB,
        "lock": "refserver",
        "logs_bytes": MB,
        "backups_bytes": MB,
        **changed,
    }


def down(state: str = "exited", code: int = 137, **more: Any) -> Container:
    """A container that is down."""
    return Container(state, code, memory=more.pop("memory", 512 * MB), name="refserver", **more)


def helpers(*names: str) -> dict[str, Any]:
    """A health check that has those helpers down."""
    said = {"status": "degraded", "queue": 3, "dependencies": {name: {"ok": False} for name in names}}
    return {**WELL, "body": json.dumps(said)}


CASES: dict[str, tuple[str, Container, dict[str, Any]]] = {
    "sound": ("", UP, {}),
    "killed": ("crashed", down(), {"health": REFUSED}),
    "error": ("crashed", down(code=1), {"health": REFUSED}),
    "stopped": ("stopped", down(code=0), {"health": REFUSED}),
    "oom": ("out-of-memory", down(oom=True), {"health": REFUSED}),
    "limit lowered": ("out-of-memory", down("restarting", memory=48 * MB), {"health": REFUSED}),
    "limit lowered, up for a moment": (
        "out-of-memory",
        Container("running", memory=48 * MB, name="refserver"),
        {"health": REFUSED},
    ),
    "lock, up for a moment": ("lock-left", UP, {"health": {**REFUSED, "trouble": "name"}, "lock": "3f2a9c"}),
    "loop": ("crashed", UP, {"health": {**REFUSED, "trouble": "reset"}}),
    "frozen": ("hangs", UP, {"health": {**REFUSED, "trouble": "timeout"}}),
    "lock": ("lock-left", down("restarting", 1), {"health": REFUSED, "lock": "3f2a9c"}),
    "unmounted": ("mount-lost", UP, {"mounted": False, "health": {**WELL, "status": 503}}),
    "no mount of its own": ("", UP, {"mounted": False, "known_mount": False}),
    "full": ("disk-full", UP, {"free": MB, "health": {**WELL, "status": 503}}),
    "full and crashed": ("disk-full", down(), {"free": MB, "health": REFUSED}),
    "foreign": ("permissions", UP, {"foreign": 2, "foreign_first": ["/data/x"]}),
    "helper": ("dependency-down", UP, {"health": helpers("ollama")}),
    "refuses": ("refuses", UP, {"health": {**WELL, "status": 503, "body": "sqlite"}}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_cause_is_named(case: str) -> None:
    """With its reasons; where there is none, nothing is said."""
    cause, container, changed = CASES[case]
    found = judge(container, facts(**changed), memory=512 * MB, reserve=16 * MB)
    assert found.cause == cause
    assert bool(found.reasons) == bool(cause)
    assert cause in ("", "refuses") or cause in PAGES


def test_a_lock_of_a_machine_that_runs_is_held() -> None:
    """It is told from one that was left, and one's own is neither."""
    seen = facts(health=REFUSED, lock="other")
    assert judge(down(), seen, ("other",)).lock_held
    assert not judge(down(), seen, ("another",)).lock_held
    assert not judge(down(), facts(health=REFUSED), ("refserver",)).lock_held


def hosted(**settings: Any) -> Hosted:
    """A RefServer as an inventory has it."""
    return Hosted.of(Service("refserver", "ref1", "docker", "refserver", settings))


def test_what_the_inventory_says_of_memory() -> None:
    """As docker has it; anything else is named."""
    assert hosted(memory="512m").memory == 512 * MB
    assert hosted().memory == 0
    with pytest.raises(BadInventory, match="memory"):
        hosted(memory="half")


def test_another_cause_ends_the_run_with_the_page_that_helps() -> None:
    """One that is ours, and none at all, let it go on."""
    for cause in ("", "crashed"):
        answered(refserver.insist(hosted(), cause, ("crashed",)))
    with pytest.raises(StepFailed, match="found disk-full: full") as error:
        answered(refserver.insist(hosted(), "disk-full", ("crashed",), ("full",)))
    assert "disk_full" in str(error.value)


def look(found: dict[str, Any], state: str = "running") -> list[Done]:
    """What a host answers when it is looked at."""
    inspected = {"state": state, "code": 0, "oom": False, "restarts": 0, "memory": 0, "name": "refserver"}
    return [Done(0, json.dumps(inspected).encode()), Done(0, json.dumps(found).encode())]


def test_room_that_is_still_missing_is_said_with_what_takes_it() -> None:
    """And a host with room passes."""
    answered(refserver.prove_room(hosted()), *look(facts()))
    with pytest.raises(NoRoom, match="logs 7 MB"):
        answered(refserver.prove_room(hosted()), *look(facts(free=MB, logs_bytes=7 * MB)))


def test_the_lock_of_a_machine_that_runs_stays() -> None:
    """Two on one folder would ruin it; one that was left is put aside under another name."""
    seen = facts(health=REFUSED, lock="other")
    with pytest.raises(StepFailed, match="other runs"):
        answered(refserver.free_lock(hosted()), *look(seen), Done(0, b"refserver\nother\n"))
    asks = answered(refserver.free_lock(hosted()), *look(seen), Done(0, b"refserver\n"), Done(0))
    assert "/data/refserver.lock" in asks[-1].argv


def test_memory_is_given_back_as_the_inventory_has_it() -> None:
    """With its swap, or docker would refuse."""
    (ask,) = answered(refserver.fix_memory(hosted(memory="512m")), Done(0))
    assert ask.argv[:2] == ("docker", "update")
    assert str(512 * MB) in ask.argv


def test_every_cause_is_a_symptom_that_its_page_covers() -> None:
    """So that `auto-recover` goes from one to the other."""
    for cause, page in PAGES.items():
        assert f"refserver.{cause}" in refserver.SYMPTOMS
        assert f"refserver.{cause}" in load_page(page).covers


def test_nothing_is_said_of_data_that_is_not_mounted() -> None:
    """It is not damaged, it is not there: a restore would go into the empty folder."""
    seen = facts(mounted=False, health={**WELL, "status": 503})
    (symptom,) = outcome(refserver.diagnose(hosted()), *look(seen)).symptoms
    assert symptom.id == "refserver.mount-lost"
