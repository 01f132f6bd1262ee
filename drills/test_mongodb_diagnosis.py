"""Each thing that goes wrong with MongoDB is named by `drillyard check`, and a page answers what one can."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drills.rig.backups import Bench
from drills.rig.evidence import Evidence
from drills.rig.fault import Scene, fault
from drills.rig.mongo import administrator
from drills.rig.recovery import Agent
from drills.rig.stack import Stack, named
from drills.subjects.mongodb_night import HOST, captured

pytestmark = pytest.mark.nightly


@dataclass(frozen=True)
class Case:
    """What goes wrong, the symptoms it must be named by, the exit code, and the page that mends it."""

    what: str
    symptoms: frozenset[str]
    code: int
    page: str = ""


def case(what: str, *symptoms: str, code: int = 1, page: str = "") -> Case:
    """Return a case."""
    return Case(what, frozenset(f"mongodb.{symptom}" for symptom in symptoms), code, page)


CASES = (
    case("drop_index", "index-missing", page="mongodb_index"),
    case("index_wrong", "index-wrong", page="mongodb_index"),
    case("index_damaged", "index-damaged", code=2, page="mongodb_index"),
    case("stopped", "down", code=2),
    # A burst stays in the captured history of the last hour, whatever is done about it.
    case("wrong_query", "mass-change"),
)


def _fill(stack: Stack) -> None:
    with administrator(stack, HOST, 60) as client:
        chat = client.chatdb
        chat.messages.create_index([("roomId", 1), ("createdAt", -1)], name="roomId_createdAt")
        chat.users.create_index("email", name="email", unique=True)
        chat.messages.insert_many(
            [{"roomId": f"drill-room-{n // 100:05d}", "createdAt": n, "text": "x"} for n in range(2000)]
        )
        chat.users.insert_many([{"email": f"{n}@drill.example"} for n in range(50)])
        chat.rooms.insert_many([{"_id": f"drill-room-{n:05d}", "topic": ""} for n in range(20)])


def _strike(what: str, scene: Scene) -> Callable[[], object]:
    if what == "stopped":
        scene.host.container.stop()

        def start() -> None:
            scene.host.container.start()
            scene.host.ready()

        return start
    harm = fault(what)
    wound = harm.strike(scene)
    return lambda: harm.heal(scene, wound)


def _check(agent: Agent) -> tuple[int, set[str], str]:
    said = agent.do("check", "--limit", HOST, "--json")
    health = json.loads(said.out.splitlines()[-1])
    assert not health["unseen"], said.out
    return said.rc, {symptom["id"] for symptom in health["symptoms"]}, said.out


def test_mongodb_diagnosis(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sound server has no symptom, each fault its own and no other; auto-recover runs the page for it."""
    table: list[str] = []
    with Stack(named("chat"), tmp_path / "run", services=(HOST,)) as stack, ExitStack() as left:
        agent = Agent(stack.inventory, tmp_path)
        scene = Scene(stack, stack.hosts[HOST], "", "")
        bench = Bench(scene, agent, Evidence(tmp_path / "runs", "diagnosis", datetime.now(UTC)))
        _fill(stack)
        left.enter_context(captured(bench))
        assert _check(agent)[:2] == (0, set())
        for each in CASES:
            heal = _strike(each.what, scene)
            code, symptoms, shown = _check(agent)
            table.append(f"{each.what:<18} {', '.join(sorted(symptoms)):<34} exit {code}")
            assert symptoms == each.symptoms, shown
            assert code == each.code
            if each.page:
                said = agent.do("auto-recover", "--limit", HOST, "--yes", "--runs", str(tmp_path / "runs"))
                assert f"page {each.page} answers" in said.out, said.out
                assert said.rc == 0, said.out + said.err
            heal()
            if each.what != "wrong_query":
                assert _check(agent)[:2] == (0, set())
        left.close()
        code, symptoms, _shown = _check(agent)
        table.append(f"{'capture ended':<18} {', '.join(sorted(symptoms)):<34} exit {code}")
        assert symptoms == {"mongodb.mass-change", "mongodb.not-captured"}
    table += [f"SIMULATED: {each}" for each in stack.simulated]
    with capsys.disabled():
        print("\nwrong              named                              `drillyard check`", *table, sep="\n")  # noqa: T201 - the confusion table is what this drill is for
