"""Each fault does to real files of a real Redis what it says, where it says, and leaves the server dead."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.errors import NotFound
from drills.rig.fault import Scene, fault, faults
from tests.faults.local_host import scene_of
from tests.subjects.local_redis import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with 400 keys, half of them in the base file."""
    folder = tmp_path / "redis"
    folder.mkdir()
    running = Server(folder)
    running.start()
    with running.client() as client:
        client.mset({f"base:{n}": "x" * 50 for n in range(200)})
        client.bgrewriteaof()
        while client.info("persistence")["aof_rewrite_in_progress"]:
            pass
        for n in range(200):
            client.set(f"incr:{n}", "y" * 50)
    yield running
    running.kill()


@pytest.fixture
def scene(server: Server, tmp_path: Path) -> Scene:
    """The server as a fault sees it; the backup was taken at 90 % of its incremental file."""
    path = next((server.folder / "appendonlydir").glob("*.incr.aof"))
    return scene_of(server, tmp_path / "bin", {str(path): path.stat().st_size * 9 // 10})


def _file(scene: Scene, pattern: str) -> Path:
    return next(Path(scene.data_dir, "appendonlydir").glob(pattern))


def _starts(server: Server) -> bool:
    """Try a start on the files as they are, with the server's own safe setting."""
    argv = ["redis-server", "--port", "0", "--unixsocket", "s", "--dir", str(server.folder)]
    process = subprocess.Popen(
        [*argv, "--appendonly", "yes", "--aof-load-truncated", "no"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    started = any("ready to accept" in line.lower() for line in process.stdout)
    process.kill()
    process.wait()
    return started


def test_a_kill_damages_nothing(server: Server, scene: Scene) -> None:
    """The control: the same strike without damage leaves files that load whole."""
    before = {path.name: path.read_bytes() for path in Path(scene.data_dir, "appendonlydir").iterdir()}
    fault("kill").strike(scene)
    assert _starts(server)
    assert before == {
        path.name: path.read_bytes() for path in Path(scene.data_dir, "appendonlydir").iterdir()
    }
    server.start()
    assert server.client().dbsize() == 400


@pytest.mark.parametrize(
    "name", ["aof_tail_cut", "aof_tail_garbage", "aof_flip", "aof_length_grown", "aof_base_damaged"]
)
def test_redis_does_not_start_on_damaged_files(name: str, server: Server, scene: Scene) -> None:
    """The server is dead, the damage is seen, and it does not come back by itself."""
    harm = fault(name)
    wound = harm.strike(scene)
    assert server.process is not None
    assert server.process.wait(timeout=60) == -9
    assert harm.seen(scene, wound)
    assert not _starts(server)
    scene.host.exec("truncate", "-s", "0", str(wound.facts["file"]))
    assert harm.seen(scene, wound) == ""


def test_the_cut_is_inside_a_command(scene: Scene) -> None:
    """A cut that happened to end between two commands would damage nothing."""
    for cut in range(66, 70):
        data = _file(scene, "*.incr.aof").read_bytes()
        wound = fault("aof_tail_cut", bytes=cut).strike(scene)
        kept = _file(scene, "*.incr.aof").read_bytes()
        assert data.startswith(kept)
        assert not kept.endswith(b"\n")
        assert len(data) - len(kept) == wound.facts["size_before"] - wound.facts["size_after"] >= cut
        Path(str(wound.facts["file"])).write_bytes(data)


@pytest.mark.parametrize(
    ("settings", "share"), [({}, 0.5), ({"where": 0.2}, 0.2), ({"since_backup": True}, 0.95)]
)
def test_flips_are_where_they_were_asked_for(scene: Scene, settings: dict[str, Any], share: float) -> None:
    """64 bytes at that share of the file, or of its end that no backup holds; nothing else is touched."""
    before = _file(scene, "*.incr.aof").read_bytes()
    wound = fault("aof_flip", **settings).strike(scene)
    after = _file(scene, "*.incr.aof").read_bytes()
    assert len(after) == len(before)
    differing = [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert differing == list(range(wound.facts["offset"], wound.facts["offset"] + 64))
    assert differing[0] / len(before) == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(("hit", "starts"), [("command", False), ("value", True)])
def test_flips_hit_what_they_were_to_hit(server: Server, scene: Scene, hit: str, starts: bool) -> None:
    """A command's start stops Redis from starting; a value's inside it loads without a word."""
    for key in range(5):
        server.client().set(f"long:{key}", "z" * 200)
    before = _file(scene, "*.incr.aof").read_bytes()
    at = fault("aof_flip", where=0.9, hit=hit, bytes=16).strike(scene).facts["offset"]
    assert before[at : at + 1] == (b"z" if hit == "value" else b"*")
    assert _starts(server) is starts


def test_the_grown_length_is_one_length(scene: Scene) -> None:
    """One number becomes 99999999 and everything else stays."""
    before = _file(scene, "*.incr.aof").read_bytes()
    wound = fault("aof_length_grown").strike(scene)
    at, was = wound.facts["offset"], wound.facts["was"].encode()
    assert _file(scene, "*.incr.aof").read_bytes() == before[:at] + b"99999999" + before[at + len(was) :]
    assert before[at - 1 : at] == b"$"


def test_without_its_manifest_redis_starts_empty(server: Server, scene: Scene) -> None:
    """It answers PONG with nothing in it: the fault is seen in the files alone."""
    harm = fault("aof_manifest_lost")
    wound = harm.strike(scene)
    assert server.process is not None
    server.process.wait(timeout=60)
    server.start()
    assert server.client().dbsize() == 0
    assert harm.seen(scene, wound)


def test_the_files_belong_to_root(scene: Scene) -> None:
    """Folder and files are root's and closed."""
    harm = fault("wrong_owner")
    wound = harm.strike(scene)
    folder = Path(scene.data_dir, "appendonlydir")
    modes = {path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert (folder.stat().st_mode & 0o777, modes) == (0o700, {0o600})
    assert harm.seen(scene, wound)


def test_nothing_is_nothing(server: Server, scene: Scene) -> None:
    """The no-op strikes nothing and sees nothing."""
    harm = fault("noop")
    assert harm.seen(scene, harm.strike(scene)) == ""
    assert server.client().dbsize() == 400


def test_a_strike_that_fails_is_said(server: Server, scene: Scene) -> None:
    """Where the file to damage is missing the strike fails: it never passes for a strike."""
    _file(scene, "*.manifest").unlink()
    with pytest.raises(AssertionError, match=r"no .*manifest"):
        fault("aof_manifest_lost").strike(scene)


def test_faults_are_found_by_name(tmp_path: Path) -> None:
    """A file's name is the fault's; a folder of one's own comes first; a dotted name reaches any module."""
    assert {"aof_flip", "noop", "power_cut"} <= set(faults())
    (tmp_path / "noop.py").write_text("class Fault:\n    mine = True\n")
    mine: Callable[..., object] = fault("noop", folders=[tmp_path])  # type: ignore[assignment]
    assert mine.mine  # type: ignore[attr-defined]
    assert fault("drills.faults.noop") == fault("noop")


@pytest.mark.parametrize(
    ("name", "settings", "hint"),
    [("aof_flop", {}, "Did you mean aof_flip?"), ("aof_flip", {"wher": 0.1}, "Did you mean where?")],
)
def test_an_unknown_name_lists_what_there_is(name: str, settings: dict[str, Any], hint: str) -> None:
    """A fault or a setting that does not exist is an error that names the nearest."""
    with pytest.raises(NotFound) as error:
        fault(name, **settings)
    assert hint in str(error.value)
