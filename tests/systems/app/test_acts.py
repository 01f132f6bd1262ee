"""What a recovery changes: the link to the release, the process on the port, and nothing else."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import NotFound, StepFailed
from agent.inventory.model import Host
from agent.payload.app_facts import listener
from agent.systems import app as verbs
from agent.systems.app.server import App
from agent.transport.fake import FakeRoad
from agent.transport.local import LocalRoad
from agent.transport.perform import perform
from tests.systems.app.seen import app


@pytest.fixture
def here(tmp_path: Path) -> LocalRoad:
    """A road to this machine."""
    return LocalRoad(Host(name="here", road="local", state_dir=str(tmp_path / "state")))


@pytest.fixture
def released(tmp_path: Path) -> App:
    """An application with releases 9 and 10, the newer one current."""
    for name in ("9", "10"):
        (tmp_path / "releases" / name).mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/10")
    return local(releases=str(tmp_path / "releases"), current=str(tmp_path / "current"))


def local(**settings: Any) -> App:
    """An application of this machine."""
    return app(**{"health": "http://127.0.0.1:1/health", "sudo": False, "python": sys.executable, **settings})


def links(tmp_path: Path) -> str:
    """Where the link leads."""
    return str((tmp_path / "current").readlink())


def test_going_back(here: LocalRoad, released: App, tmp_path: Path) -> None:
    """The link leads to the release before, relative as it was; the bad one is kept and marked."""
    rolled = perform(verbs.roll_back(released), here)
    assert (rolled.release, rolled.bad) == ("9", "10")
    assert links(tmp_path) == "releases/9"
    assert (tmp_path / "releases/10/.drillyard-bad").exists()


def test_a_link_that_was_absolute_stays_so(here: LocalRoad, released: App, tmp_path: Path) -> None:
    """As whoever deploys has made it."""
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to(tmp_path / "releases/10")
    perform(verbs.roll_back(released), here)
    assert links(tmp_path) == str(tmp_path / "releases/9")


@pytest.mark.parametrize(
    ("place", "before", "after"),
    [
        ("releases/current", "10", "9"),
        ("releases/current", "./10/", "9"),
        ("live/current", "../releases/10", "../releases/9"),
        ("live/current", "../stable", "{}/releases/9"),
    ],
)
def test_a_link_elsewhere_leads_to_the_release(
    here: LocalRoad, released: App, tmp_path: Path, place: str, before: str, after: str
) -> None:
    """Beside the releases, in a folder of its own, by way of another link: it never leads to nothing."""
    (tmp_path / "live").mkdir()
    (tmp_path / "stable").symlink_to("releases/10")
    link = tmp_path / place
    link.symlink_to(before)
    assert link.is_dir()
    rolled = perform(verbs.roll_back(replace(released, current=str(link))), here)
    assert (rolled.release, rolled.bad) == ("9", "10")
    assert link.resolve() == (tmp_path / "releases/9").resolve()
    assert str(link.readlink()) == after.format(tmp_path)
    assert (tmp_path / "stable").readlink() == Path("releases/10")


def test_nothing_to_go_back_to(here: LocalRoad, released: App, tmp_path: Path) -> None:
    """One that was found bad is not gone back to, and the link stays where it is."""
    (tmp_path / "releases/9/.drillyard-bad").touch()
    with pytest.raises(NotFound, match="expected a release before 10"):
        perform(verbs.roll_back(released), here)
    assert links(tmp_path) == "releases/10"


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing and would rather not end."""
    stubborn = "import signal; signal.signal(15, signal.SIG_IGN); print(1, flush=True); signal.pause()"
    process = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.read(1)
    yield process
    process.kill()
    process.wait()


def began(process: subprocess.Popen[bytes]) -> str:
    """When a process began, as the kernel counts."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]


def test_the_port_is_freed(here: LocalRoad, stranger: subprocess.Popen[bytes]) -> None:
    """Whoever holds it is ended, even where it does not listen to a request."""
    # A child of ours that is dead stays in the table until it is waited for.
    waited = threading.Thread(target=stranger.wait)
    waited.start()
    perform(verbs.free_port(local(), stranger.pid, began(stranger)), here)
    waited.join()
    assert stranger.returncode == -9


def test_another_process_of_that_number_is_left_alone(
    here: LocalRoad, stranger: subprocess.Popen[bytes]
) -> None:
    """The one that was seen is gone, and its number is another's."""
    perform(verbs.free_port(local(), stranger.pid, "1"), here)
    assert stranger.poll() is None


def test_a_process_that_is_not_known(here: LocalRoad) -> None:
    """Nothing is ended by guess."""
    with pytest.raises(StepFailed, match="not known"):
        perform(verbs.free_port(local(), 0, ""), here)


def test_the_certificate_is_renewed(here: LocalRoad, tmp_path: Path) -> None:
    """By the command of the inventory; where there is none, that is said."""
    perform(verbs.renew(local(renew=f"touch {tmp_path}/renewed")), here)
    assert (tmp_path / "renewed").exists()
    with pytest.raises(StepFailed, match="does not say how it is renewed"):
        perform(verbs.renew(local()), here)


def test_what_only_a_person_can_mend() -> None:
    """The run ends with the cause and what was seen."""
    with pytest.raises(StepFailed, match=r"A disk it needs is full .*/var has 0 bytes"):
        perform(verbs.give_up(app(), "disk-full", ("/var has 0 bytes free",)), FakeRoad())


FACTS: dict[str, Any] = {"health": {"status": 200, "seconds": 0.02, "body": '{"ok": true}', "trouble": ""}}
SAD = {"health": {"status": 503, "seconds": 0.02, "body": "redis", "trouble": "", "detail": ""}}


def test_waiting_for_a_dependency_tells_the_page() -> None:
    """And goes on by itself once users are served for a while: what is slow answers now and then."""
    sad, well = json.dumps(SAD), json.dumps(FACTS)
    road = FakeRoad({"python3 -I - *": [sad, *[well] * 11, sad, sad, well]})
    assert perform(verbs.await_dependency(app(), "redis", "redis_aof"), road) == road.clock()
    # Eleven good answers in a row are not enough; then the twelve that are.
    assert len(road.asked) == 1 + 11 + 2 + 12
    assert not any(ask.changes for ask in road.asked)


def test_the_logs_are_collected() -> None:
    """Those of the supervisor and the files of the inventory; one that is missing is no reason to stop."""
    road = FakeRoad({"journalctl *": "began\nended\n", 'tail -n "$1" "$2" 2 /app.log': "two\nthree\n"})
    road.answer('tail -n "$1" "$2" 2 /gone.log', 1)
    found = perform(verbs.collect_logs(app(logs=["/app.log", "/gone.log"]), 2), road)
    assert found.sources == ("systemd", "/app.log", "/gone.log")
    assert found.last[:4] == ("began", "ended", "two", "three")


def test_a_port_nobody_listens_on_is_seen_as_such() -> None:
    """The facts of this machine, taken by the program that is carried to hosts."""
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", 0))
        port = mine.getsockname()[1]
        assert listener(port) == {}
        mine.listen()
        assert listener(port)["pids"]


def test_a_port_is_found_while_its_process_opens_and_closes_files() -> None:
    """What a busy server closes while it is looked at hides nothing."""
    done = threading.Event()

    def busy() -> None:
        while not done.is_set():
            for file in [os.open("/dev/null", os.O_RDONLY) for _ in range(64)]:
                os.close(file)

    thread = threading.Thread(target=busy)
    with socket.socket() as low:
        low.bind(("127.0.0.1", 0))
        low.listen()
        # Behind the files that come and go, as the socket of a server that has been up for long.
        high = fcntl.fcntl(low, fcntl.F_DUPFD, 500)
    with socket.socket(fileno=high) as mine:
        thread.start()
        try:
            found = [listener(mine.getsockname()[1])["pids"] for _ in range(20)]
        finally:
            done.set()
            thread.join()
    assert all(os.getpid() in pids for pids in found)
