"""Each kind of damage, done to a real server's files, inspected, repaired, and started again."""

from __future__ import annotations

import os
import pwd
import random
from collections.abc import Callable

import pytest

from agent.payload.commands import KNOWN
from agent.payload.resp import pieces
from agent.systems import redis
from agent.systems.redis.look import Copy, Look
from agent.systems.redis.repair import Rebuilt
from tests.systems.conftest import Gold
from tests.systems.server import Here

Range = tuple[int, int]


def damage(here: Here, at: float, change: Callable[[bytearray, int], Range]) -> Range:
    """Change the log's bytes around the share `at` of it; return the damaged range of the original."""
    content = bytearray(here.log.read_bytes())
    where = change(content, int(len(content) * at))
    here.log.write_bytes(content)
    return where


def flip(content: bytearray, at: int, count: int = 64) -> Range:
    """Turn `count` bytes in a row into their complement."""
    for place in range(at, at + count):
        content[place] ^= 0xFF
    return at, at + count


def zero_4k(content: bytearray, at: int) -> Range:
    """Lose a block of the disk."""
    content[at : at + 4096] = bytes(4096)
    return at, at + 4096


def grow_length(content: bytearray, at: int) -> Range:
    """Make a value longer than the file, in its length only."""
    place = content.index(b"$3\r\nSET\r\n", at)
    place = content.index(b"\r\n$", content.index(b"\r\n$", place) + 3) + 3
    stop = content.index(b"\r\n", place)
    content[place:stop] = b"99999999"
    return place, stop


def recover(here: Here, copy: Copy | None, least: int = 1000) -> tuple[Look, Rebuilt | None]:
    """Do what the page does, step by step; a running server is stopped only where the page would."""
    system = here.system
    look = here.do(redis.inspect(system, copy))
    here.do(redis.check_room(system, copy))
    if look.remedy == "rescue":
        here.do(redis.rescue_live(system))
        return look, None
    if look.remedy == "none" and look.alive:
        return look, None
    if look.alive:
        here.do(redis.hold_dump(system))
        here.stop()
    kept = here.do(redis.keep_copy(system))
    if look.wrong_owner:
        here.do(redis.fix_owner(system))
    rebuilt = None
    if look.remedy == "cut":
        here.do(redis.cut(system, look.cut_file, look.cut_at))
    if look.remedy == "rebuild":
        rebuilt = here.do(redis.rebuild(system, copy, look.started_empty))
        here.do(redis.promote(system, kept.path))
    here.start()
    here.do(redis.ping(system))
    here.do(redis.prove(system, least))
    assert here.do(redis.inspect(system, copy)).remedy == "none"
    return look, rebuilt


def without(here: Here, gold: Gold, ranges: list[Range]) -> str:
    """The digest of a server that was never sent the commands that overlap `ranges` (transactions whole)."""
    here.kill()
    here.take(gold.data)
    content = here.log.read_bytes()
    kept, opened = [], -1
    for start, stop, args in pieces(content, 0, len(content), KNOWN):
        assert args is not None
        if args[:1] == (b"MULTI",):
            opened = start
        elif opened < 0 or args[:1] == (b"EXEC",):
            first = opened if opened >= 0 else start
            if not any(first < last and begin < stop for begin, last in ranges):
                kept.append(content[first:stop])
            opened = -1
    here.log.write_bytes(b"".join(kept))
    here.start()
    return here.state()


@pytest.mark.parametrize("change", [flip, zero_4k])
def test_middle_before_the_mark_loses_nothing(here: Here, gold: Gold, change: Callable[..., Range]) -> None:
    """Damage before the newest backup's mark: backup + log behind the mark is everything, exactly."""
    here.take(gold.data)
    damage(here, 0.25, change)
    look, rebuilt = recover(here, gold.copy)
    assert look.remedy == "rebuild"
    assert look.cut_commands > 1000
    assert rebuilt is not None
    assert rebuilt.foundation == "copy"
    assert here.state() == gold.state


@pytest.mark.parametrize(
    ("change", "with_copy"), [(flip, True), (flip, False), (zero_4k, False), (grow_length, True)]
)
def test_middle_loses_only_what_was_damaged(
    here: Here, gold: Gold, change: Callable[..., Range], with_copy: bool
) -> None:
    """Damage behind the mark, or without any backup: only the commands whose bytes were hit are missing."""
    here.take(gold.data)
    hit = damage(here, 0.75, change)
    look, rebuilt = recover(here, gold.copy if with_copy else None)
    assert look.remedy == "rebuild"
    assert rebuilt is not None
    assert rebuilt.foundation == ("copy" if with_copy else "base")
    assert rebuilt.dropped_bytes < hit[1] - hit[0] + 300
    found = here.state()
    assert found == without(here, gold, [hit])


def test_many_flips(here: Here, gold: Gold) -> None:
    """64 bytes flipped all over the log: what frames the commands is found again, before and behind each."""
    here.take(gold.data)
    luck = random.Random(7)
    content = bytearray(here.log.read_bytes())
    for _ in range(64):
        content[luck.randrange(len(content))] ^= 0xFF
    here.log.write_bytes(content)
    look, rebuilt = recover(here, gold.copy)
    assert look.remedy == "rebuild"
    assert rebuilt is not None
    assert rebuilt.keys > gold.keys - 40


@pytest.mark.parametrize(
    "tail", [b"", bytes(512), random.Random(3).randbytes(4096), b"*3\r\n$3\r\nSET\r\n$1\r\n"]
)
def test_torn_end_is_cut(here: Here, gold: Gold, tail: bytes) -> None:
    """A command cut short, or garbage behind the last one: cut there, and not a whole command is lost."""
    here.take(gold.data)
    content = here.log.read_bytes()
    here.log.write_bytes(content + tail if tail else content[:-5])
    look, _ = recover(here, gold.copy)
    assert look.remedy == "cut"
    found = here.state()
    assert found == (gold.state if tail else without(here, gold, [(len(content) - 5, len(content))]))


def test_end_cut_off_before_the_mark(here: Here, gold: Gold) -> None:
    """The log ends before the backup's mark: the backup alone is newer than all that is left of the log."""
    here.take(gold.data)
    here.log.write_bytes(here.log.read_bytes()[:40_003])
    look, rebuilt = recover(here, gold.copy)
    assert look.remedy == "rebuild"
    assert rebuilt is not None
    assert rebuilt.foundation == "copy"
    assert here.client.get("key:799") is not None
    assert here.client.llen("list:0") == 40


def test_log_that_redis_cut_by_itself(here: Here, gold: Gold) -> None:
    """With aof-load-truncated yes a server cuts its own log and goes on; the newer copy gives it away."""
    here.take(gold.data)
    content = here.log.read_bytes()
    here.log.write_bytes(content[: content.index(b"*3\r\n$3\r\nSET\r\n$7\r\nkey:400\r\n") + 9])
    here.start("--aof-load-truncated", "yes")
    here.client.set("since", "then")
    look, rebuilt = recover(here, gold.copy)
    assert (look.remedy, look.alive, look.started_empty) == ("rebuild", True, False)
    assert rebuilt is not None
    assert rebuilt.foundation == "base"
    assert rebuilt.filled_count > len(rebuilt.filled) == 100
    assert here.client.get("since") == b"then"
    assert here.client.get("key:799") is not None
    assert 0 < here.client.ttl("leaving:769") <= 5000


def test_two_holes_one_of_them_over_the_mark(here: Here, gold: Gold) -> None:
    """Where the mark is lost in one of several holes, the base is the ground and the copy fills the gaps."""
    here.take(gold.data)
    content = bytearray(here.log.read_bytes())
    mark = content.index(b"drillyard:mark")
    hits = [(mark - 2000, mark + 2000), (len(content) // 5, len(content) // 5 + 600)]
    for first, last in hits:
        content[first:last] = bytes(last - first)
    here.log.write_bytes(content)
    look, rebuilt = recover(here, gold.copy)
    assert look.remedy == "rebuild"
    assert rebuilt is not None
    assert rebuilt.foundation == "base"
    assert rebuilt.filled_count > 10
    keys = set(here.client.scan_iter(count=10_000))
    lost = [number for number in range(1600) if b"key:%d" % number not in keys and number % 40 != 4]
    # Only what was written between the copy and the end of the hole can be in neither.
    assert all(number >= 800 for number in lost)
    assert len(lost) < 60


def test_deleted_keys_stay_deleted(here: Here, gold: Gold) -> None:
    """A key the copy holds and the log deletes later is not brought back by the filling."""
    here.take(gold.data)
    content = bytearray(here.log.read_bytes())
    delete = b"*2\r\n$3\r\nDEL\r\n$6\r\nbase:7\r\n"
    mark = content.index(b"drillyard:mark")
    content[mark - 600 : mark + 600] = bytes(1200)
    content[9000:9100] = bytes(100)
    here.log.write_bytes(bytes(content) + delete)
    _, rebuilt = recover(here, gold.copy)
    assert rebuilt is not None
    assert rebuilt.filled_count > 0
    assert not here.client.exists("base:7")


def test_dangerous_words_in_a_value_are_not_carried_out(here: Here) -> None:
    """A value that holds FLUSHALL as RESP, its length damaged: nothing of it is executed."""
    here.start()
    evil = b"*1\r\n$8\r\nFLUSHALL\r\n" * 4
    for number in range(50):
        here.client.set(f"key:{number}", number)
    here.client.set("page", evil)
    here.client.set("last", "word")
    here.kill()
    here.log.write_bytes(here.log.read_bytes().replace(b"$%d\r\n*1" % len(evil), b"$9999999\r\n*1"))
    _, rebuilt = recover(here, None, least=50)
    assert rebuilt is not None
    assert here.client.dbsize() == 51
    assert not here.client.exists("page")
    assert rebuilt.lost == ("page",)


def test_orphans_are_said(here: Here, gold: Gold) -> None:
    """Files that the manifest does not name are left alone and named."""
    here.take(gold.data)
    (here.data / "appendonlydir" / "appendonly.aof.1.incr.aof").write_bytes(b"")
    look = here.do(redis.inspect(here.system))
    assert look.remedy == "none"
    assert "appendonly.aof.1.incr.aof" in look.reasons[-1]


def test_damaged_base_with_mark(here: Here, gold: Gold) -> None:
    """A damaged base is not needed where the backup's mark is in the log."""
    here.take(gold.data)
    content = bytearray(here.base.read_bytes())
    flip(content, len(content) // 2)
    here.base.write_bytes(content)
    look, rebuilt = recover(here, gold.copy)
    assert look.remedy == "rebuild"
    assert rebuilt is not None
    assert rebuilt.foundation == "copy"
    assert here.state() == gold.state


def test_manifest_lost_while_down(here: Here, gold: Gold) -> None:
    """Without its manifest the log is put together by its files' names."""
    here.take(gold.data)
    here.manifest.unlink()
    look, rebuilt = recover(here, None)
    assert look.remedy == "rebuild"
    assert rebuilt is not None
    assert here.state() == gold.state


@pytest.mark.parametrize("copied", [True, False])
def test_manifest_lost_and_started_empty(here: Here, gold: Gold, copied: bool) -> None:
    """A server that came up empty answers PONG; it is found out, and what it took since is kept, too."""
    here.take(gold.data)
    here.manifest.unlink()
    here.start()
    assert here.client.dbsize() == 0
    here.client.set("since", "then")
    here.client.rpush("list:0", "since")
    look, rebuilt = recover(here, gold.copy if copied else None)
    assert (look.remedy, look.started_empty, look.alive) == ("rebuild", True, True)
    assert rebuilt is not None
    assert here.client.get("since") == b"then"
    assert here.client.lrange("list:0", -1, -1) == [b"since"]
    assert here.client.lrem("list:0", -1, "since") == 1
    assert here.client.delete("since") == 1
    assert here.state() == gold.state


def test_started_empty_over_files_of_sequence_one(here: Here) -> None:
    """With sequence 1 the empty start overwrites the base and goes on in the old log: both lives are kept."""
    here.start()
    for number in range(500):
        here.client.set(f"old:{number}", number)
        here.client.incr("count")
    before = here.state()
    here.kill()
    here.manifest.unlink()
    here.start()
    for number in range(700):
        here.client.set(f"new:{number}", number)
    look, _ = recover(here, None)
    assert (look.remedy, look.started_empty) == ("rebuild", True)
    assert here.client.delete(*[f"new:{number}" for number in range(700)]) == 700
    assert here.state() == before


def test_living_server_with_damaged_files_is_rescued(here: Here, gold: Gold) -> None:
    """A server that still holds everything writes its log anew; it is not restarted."""
    here.take(gold.data)
    here.start()
    damage(here, 0.5, flip)
    pid = here.client.info("server")["process_id"]
    look, _ = recover(here, gold.copy)
    assert (look.remedy, look.alive) == ("rescue", True)
    assert here.client.info("server")["process_id"] == pid
    assert here.do(redis.inspect(here.system, gold.copy)).remedy == "none"
    here.kill()
    here.start()
    assert here.state() == gold.state


def test_sound_server_is_left_alone(here: Here, gold: Gold) -> None:
    """A living, sound server needs nothing, up or down."""
    here.take(gold.data)
    assert here.do(redis.inspect(here.system, gold.copy)).remedy == "none"
    here.start()
    look, rebuilt = recover(here, gold.copy)
    assert (look.remedy, look.alive, rebuilt) == ("none", True, None)
    assert not look.damage


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_wrong_owner(here: Here, gold: Gold) -> None:
    """Files of another user are given back, and nothing else is done."""
    here.take(gold.data)
    nobody = pwd.getpwnam("nobody").pw_uid
    os.chown(here.log, nobody, -1)
    here.manifest.chmod(0)
    look, rebuilt = recover(here, gold.copy)
    assert look.remedy == "owner"
    assert len(look.wrong_owner) == 2
    assert rebuilt is None
    assert here.log.stat().st_uid == os.geteuid()
    assert here.state() == gold.state


def test_unchecked_base_is_mended_from_an_older_copy(here: Here) -> None:
    """Base damaged, and no mark since: it is loaded unchecked, and what is garbled comes from the copy."""
    here.start()
    with here.client.pipeline(transaction=False) as pipe:
        for number in range(2000):
            pipe.set(f"user:{number:06}", f"<name of user {number:06}>" + "lorem ipsum " * 2)
        pipe.execute()
    backup = here.folder / "one.rdb"
    dumped = here.do(redis.dump(here.system, str(backup), "redis_1"))
    here.client.set("after", "the copy")
    here.do(redis.rescue_live(here.system))
    here.client.set("user:000001", "changed behind the base")
    before = here.state()
    here.kill()
    content = bytearray(here.base.read_bytes())
    at = content.index(b"name of user 001000")
    flip(content, at, 12)
    here.base.write_bytes(content)
    _, rebuilt = recover(here, Copy("redis_1", str(backup), dumped.mark))
    assert rebuilt is not None
    assert (rebuilt.foundation, rebuilt.mended_count, rebuilt.filled_count) == ("unchecked base", 1, 0)
    assert here.state() == before
