"""All of a real server's files are gone: what is found, what is put back, and what is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import pytest

from agent.errors import NoBackup, ProofFailed, StepFailed
from agent.runbook.expressions import fill
from agent.runbook.load import load_page
from agent.systems import redis
from agent.systems.redis import loss
from agent.systems.redis.look import Copy
from tests.systems.conftest import Gold
from tests.systems.server import Here

TAKEN = "2026-11-22T03:00:00+00:00"


def copy_of(gold: Gold) -> Copy:
    """The backup as a page hands it over."""
    return replace(gold.copy, taken_at=TAKEN, contents={"db0": 1500}, usual={"miss_rate": 0.1})


def recover(here: Here, copy: Copy | None) -> redis.Loss:
    """Do what the page does, step by step."""
    found = here.do(redis.find_loss(here.system, copy))
    assert found.lost
    here.do(redis.make_place(here.system))
    here.do(redis.check_room(here.system, found.source))
    if found.alive:
        here.do(redis.hold_dump(here.system))
        here.stop()
    kept = here.do(redis.keep_copy(here.system))
    rebuilt = here.do(redis.rebuild(here.system, found.source, lost=True))
    here.do(redis.promote(here.system, kept.path))
    here.start()
    here.do(redis.ping(here.system))
    here.do(redis.prove(here.system, rebuilt.keys * 9 // 10))
    here.do(redis.prove_back(here.system, found.source))
    return found


@pytest.mark.parametrize("folder", [True, False], ids=["files", "folder"])
def test_a_dead_server_without_files(here: Here, gold: Gold, folder: bool) -> None:
    """The backup goes in as the base of a new log, and a restart finds it again."""
    if folder:
        shutil.rmtree(here.data)
    vitals = here.do(redis.diagnose(here.system))
    assert [each.id for each in vitals.symptoms] == ["redis.data-lost"]
    found = recover(here, copy_of(gold))
    assert (found.alive, found.source and found.source.id, found.since) == (False, gold.copy.id, TAKEN)
    assert here.client.get("key:799") is not None
    assert here.client.get("key:801") is None
    before = here.state()
    here.kill()
    here.start()
    assert here.state() == before


def test_keys_that_expired_since_the_backup_are_not_counted_on(here: Here) -> None:
    """Sessions of a backup from a while ago are gone as soon as the server is started: nothing is missing."""
    here.start()
    with here.client.pipeline(transaction=False) as pipe:
        for number in range(2000):
            pipe.set(f"session:{number}", number, ex=3600)
        pipe.mset({f"kept:{number}": number for number in range(300)})
        pipe.execute()
    into = here.folder / "backup" / "redis_20261122_030000_full.rdb"
    into.parent.mkdir()
    taken = here.do(redis.dump(here.system, str(into), into.name))
    here.kill()
    shutil.rmtree(here.data)
    copy = Copy("b", str(into), mark=taken.mark, taken_at=TAKEN, contents=taken.contents)
    here.do(redis.make_place(here.system))
    rebuilt = here.do(redis.rebuild(here.system, copy, lost=True))
    assert (rebuilt.keys, rebuilt.expiring) == (2301, 2000)
    here.do(redis.promote(here.system, str(here.folder / "kept")))
    here.start()
    # An hour later.
    assert here.client.delete(*(f"session:{number}" for number in range(2000))) == 2000
    names = {"rebuilt": rebuilt, "look": SimpleNamespace(lost=True, remedy="rebuild")}
    for page in ("redis_total_loss", "redis_aof"):
        (step,) = [each for each in load_page(page).steps if each.id == "count"]
        least = fill(step.arguments["at_least"], names)
        assert (here.do(redis.count(here.system, least)), least) == (301, 270)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("UUID=1 {} ext4 defaults,nofail 0 2", True),
        ("UUID=1 {}/ ext4 defaults 0 2", True),
        ("UUID=1 {}/da ext4 defaults 0 2", False),
        ("# UUID=1 {} ext4 defaults 0 2", False),
        ("UUID=1 {} ext4 noauto 0 0", False),
        ("UUID=1 / ext4 defaults 0 1", False),
        ("proc /proc proc defaults 0 0", False),
        ("UUID=2 none swap sw 0 0", False),
    ],
)
def test_a_volume_that_is_not_mounted_is_no_loss(
    here: Here, monkeypatch: pytest.MonkeyPatch, line: str, place: bool
) -> None:
    """Its data are out of sight: nothing is put in their place, unless somebody knows that they are gone."""
    fstab = here.folder / "fstab"
    fstab.write_text("# file systems\n" + line.format(here.folder) + "\n")
    monkeypatch.setattr(loss, "_FSTAB", str(fstab))
    if place:
        with pytest.raises(StepFailed, match=f"{here.folder} is not mounted.*may lie on that volume"):
            here.do(redis.check_mounted(here.system))
    else:
        here.do(redis.check_mounted(here.system))
    here.do(redis.check_mounted(here.system, True))
    fstab.unlink()
    here.do(redis.check_mounted(here.system))


@pytest.mark.parametrize("page", ["redis_total_loss", "redis_aof"])
def test_both_pages_look_for_the_volume_before_they_change_anything(page: str) -> None:
    """Behind the look, before room is made or anything is copied."""
    ids = [step.id for step in load_page(page).steps]
    assert ids[ids.index("look") + 1] == "mounted"


def test_what_was_written_since_is_kept(here: Here, gold: Gold) -> None:
    """A server that began empty takes writes: they lie on top of the backup, increments and pushes too."""
    here.start()
    for _ in range(3):
        here.client.incr("count:0")
    here.client.rpush("list:0", "since")
    here.client.set("key:799", "newer")
    assert here.do(redis.diagnose(here.system)).mark == ""
    found = recover(here, copy_of(gold))
    assert (found.alive, found.keys) == (True, 3)
    assert here.client.lrange("list:0", 0, -1)[-1] == b"since"
    assert here.client.llen("list:0") == 41
    assert here.client.get("key:799") == b"newer"
    assert here.client.get("key:798") is not None
    assert int(here.client.get("count:0") or 0) == 43


def test_a_server_that_stands_in_for_another(here: Here, gold: Gold) -> None:
    """It ran before the backup was taken, so its start is not when the loss was: the loss reaches to now."""
    copy = copy_of(gold)
    taken = datetime.fromisoformat(TAKEN).timestamp()
    for began, until in ((taken - 900, taken + 60), (taken + 20, taken + 20)):
        seen = loss.Seen({}, loss.Alive(0, "", began), copy, taken + 60)
        found = loss.judge(here.system, seen, "Redis runs without its data")
        assert (found.since, found.seconds) == (TAKEN, until - taken)


def test_a_dump_that_was_left_is_better_than_an_older_backup(here: Here, gold: Gold) -> None:
    """Only the log is gone: a dump.rdb of the same life, newer than the backup, is what is put back."""
    here.take(gold.data)
    here.start()
    here.client.set("after the backup", "yes")
    here.client.save()
    here.kill()
    shutil.rmtree(here.data / "appendonlydir")
    found = recover(here, copy_of(gold))
    assert found.source
    assert found.source.id == "dump.rdb"
    assert here.client.get("after the backup") == b"yes"


def test_data_that_is_still_there_is_left_alone(here: Here, gold: Gold) -> None:
    """A well server, a damaged log, a flushed database: nothing of it is a loss of all files."""
    copy = copy_of(gold)
    here.take(gold.data)
    with pytest.raises(StepFailed, match="redis_aof"):
        here.do(redis.find_loss(here.system, copy))
    here.manifest.unlink()
    with pytest.raises(StepFailed, match="still holds the mark"):
        here.do(redis.find_loss(here.system, copy))
    here.take(gold.data)
    here.start()
    assert here.do(redis.find_loss(here.system, copy)).lost is False
    here.client.flushall()
    with pytest.raises(StepFailed, match="a command deleted the data"):
        here.do(redis.find_loss(here.system, copy))


@pytest.mark.parametrize(
    ("base", "state"),
    [
        ({"state": "sound", "keys": 0, "made": 200}, "lost"),
        ({"state": "sound", "keys": 0, "made": 50}, "there"),
        ({"state": "sound", "keys": 1400, "made": 200}, "there"),
    ],
    ids=["began anew", "older than the copy", "rewritten since"],
)
def test_a_cache_that_filled_up_again_was_lost_all_the_same(gold: Gold, base: dict, state: str) -> None:
    """As many keys as before are other keys, where the log says that it began with none after the backup."""
    files = {"order": [], "marks": [], "base": base, "copy": {"made": 100}}
    seen = loss.Seen(files, loss.Alive(1400, "", 200.0), copy_of(gold), 300.0)
    assert loss.state_of(seen)[0] == state


def test_nothing_to_put_back(here: Here, gold: Gold) -> None:
    """No backup and no dump: the sentence says so and where one may come from; other marks are no proof."""
    with pytest.raises(NoBackup, match="backup fetch"):
        here.do(redis.find_loss(here.system))
    here.start()
    with pytest.raises(ProofFailed, match="goes on from"):
        here.do(redis.prove_back(here.system, gold.copy))


def test_warm_is_as_before(here: Here) -> None:
    """Misses are held against what they were; an idle server and a missing figure tell nothing."""
    here.start()
    with pytest.raises(ProofFailed, match="no such figure"):
        here.do(redis.watch_warm(here.system, {}))
    with pytest.raises(ProofFailed, match="hardly anybody"):
        here.do(redis.watch_warm(here.system, {"miss_rate": 0.1}, within=1.5))
    for rate, warm in ((0.5, True), (0.2, False)):
        stats = iter(range(1, 20))
        watch = redis.warm._Watch(rate)
        done = (replace(EMPTY, out=_stats(50 * n, 50 * n)) for n in stats)
        assert any(watch.looks(each) for each in done) is warm


EMPTY = redis.warm.Done(0)


def _stats(hits: int, misses: int) -> bytes:
    return f"keyspace_hits:{hits}\r\nkeyspace_misses:{misses}\r\ninstantaneous_ops_per_sec:7\r\n".encode()
