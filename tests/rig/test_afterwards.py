"""After a recovery: the ticked checklist, backups that go on, and users served as fast as before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import Unreachable
from drills.rig import drill
from drills.rig.afterwards import at_pace, served, ticked
from drills.rig.backups import Bench, none_needed
from drills.rig.drill import Drill, Place, Result
from drills.rig.pace import Took
from drills.rig.probe import Look
from drills.rig.recovery import Recovery, Said, Told
from drills.rig.verdict import Claim
from drills.subjects.redis import RedisSubject
from tests.rig import standin
from tests.subjects.local_redis import PASSWORD, Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """The night's only server."""
    with standin.started(tmp_path / "redis") as running:
        yield running


@pytest.fixture
def live(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Live through a night in which the agent starts the server again."""

    def start() -> str:
        server.start()
        return "done"

    def night(agent: standin.LocalAgent | None = None, **more: Any) -> Result:
        monkeypatch.setattr(standin.LocalStack, "server", server, raising=False)
        monkeypatch.setattr(drill, "Stack", standin.LocalStack)
        monkeypatch.setattr(drill, "Agent", lambda *_words: agent or standin.LocalAgent(start))
        course = standin.course(server, standin.Stop(server), **more)
        return Drill(course, Place(tmp_path / "runs", lambda line: None)).live()

    return night


def claim(result: Result, name: str) -> Claim | None:
    """The claim of that name, where it was made."""
    return next((each for each in result.verdict.claims if each.name == name), None)


def test_another_backup_is_taken(live: Callable[..., Result]) -> None:
    """What the checklist asks of people is done in their place, and kept as evidence."""
    result = live()
    assert result.verdict.word == "pass", str(result)
    said = claim(result, "backups go on after")
    assert said is not None
    assert said.sentence == "After: Another backup is taken and verified."
    assert (result.folder / "backup-again.txt").exists()


def test_backups_that_do_not_go_on_fail_the_night(live: Callable[..., Result], server: Server) -> None:
    """Whatever else was recovered: the next night would have nothing to begin from."""

    class Once(standin.LocalAgent):
        def do(self, *words: str) -> Said:
            said = super().do(*words)
            return said if len(self.calls) <= 2 else replace(said, rc=41)

    def start() -> str:
        server.start()
        return "done"

    result = live(Once(start))
    assert result.verdict.word == "fail"
    assert "Backups do not go on" in str(result)
    assert "no room left" in str(result)


def test_what_has_no_backups_resumes_none(live: Callable[..., Result]) -> None:
    """Such a service says so by its course, and nothing is claimed."""
    result = live(backups=none_needed)
    assert result.verdict.word == "pass", str(result)
    assert claim(result, "backups go on after") is None


def test_backups_of_another_kind_speak_for_themselves(live: Callable[..., Result]) -> None:
    """A course says how it is told; where that is not found out, the night is unverified."""

    def unknown(_bench: Bench) -> Iterator[Claim]:
        raise Unreachable("nobody is there.")
        yield

    result = live(resumed=unknown)
    assert result.verdict.word == "unverified"
    assert "Whether backups go on could not be told" in str(result)


def test_users_who_are_not_served_fail_the_night(live: Callable[..., Result], server: Server) -> None:
    """The agent is content, and every look fails: that is known, so the night is not merely unverified."""
    full: list[str] = []

    def refuse(_scene: Any, _subject: Any) -> None:
        full.append(server.client().config_set("maxmemory", 1))

    result = live(meddle=refuse)
    assert full
    assert result.verdict.word == "fail", str(result)
    assert "users are not served: OutOfMemoryError" in str(result)


def test_where_nobody_looked_nobody_knows() -> None:
    """No look since then: whether users are served is unknown, and not broken."""
    assert served([Look(1.0, 1.1, "gone"), Look(3.0, 3.1)], 2.0).outcome == "unknown"
    assert served([Look(1.0, 1.1), Look(3.0, 3.1, "gone")], 2.0).outcome == "broken"


def test_a_server_that_stays_slow_fails_the_night(live: Callable[..., Result], server: Server) -> None:
    """Served again, and each write takes a tenth of a second: that is not how it was before."""
    first = server.process

    class Slow(RedisSubject):
        def hand(self) -> Any:
            hand = super().hand()
            write = hand.write

            def slowly(seq: int, intent: Any) -> None:
                write(seq, intent)
                if server.process is not first:
                    time.sleep(0.1)

            hand.write = slowly  # type: ignore[method-assign]
            return hand

    def subject(_stack: Any, settings: Any) -> RedisSubject:
        return Slow("127.0.0.1", server.port, PASSWORD, preload_count=settings.preload)

    result = live(subject=subject, settings=replace(standin.SETTINGS, after=3.0, slower=20.0))
    assert result.verdict.word == "fail"
    assert "The median write took" in str(result)


def test_the_checklist_is_read_from_the_run_s_end() -> None:
    """A claim for what was checked; what is left to people claims nothing."""
    recovery = Recovery(0.0)
    after = ["The log is there.", "Alerts arrive.", "Write the report."]
    ticks = [{"state": "ticked"}, {"state": "unticked", "sentence": "db1: none came."}, {"state": "open"}]
    recovery.told.append(Told(1.0, {"event": "end", "outcome": "done", "after": after, "ticks": ticks}))
    held, broken = ticked(recovery)
    assert (held.name, held.outcome) == ("checklist: The log is there.", "held")
    assert broken.outcome == "broken"
    assert "Alerts arrive. db1: none came." in broken.sentence
    assert not list(ticked(Recovery(0.0)))


def test_a_slow_service_is_compared_with_longer_ago() -> None:
    """Five writes fell into the last two seconds before the strike: those before them count too."""
    settings = replace(standin.SETTINGS, before=2.0, after=0.0, settle=0.0, slower=0.2)
    took = [Took(0.4 * n, 0.4 * n + 0.3, acked=True) for n in range(30)]
    now = time.monotonic()
    took += [Took(now + n, now + n + 0.3, acked=True) for n in range(30)]
    found = at_pace(took, (0.0, 12.0), settings)
    assert found is not None
    assert (found.before.writes, found.close) == (30, True)


def test_only_what_swung_while_all_was_steady_is_allowed() -> None:
    """Users who were served slowly while the service came up are no measure of how it swings."""
    settings = replace(standin.SETTINGS, before=2.0, after=0.0, settle=0.0, slower=0.2)
    took = [Took(0.01 * n, 0.01 * n + (0.0095 if n < 400 else 0.003), acked=True) for n in range(1000)]
    now = time.monotonic()
    took += [Took(now + 0.01 * n, now + 0.01 * n + 0.009, acked=True) for n in range(200)]
    for steady, close in ((0.0, True), (4.5, False)):
        found = at_pace(took, (steady, 10.0), settings)
        assert found is not None
        assert found.close is close


def test_the_yardstick_is_read_of_the_same_while() -> None:
    """Slow before the steady state, or only while the agent worked: neither excuses slow writes now."""
    settings = replace(standin.SETTINGS, before=2.0, after=0.0, settle=0.0, slower=0.2)
    now = time.monotonic()
    ours = [(0.01 * n, 0.001) for n in range(1000)] + [(now + 0.01 * n, 0.002) for n in range(200)]
    took = [Took(sent, sent + lasted, acked=True) for sent, lasted in ours]
    for then, meanwhile, by_now, close in (
        (0.1, 0.1, 0.2, True),
        (0.1, 0.2, 0.1, False),
        (0.2, 0.2, 0.2, False),
    ):
        asks = [(0.1 * n, then) for n in range(90)] + [(20.0 + 0.1 * n, meanwhile) for n in range(90)]
        asks += [(now + 0.1 * n, by_now) for n in range(90)]
        yardstick = [Took(sent, sent + lasted, acked=True) for sent, lasted in asks]
        found = at_pace(took, (4.5, 10.0), settings, yardstick)
        assert found is not None
        assert found.close is close
