"""A far road when its worker or the post fails: what was in flight is unknown, nothing is sent twice."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.errors import ContactLost, StepFailed, Unreachable
from agent.inventory.model import Host
from agent.secrets import Secret
from agent.transport.ask import Put, Sh
from agent.transport.far.letter import Carried, Letter, Open, Reply
from agent.transport.far.place import Worker
from agent.transport.far.road import FarRoad, Undelivered
from agent.transport.far.station import Station


@dataclass
class Office:
    """A post to stations in this process, which can be told what to do with the n-th command or file.

    `lose`: the letter arrives and its reply does not; `drop`: it never arrives; `restart`: the worker is a
    new one before it arrives; `restart after`: when it has arrived.
    """

    folder: Path
    trouble: dict[int, str] = field(default_factory=dict)
    held: int = 0
    work: int = 0
    opened: int = 0
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def __post_init__(self) -> None:
        self.station = Station(self.folder / "w0")

    def place(self, host: Host) -> Worker:
        """The only worker there is."""
        self.held += 1
        return Worker("tcp://1", "one")

    def left(self, worker: Worker) -> None:
        """Count."""
        self.held -= 1

    def send(self, worker: Worker, letter: Letter, within: float) -> Reply:
        """Take it to the station, or do what was told."""
        trouble = ""
        if isinstance(letter.work, Sh | Put) or type(letter.work).__name__ == "Run":
            self.work += 1
            trouble = self.trouble.get(self.work, "")
        self.opened += isinstance(letter.work, Open)
        if trouble == "drop":
            raise Undelivered("no answer")
        if trouble == "gone":
            raise Undelivered("it is gone", begun=False)
        if trouble == "restart":
            self._restart()
        if trouble == "restart after":
            self._take(Letter(letter.road, letter.n, letter.work, wait=0.0))
            self._restart()
            return Reply("at it")
        reply = self._take(letter)
        if trouble == "lose":
            raise Undelivered("no answer")
        return reply

    def _take(self, letter: Letter) -> Reply:
        async def taken() -> Reply:
            try:
                return await self.station.take(letter)
            except Exception as error:  # noqa: BLE001 - as a worker does
                return Reply.failed(error)

        return self.loop.run_until_complete(taken())

    def _restart(self) -> None:
        self.station = Station(self.folder / f"w{self.work}")


@pytest.fixture
def office(tmp_path) -> Office:
    """A post."""
    return Office(tmp_path)


@pytest.fixture
def road(office, tmp_path) -> FarRoad:
    """A far road that ends here."""
    to = Host("here", road="local", state_dir=str(tmp_path / "state"))
    return FarRoad(to, tmp_path / "spill", office, lambda _: (b"", "", ""))


def line(tmp_path: Path, **options) -> Sh:
    """A change of which a second time would be seen."""
    return Sh("echo x >> $1; wc -l < $1", tmp_path / "log", script=True, changes="a line", **options)


def written(tmp_path: Path) -> int:
    """How often the change was made."""
    path = tmp_path / "log"
    return len(path.read_text().split()) if path.exists() else 0


@pytest.mark.parametrize("trouble", ["lose", "drop", "restart after"])
def test_what_was_in_flight_is_unknown(office, road, tmp_path, trouble):
    """It is not sent again by the road; asked again under its name, its outcome is taken up."""
    office.trouble = {2: trouble}
    road.run(Sh("true"))
    with pytest.raises(ContactLost, match=r"the worker one was lost .* taken up from its job"):
        road.run(line(tmp_path), job="run.s.1")
    assert road.run(line(tmp_path), job="run.s.1").text == "1"
    assert written(tmp_path) == 1
    assert (office.held, office.opened) == (1, 2)


@pytest.mark.parametrize("trouble", ["restart", "gone"])
def test_between_two_asks_the_road_is_opened_again(office, road, tmp_path, trouble):
    """A worker that was restarted, or is gone, before it was asked did not begin: the next is asked."""
    office.trouble = {2: trouble}
    road.run(Sh("true"))
    assert road.run(line(tmp_path)).text == "1"
    assert written(tmp_path) == 1
    assert office.opened == 2


def test_workers_that_vanish_one_after_the_other(office, road):
    """It does not go on for ever; and what was never sent is not unknown."""
    office.trouble = {1: "gone", 2: "gone"}
    with pytest.raises(Unreachable, match="was not sent"):
        road.run(Sh("true"))
    assert office.held == 0


def test_a_change_without_a_job_is_looked_at_by_hand(office, road, tmp_path):
    """A file that may or may not have been written is said to be unknown."""
    office.trouble = {1: "lose"}
    with pytest.raises(ContactLost, match=r"Whether it writes .* is unknown"):
        road.put(Put(str(tmp_path / "file"), b"x"))


def test_errors_keep_their_kind(road, tmp_path):
    """What the road there raises is raised here, the same kind with the same words."""
    with pytest.raises(StepFailed, match=r"put .* failed"):
        road.put(Put(f"{tmp_path}/none/such/file", b""))


def test_a_secret_travels_as_text_and_shows_as_a_reference(monkeypatch):
    """The worker needs no variable of ours; whatever prints what is on its way prints the reference."""
    monkeypatch.setenv("FAR_SECRET", "far s3cret")
    carried = Carried.of(Secret("env", "FAR_SECRET", "hosts.yml:3"))
    monkeypatch.delenv("FAR_SECRET")
    assert carried.reveal() == "far s3cret"
    letter = Letter("road", 1, None)
    assert "far s3cret" not in repr([carried, letter, Reply("done", "far s3cret")])


def test_a_reference_that_leads_nowhere_is_told_where_it_is_needed(office, tmp_path):
    """An unset variable of sudo's password is nobody's business until sudo asks for it."""
    to = Host("here", road="local", become_password=Secret("env", "NOT_SET_AT_ALL", "hosts.yml:3"))
    road = FarRoad(to, None, office, lambda _: (b"", "", ""))
    assert road.run(Sh("true")).rc == 0
    with pytest.raises(Exception, match="NOT_SET_AT_ALL is not set"):
        road.run(Sh("true", secrets={"X": Secret("env", "NOT_SET_AT_ALL", "hosts.yml:3")}))


def test_a_road_that_nobody_asks_is_closed(office, road):
    """A controller that died leaves none open for ever; one that only paused opens it again unnoticed."""
    road.run(Sh("true"))
    (held,) = office.station._held.values()
    held.heard -= 10_000
    office.loop.run_until_complete(_reap(office.station))
    assert not office.station._held
    assert road.run(Sh("echo", "again")).text == "again"


async def _reap(station: Station) -> None:
    station._reap()


def test_keys_are_learnt_once(office, tmp_path):
    """The controller's host keys come to a worker once, and are those of their digest."""
    keys = b"host ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\n"
    for name in ("one", "two"):
        road = FarRoad(Host(name, address="127.0.0.1", port=1), None, office, lambda _: (keys, "/kh", ""))
        with pytest.raises(Unreachable, match=r"no connection to 127\.0\.0\.1 .*Seen from the worker one"):
            road.open()
    kept = list((office.folder / "w0" / "keys").iterdir())
    assert [path.read_bytes() for path in kept] == [keys]
    assert kept[0].name == hashlib.sha256(keys).hexdigest()
    assert (office.held, office.opened) == (0, 3)
