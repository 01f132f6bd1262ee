"""What every supervisor promises: one suite for systemd, docker and compose, each of them real.

They are tried where an engine answers that has the images; without one they are not collected, and the golden
cases (tests/golden/) stand alone. Kubernetes is tried where KUBECONFIG names a cluster; elsewhere it is
SIMULATED by golden cases: what is asked of kubectl is proved, what a cluster makes of it is not.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import StepFailed
from agent.secrets import Secret
from agent.supervisors import containers, systemd
from agent.supervisors import service as verbs
from agent.transport import open_road
from agent.transport.perform import Forgetful, perform
from tests.conform import supervised
from tests.conform.supervised import Way

AWKWARD = "p@$$ 'w' \"d\" \\ #x `y` 한"


@pytest.fixture(scope="module", params=supervised.ways())
def made(request, tmp_path_factory) -> Iterator[Way]:
    """Each supervisor that can be tried here, with its two services made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(containers, "STEADY", 0.6)
        patch.setattr(systemd, "STEADY", 0.6)
        patch.setenv("PATH", supervised.with_compose_on_path())
        with supervised.MAKE[request.param](tmp_path_factory.mktemp(request.param)) as way:
            yield way


@pytest.fixture
def way(made) -> Way:
    """The supervisor, its service `api` running and sound."""
    made.control("rm -f broken; : >starts")
    made.control("rm -f ready", "slow")
    return made


@pytest.fixture
def ask(way):
    """Carry out an action on the way's host."""
    return lambda action, record=None: perform(action, way.road, record)


def until(condition) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + 60
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        pause.wait(0.05)


def test_a_start_is_awaited_and_a_restart_is_one(way, ask):
    """A start returns when the service runs, and changes nothing where it does; a restart is another process.

    Its log can be read, and it can be had to start with its host.
    """
    first = ask(verbs.start(way.service()))
    assert (first.state, first.pid > 0) == ("running", True)
    assert ask(verbs.start(way.service())).pid == first.pid
    after = ask(verbs.restart(way.service()))
    assert (after.state, after.pid > 0) == ("running", True)
    assert (after.pid, after.since) != (first.pid, first.since)
    assert "serving in mode" in ask(verbs.logs(way.service(), lines=5))
    assert ask(verbs.enable(way.service())).enabled


def test_a_stopped_service_stays_stopped(way, ask):
    """A stop leaves no process; neither the restart policy nor a restarted engine brings one back."""
    ask(verbs.start(way.service()))
    way.control(": >starts")
    stopped = ask(verbs.stop(way.service()))
    assert (stopped.state, stopped.pid) == ("stopped", 0)
    if way.name != "systemd":
        names = supervised.run("docker", "ps", "-aq", "--filter", f"volume={way.folder}/api").split()
        policy = "{{.HostConfig.RestartPolicy.Name}}"
        assert supervised.run("docker", "inspect", "--format", policy, *names) == "unless-stopped"
    assert ask(verbs.stop(way.service())).state == "stopped"
    assert way.control("cat starts") == ""


def test_what_hangs_is_ended_at_once(way, ask):
    """A frozen process is gone without having been asked, and its service starts as after any crash."""
    frozen = ask(verbs.start(way.service())).pid
    way.control(f"kill -STOP {frozen}")
    ask(verbs.kill(way.service()))
    until(lambda: ask(verbs.status(way.service())).pid != frozen)
    again = ask(verbs.restart(way.service()))
    assert (again.state, again.pid > 0, again.pid != frozen) == ("running", True, True)


def test_a_crash_loop_is_told_ended_and_left(way, ask):
    """What does not start is an error with the end of its log; it can be stopped, and mended it starts."""
    way.control("touch broken")
    with pytest.raises(StepFailed, match=r"(?s)expected .*api to \w+, found: .*the data in .* are broken"):
        ask(verbs.restart(way.service()))
    until(lambda: ask(verbs.status(way.service())).state in ("failed", "starting"))
    ended = ask(verbs.stop(way.service()))
    assert (ended.state in ("stopped", "failed"), ended.pid) == (True, 0)
    begun = way.control("wc -l <starts")
    assert int(begun) > 1
    way.control("rm broken")
    # It had been restarting every 0.1 s, or a little later each time.
    threading.Event().wait(0.5)
    assert way.control("wc -l <starts") == begun
    assert ask(verbs.start(way.service())).state == "running"


def test_an_alias_is_the_unit_it_leads_to(way, ask):
    """Debian's `redis` is redis-server: its log is that one's, and it can be enabled."""
    if way.name != "systemd":
        pytest.skip("only systemd has aliases")
    folder = "/etc/systemd/system"
    way._sh(f"ln -s {folder}/conform-api.service {folder}/conform-nick.service; systemctl daemon-reload")
    try:
        nick = way.service("nick")
        assert ask(verbs.restart(nick)).pid == ask(verbs.status(way.service())).pid
        assert "serving in mode" in ask(verbs.logs(nick, lines=5))
        assert ask(verbs.enable(nick)).enabled
        way.control("touch broken")
        with pytest.raises(StepFailed, match=r"(?s)conform-nick to restart.*the data in .* are broken"):
            ask(verbs.restart(nick))
    finally:
        way._sh(f"rm {folder}/conform-nick.service; systemctl daemon-reload")


def test_a_slow_service_is_starting_until_it_is_ready(way, ask):
    """What says by itself when it is ready is `starting` until then, and its start is awaited."""
    slow = way.service("slow")
    ask(verbs.stop(slow))
    found = []

    def start() -> None:
        with contextlib.closing(open_road(way.to)) as road:
            found.append(perform(verbs.start(slow), road))

    thread = threading.Thread(target=start)
    thread.start()
    try:
        until(lambda: ask(verbs.status(slow)).state == "starting")
        assert not found
    finally:
        way.control("touch ready", "slow")
        thread.join(60)
    assert [each.state for each in found] == ["running"]
    ask(verbs.stop(slow))


def test_an_unknown_service_is_named(way, ask):
    """A service that is not known there is an error that says where it is written and what was meant."""
    for verb in (verbs.status, verbs.start):
        with pytest.raises(StepFailed, match=r"hosts\.yml:7: expected .*apj.*Did you mean \S*api\?"):
            ask(verb(way.service("apj")))


class Remembering(Forgetful):
    """A record that keeps every answer, as the journal does."""

    def __init__(self) -> None:
        self.kept = ""

    def answered(self, n, ask, answer) -> None:
        """Keep it."""
        self.kept += f"{ask} {answer!r}\n"


@contextlib.contextmanager
def watched(text: str) -> Iterator[list[str]]:
    """Collect every command line of this machine that holds a text, containers included."""
    seen: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.005):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    line = path.read_bytes().decode("utf-8", "replace")
                    if text in line:
                        seen.append(line)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def test_the_environment_is_changed_and_changed_back(way, ask, monkeypatch):
    """New variables are there for good, the others stay; one command goes back, out of a failure too.

    No secret stands in a command line, in a question or in an answer, be it a new value or the old one.
    """
    service = way.service()
    ask(verbs.start(service))
    before = way.environment()
    monkeypatch.setenv("NEW_URI", f"mongodb://u:{AWKWARD}@standby")
    record = Remembering()
    with watched("@standby") as shown:
        done = ask(verbs.set_env(service, {"MODE": "standby", "URI": Secret("env", "NEW_URI")}), record)
    assert not shown
    assert (done.status.state, done.names) == ("running", ("MODE", "URI"))
    now = way.environment()
    assert now["MODE"] == "standby"
    # What we know as a secret comes back masked.
    digest = hashlib.sha256(f"mongodb://u:{AWKWARD}@standby".encode()).hexdigest()
    assert way.control("cat digest").startswith(digest)
    assert {name: now.get(name) for name in ("KEPT", "FIXED")} == {
        name: before.get(name) for name in ("KEPT", "FIXED")
    }
    assert ask(verbs.restore_env(service), record).status.state == "running"
    assert {"MODE", "URI"}.isdisjoint(way.environment())
    # Asked once more, as after a lost connection, it stays there.
    ask(verbs.restore_env(service), record)
    assert {"MODE", "URI"}.isdisjoint(way.environment())
    assert AWKWARD not in record.kept

    way.control("touch broken")
    with pytest.raises(StepFailed, match="are broken"):
        ask(verbs.set_env(service, {"MODE": "wrong"}))
    way.control("rm broken")
    assert ask(verbs.restore_env(service)).status.state == "running"
    assert "MODE" not in way.environment()
