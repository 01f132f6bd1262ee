"""A Redis whose data directory, or the folder of its log, is a link to a larger disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.systems import redis
from tests.systems.server import Here, redis_here


@pytest.fixture(params=["data", "data/appendonlydir"])
def here(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Here]:
    """The link is root's, or somebody else's where the tests are root: whose it is means nothing."""
    with redis_here(tmp_path / "here") as found:
        disk, link = tmp_path / "disk", found.folder / request.param
        if link.exists():
            link.rename(disk)
        else:
            disk.mkdir()
        link.symlink_to(disk)
        if os.geteuid() == 0:
            os.lchown(link, 12345, 12345)
        yield found


def filled(here: Here) -> None:
    """Some keys, written by a server that is killed."""
    here.start()
    for number in range(1000):
        here.client.set(f"key{number}", "x" * 100)
    here.kill()


def test_a_link_is_no_foreign_file(here: Here) -> None:
    """A sound server has no symptom, and is proved."""
    here.start()
    here.client.set("a", "1")
    assert here.do(redis.diagnose(here.system)).symptoms == ()
    assert here.do(redis.inspect(here.system)).wrong_owner == ()
    here.do(redis.prove(here.system))


def test_the_files_themselves_are_copied_and_given_back(here: Here) -> None:
    """A copy of the link alone would be no safety copy: what is cut is gone."""
    filled(here)
    with here.log.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$3\r\nab")
    torn = here.log.read_bytes()
    assert here.do(redis.check_room(here.system, rebuild=False)).needed > len(torn) + (64 << 20)
    look = here.do(redis.inspect(here.system))
    assert look.remedy == "cut"
    kept = here.do(redis.keep_copy(here.system))
    assert kept.files == 3
    here.do(redis.cut(here.system, look.cut_file, look.cut_at))
    copy = Path(kept.path, "appendonlydir", look.cut_file)
    assert (copy.resolve(), copy.read_bytes()) != (here.log.resolve(), here.log.read_bytes())
    assert copy.read_bytes() == torn
    if os.geteuid() == 0:
        os.chown(here.log, 12345, 12345)
        assert here.do(redis.inspect(here.system)).remedy == "owner"
        here.do(redis.fix_owner(here.system))
        assert here.log.stat().st_uid == 0
    here.start()
    assert here.client.dbsize() == 1000


def test_a_rebuilt_log_takes_its_place(here: Here) -> None:
    """The damaged files stay as they were, and the server starts on the new ones."""
    filled(here)
    with here.log.open("r+b") as file:
        file.seek(5000)
        file.write(bytes(300))
    damaged = here.log.read_bytes()
    assert here.do(redis.inspect(here.system)).remedy == "rebuild"
    kept = here.do(redis.keep_copy(here.system))
    here.do(redis.rebuild(here.system))
    here.do(redis.promote(here.system, kept.path))
    assert [path.read_bytes() for path in Path(kept.path).glob("replaced-*/*.incr.aof")] == [damaged]
    here.start()
    assert here.client.dbsize() > 990
