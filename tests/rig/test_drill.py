"""A night is lived from steady state to steady state, judged, and left in evidence, whatever happens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from drills.rig import drill
from drills.rig.drill import Drill, Place, Result
from drills.rig.fault import Scene, Wound
from drills.rig.subject import Subject
from drills.subjects.redis import RedisSubject
from tests.rig import standin
from tests.subjects.local_redis import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """The night's only server."""
    with standin.started(tmp_path / "redis") as running:
        yield running


@pytest.fixture
def live(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Live through a night in which the agent starts the server again, or does what `mend` does."""

    def start() -> str:
        server.start()
        return "done"

    def night(*, harm: Any = None, mend: Any = None, backup_code: int = 0, **more: Any) -> Result:
        agent = standin.LocalAgent(mend or start, backup_code)
        monkeypatch.setattr(standin.LocalStack, "server", server, raising=False)
        monkeypatch.setattr(drill, "Stack", standin.LocalStack)
        monkeypatch.setattr(drill, "Agent", lambda *_words: agent)
        course = standin.course(server, harm or standin.Stop(server), **more)
        return Drill(course, Place(tmp_path / "runs", lambda line: None)).live()

    return night


def _verdict(result: Result) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((result.folder / "verdict.json").read_text())
    return data


def test_a_crash_that_is_recovered_is_a_pass(live: Callable[..., Result], tmp_path: Path) -> None:
    """RTO, phases, RPO and counts are measured, and every piece of evidence is there."""
    result = live()
    assert result.verdict.word == "pass", str(result)
    told = _verdict(result)
    assert told["verdict"] == "pass"
    assert told["rpo_seconds"] == 0
    assert sum(told["phases"].values()) == pytest.approx(told["rto_seconds"], abs=0.005)
    assert told["rto_seconds"] > 0
    assert (told["lost"], told["changed"], told["duplicated"]) == (0, 0, 0)
    assert told["acknowledged"] > 400
    assert told["indeterminate"] > 0
    assert told["side_by_side"] == 1
    assert told["times"]["struck"].endswith("+00:00")
    assert told["keys"] > 300
    assert told["bytes"] > 40_000
    assert {"redis", "python", "engine"} <= told["versions"].keys()
    for name in ("ledger.jsonl", "probe.jsonl", "losses.json", "junit.xml", "story.txt"):
        assert (result.folder / name).stat().st_size, name
    assert (tmp_path / "runs/latest").resolve() == result.folder


def test_the_junit_file_has_a_case_a_phase_and_a_claim(live: Callable[..., Result]) -> None:
    """RTO and RPO stand as properties; what was broken is a failure."""
    result = live(rto=0.0)
    suite = ElementTree.parse(result.folder / "junit.xml").getroot()[0]
    names = [case.get("name") for case in suite.iter("testcase")]
    assert names[:4] == ["phase detect", "phase decide", "phase restore", "phase verify"]
    assert set(names[4:]) == {claim.name for claim in result.verdict.claims}
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert properties["verdict"] == "fail"
    assert float(properties["rto_seconds"] or 0) > 0
    assert [case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None] == [
        "rto"
    ]


def test_a_simulated_pass_is_marked_wherever_it_is_told(live: Callable[..., Result]) -> None:
    """Story, verdict.json and JUnit all name the stand-in; the word itself stays a word for machines."""
    result = live(simulated=("kubernetes (no cluster)",))
    assert str(result).startswith("PASS (SIMULATED: kubernetes (no cluster))  standin")
    assert (result.folder / "story.txt").read_text().startswith("PASS (SIMULATED: ")
    told = _verdict(result)
    assert told["verdict"] == "pass"
    assert told["simulated"] == ["kubernetes (no cluster)"]
    suite = ElementTree.parse(result.folder / "junit.xml").getroot()[0]
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert properties["simulated"] == "kubernetes (no cluster)"
    for said in ((result.folder / "story.txt").read_text(), told["caveat"], properties["caveat"]):
        assert "proves nothing about the real one" in (said or "")


def test_what_the_stack_has_a_stand_in_for_is_said_by_itself(
    live: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No course has to remember it, and what a course says too is said once."""
    monkeypatch.setattr(standin.LocalStack, "simulated", ("MongoDB (a stand-in)", "Atlas"))
    result = live(simulated=("Atlas",))
    assert _verdict(result)["simulated"] == ["Atlas", "MongoDB (a stand-in)"]
    assert str(result).startswith("PASS (SIMULATED: Atlas, MongoDB (a stand-in))  standin")


def test_what_ran_on_real_servers_says_nothing_of_it(live: Callable[..., Result]) -> None:
    """The sound case: nothing is SIMULATED, and no piece of evidence has the word."""
    result = live()
    assert _verdict(result)["simulated"] == []
    assert _verdict(result)["caveat"] == ""
    assert "SIMULATED" not in str(result) + (result.folder / "junit.xml").read_text()


def test_a_fault_without_effect_is_unverified(live: Callable[..., Result], server: Server) -> None:
    """Nothing failed and nothing was seen: nothing was proved, and the agent was not called."""
    result = live(harm=standin.Stop(server, dead=False))
    assert result.verdict.word == "unverified"
    assert "no effect" in str(result)
    assert result.findings.ended == ""


def test_a_recovery_that_fails_is_a_fail(live: Callable[..., Result], server: Server) -> None:
    """The agent gave up and users are not served: proven, and the fault was healed all the same."""
    harm = standin.Stop(server)
    result = live(harm=harm, mend=lambda: "failed")
    assert result.verdict.word == "fail"
    assert _verdict(result)["rto_seconds"] is None
    assert harm.healed == 1


def test_a_deleted_write_is_named(live: Callable[..., Result], server: Server) -> None:
    """One preloaded write deleted behind everybody's back is a fail that names it."""
    result = live(meddle=lambda _scene, _subject: server.client().delete("new:0"))
    assert result.verdict.word == "fail"
    assert "#0 (set new:0)" in str(result)
    assert json.loads((result.folder / "losses.json").read_text())["lost"][0]["key"] == "new:0"


def test_an_altered_value_is_named(live: Callable[..., Result], server: Server) -> None:
    """One altered value is a fail that names it, and the service was never whole again."""
    result = live(meddle=lambda _scene, _subject: server.client().set("new:2", "x"))
    assert result.verdict.word == "fail"
    assert "#2 (set new:2)" in str(result)
    assert result.findings.measured.rto is None


def test_refused_writes_keep_the_clock_running(live: Callable[..., Result], server: Server) -> None:
    """PONG without writes is no recovery: the RTO is unmeasured and writes never resumed."""

    def refuse(_scene: Scene, _subject: Subject) -> None:
        server.client().config_set("min-replicas-to-write", 1)

    def start() -> str:
        server.start(min_replicas_to_write="1")
        return "done"

    result = live(mend=start, meddle=refuse)
    assert result.verdict.word == "fail"
    assert result.findings.measured.rto is None
    assert "No write was acknowledged after the recovery" in str(result)


def test_what_is_seen_after_the_fault_is_taken_back_does_not_count(
    live: Callable[..., Result], server: Server
) -> None:
    """A service that only comes back when the drill heals its own fault was not recovered."""

    class Refusing(standin.Stop):
        def strike(self, scene: Scene) -> Wound:
            server.client().config_set("min-replicas-to-write", 1)
            return Wound("writes are refused")

        def heal(self, scene: Scene, wound: Wound) -> None:
            server.client().config_set("min-replicas-to-write", 0)

    result = live(harm=Refusing(server), mend=lambda: "done")
    assert result.verdict.word == "fail"
    assert result.findings.measured.rto is None
    assert any(claim.name == "served after" and claim.outcome == "held" for claim in result.verdict.claims)


def test_a_writer_nobody_acknowledged_is_unverified(live: Callable[..., Result], server: Server) -> None:
    """Where no write was ever acknowledged, no loss could be seen: not a pass."""

    class Mute(RedisSubject):
        def hand(self) -> Any:
            hand = super().hand()
            hand.write = _refuse  # type: ignore[method-assign]
            return hand

    def subject(_stack: Any, settings: Any) -> Subject:
        return Mute("127.0.0.1", server.port, "open-sesame", preload_count=settings.preload)

    result = live(subject=subject)
    assert result.verdict.word == "unverified"
    assert "never acknowledged" in str(result)


def _refuse(seq: int, intent: object) -> None:
    from drills.rig.subject import NotAcknowledged

    raise NotAcknowledged("nobody answers")


def test_no_backup_no_strike(live: Callable[..., Result], server: Server) -> None:
    """Where the agent cannot take a backup the night ends before the strike, unverified."""
    result = live(backup_code=41)
    assert result.verdict.word == "unverified"
    assert "backup take" in str(result)
    assert "no room left" in str(result)
    assert _verdict(result)["fault"] is None


def test_no_steady_state_no_strike(live: Callable[..., Result], server: Server) -> None:
    """A drill does not begin on a service that is down already."""
    server.client().config_set("min-replicas-to-write", 1)
    result = live(settings=replace(standin.SETTINGS, preload=0, settle=0.3))
    assert result.verdict.word == "unverified"
    assert "no steady state" in str(result)


def test_a_drill_that_breaks_is_unverified_with_evidence(live: Callable[..., Result]) -> None:
    """Whatever breaks inside the rig, the verdict says so and the folder is there."""

    def broken(_stack: Any, _settings: Any) -> Subject:
        raise ZeroDivisionError("rig")

    result = live(subject=broken)
    assert result.verdict.word == "unverified"
    assert "ZeroDivisionError: rig" in str(result)
    assert _verdict(result)["acknowledged"] is None


def test_an_interrupted_drill_leaves_evidence(live: Callable[..., Result], tmp_path: Path) -> None:
    """Ctrl-C ends the drill, and what is known by then is written down."""

    def interrupt(_scene: Scene, _subject: Subject) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        live(meddle=interrupt)
    told = json.loads((tmp_path / "runs/latest/verdict.json").read_text())
    assert told["verdict"] == "unverified"
    assert "interrupted" in told["reasons"][0]
