"""A real server whose memory is full: measured, given room within what there is, swept, and kept so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import redis as client_errors

from agent.errors import NoRoom, ProofFailed, Refused
from agent.systems import redis
from agent.systems.redis.memory import Group, Host, Memory, advise, ceiling, propose
from agent.systems.redis.relief import size
from tests.systems.server import Here

MIB = 1 << 20


def fill(here: Here, count: int, name: str = "temp:{} x") -> None:
    """Write keys, some with a blank in their names, and make the limit what is used then."""
    here.client.config_set("maxmemory", 0)
    with here.client.pipeline(transaction=False) as pipe:
        for number in range(count):
            pipe.set(name.format(number), "x" * 100)
        pipe.execute()
    here.client.config_set("maxmemory", here.client.info("memory")["used_memory"])


def test_full_is_measured_relieved_and_kept(here: Here) -> None:
    """Writes are refused; then more memory, fewer keys, and a file that says so at the next start."""
    file = here.folder / "redis.conf"
    included = here.folder / "more.conf"
    file.write_text(f"include {included}\n")
    included.write_text("maxmemory 5mb\n")
    here.begin_with = str(file)
    here.start()
    here.client.mset({f"user:{number}": "kept" for number in range(300)})
    fill(here, 5000)
    with pytest.raises(client_errors.ResponseError, match="maxmemory"):
        here.client.set("user:new", "x")
    assert [each.id for each in here.do(redis.diagnose(here.system)).symptoms] == ["redis.memory-full"]
    with pytest.raises(ProofFailed, match="take writes"):
        here.do(redis.prove_relieved(here.system))
    memory = here.do(redis.measure_memory(here.system))
    assert memory.full
    assert memory.maxmemory < memory.proposal <= memory.ceiling < memory.host.total
    assert memory.groups[0].prefix == "temp:"
    assert 4500 < memory.groups[0].keys <= 5300
    assert any("temp:*" in each for each in memory.advice)
    raised = here.do(redis.raise_maxmemory(here.system, str(memory.proposal)))
    assert here.client.config_get("maxmemory")["maxmemory"] == str(raised.now)
    swept = here.do(redis.sweep(here.system))
    assert (swept.removed, swept.finished) == (5000, True)
    assert swept.freed > 0
    assert swept.others_during_ms[1] >= swept.others_during_ms[0] > 0
    assert here.client.dbsize() == 300
    with pytest.raises(ProofFailed, match="next start"):
        here.do(redis.prove_limit_kept(here.system))
    for _ in range(2):
        kept = here.do(redis.keep_limit(here.system))
    assert (kept.how, kept.maxmemory) == ("file", raised.now)
    assert file.read_text().count("maxmemory") == 2
    assert Path(f"{file}.drillyard-before").read_text() == f"include {included}\n"
    assert here.do(redis.prove_relieved(here.system)).outlives_restart
    here.stop()
    here.start()
    assert here.client.config_get("maxmemory")["maxmemory"] == str(raised.now)
    assert here.do(redis.prove_limit_kept(here.system)) == raised.now


def test_a_file_whose_last_line_has_no_end_still_starts_the_server(here: Here) -> None:
    """As an editor or a template leaves it; and a link stays one, to the file that has the limit now."""
    file, link = here.folder / "kept/redis.conf", here.folder / "redis.conf"
    file.parent.mkdir()
    file.write_text("maxmemory 5mb\ntimeout 77")
    link.symlink_to(file)
    here.begin_with = str(link)
    here.start()
    here.client.config_set("maxmemory", "6mb")
    for _ in range(2):
        here.do(redis.keep_limit(here.system))
    assert link.is_symlink()
    here.stop()
    here.start()
    assert here.client.config_get("maxmemory")["maxmemory"] == str(6 * MIB)
    assert here.client.config_get("timeout")["timeout"] == "77"
    assert Path(f"{file}.drillyard-before").read_text() == "maxmemory 5mb\ntimeout 77"


def test_a_limit_in_a_last_line_without_an_end_counts(here: Here) -> None:
    """The server reads it, so it is what a restart brings."""
    file = here.folder / "redis.conf"
    file.write_text("timeout 77\nmaxmemory 6mb")
    here.begin_with = str(file)
    here.start()
    assert here.do(redis.prove_limit_kept(here.system)) == 6 * MIB


@pytest.mark.parametrize("locale", ["C", "de_DE.UTF-8"])
def test_the_hosts_memory_is_read_in_its_own_language(
    here: Here, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    """To the byte, and where a number has a comma too."""
    monkeypatch.setenv("LC_ALL", locale)
    here.start()
    found = here.do(redis.measure_memory(here.system)).host
    told = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    whole = int(told["MemTotal"].split()[0]) * 1024
    assert found.total == whole or found.total < whole - (1 << 20)


def test_more_than_the_host_has_is_refused(here: Here) -> None:
    """Beyond what the host bears, or below what is used: refused, and nothing is changed."""
    here.start()
    here.client.config_set("maxmemory", "100mb")
    for wanted, why in (("900000gb", "can bear"), ("1kb", "are used")):
        with pytest.raises(NoRoom, match=why):
            here.do(redis.raise_maxmemory(here.system, wanted))
    assert here.client.config_get("maxmemory")["maxmemory"] == str(100 * MIB)
    with pytest.raises(Refused):
        here.do(redis.raise_maxmemory(here.system, "much"))


@pytest.mark.parametrize("pattern", ["*", "t*", "?emp:*", "te[m]p:*", "\\*a"])
def test_a_pattern_for_everything_is_refused(here: Here, pattern: str) -> None:
    """Who says * deletes the database: it is refused before anything is asked."""
    here.start()
    here.client.set("kept", "yes")
    with pytest.raises(Refused, match="plain characters"):
        here.do(redis.sweep(here.system, pattern))
    assert here.client.get("kept") == b"yes"


def test_a_sweep_ends_in_its_time(here: Here) -> None:
    """What is not deleted within its time stays, and it says that it is not finished."""
    here.start()
    fill(here, 3000)
    swept = here.do(redis.sweep(here.system, within=0.0))
    assert not swept.finished
    assert here.client.dbsize() == 3000 - swept.removed


def test_keys_of_every_database_are_seen_and_of_one_deleted(here: Here) -> None:
    """What fills it may lie beside database 0; other databases may be other people's."""
    here.start()
    fill(here, 1000)
    here.client.config_set("maxmemory", 0)
    with here.client.pipeline(transaction=False) as pipe:
        pipe.execute_command("SELECT", 3)
        pipe.mset({f"temp:{number}": "x" for number in range(3000)})
        pipe.execute_command("SELECT", 0)
        pipe.execute()
    memory = here.do(redis.measure_memory(here.system))
    assert memory.keys == 4000
    assert [(each.db, each.prefix) for each in memory.groups] == [(3, "temp:"), (0, "temp:")]
    assert 2700 <= memory.groups[0].keys <= 3000
    assert any("temp:* of database 3 is about" in each for each in memory.advice)
    swept = here.do(redis.sweep(here.system))
    assert (swept.removed, swept.elsewhere) == (1000, (3,))
    assert set(here.client.info("keyspace")) == {"db3"}
    swept = here.do(redis.sweep(here.system, db=3))
    assert (swept.removed, swept.elsewhere) == (3000, ())
    assert here.client.info("keyspace") == {}


@pytest.mark.parametrize(
    ("words", "then"),
    [("", 6 * MIB), ("--maxmemory-policy noeviction", 6 * MIB), ("--port 1 --maxmemory 5mb", 5 * MIB)],
)
def test_what_the_command_line_says_wins_at_the_next_start(
    here: Here, monkeypatch: pytest.MonkeyPatch, words: str, then: int
) -> None:
    """A limit in the file is not kept where the unit gives another one."""
    file, systemctl = here.folder / "redis.conf", here.folder / "bin" / "systemctl"
    file.write_text("maxmemory 6mb\n")
    here.begin_with = str(file)
    here.start()
    systemctl.parent.mkdir()
    told = "{ path=/usr/bin/redis-server ; argv[]=/usr/bin/redis-server /etc/redis.conf " + words
    systemctl.write_text(f"#!/bin/sh\necho '{told} ; ignore_errors=no ; pid=0 }}'\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemctl.parent}:{os.environ['PATH']}")
    if then == 6 * MIB:
        assert here.do(redis.prove_limit_kept(here.system)) == then
    else:
        with pytest.raises(ProofFailed, match=f"next start to bring maxmemory {6 * MIB}.*bring {then}"):
            here.do(redis.prove_limit_kept(here.system))


def test_without_a_file_nothing_is_kept_and_it_says_so(here: Here) -> None:
    """A server started by its command line alone: no file to keep the limit in."""
    here.start()
    assert here.do(redis.keep_limit(here.system)).how == ""
    with pytest.raises(ProofFailed, match="command line"):
        here.do(redis.prove_limit_kept(here.system))


@pytest.mark.parametrize(
    ("used", "limit", "host", "proposal"),
    [
        (100, 100, Host(1000, 800), 125),
        (100, 100, Host(1000, 20), 115),
        (100, 100, Host(140, 100), 105),
        (100, 100, Host(130, 100), 0),
        (100, 100, Host(1000, 1), 0),
        (100, 0, Host(1000, 800), 0),
        (100, 400, Host(1000, 800), 500),
    ],
)
def test_what_is_proposed_fits_the_host(used: int, limit: int, host: Host, proposal: int) -> None:
    """A quarter more, three quarters of the host at most and of what is free of it; little is nothing."""
    whole = Host(host.total * MIB, host.free * MIB)
    assert propose(used * MIB, limit * MIB, ceiling(used * MIB, whole)) == proposal * MIB


@pytest.mark.parametrize(
    ("policy", "groups", "words"),
    [
        ("noeviction", [Group("temp:", 900, 100, 0.0), Group("user:", 100, 100, 0.0)], "say EX"),
        ("noeviction", [Group("session:", 1000, 100, 1.0)], "volatile-ttl"),
        ("allkeys-lru", [Group("user:", 1000, 100, 0.0)], "volatile-lru"),
        ("noeviction", [Group("user:", 1000, 100, 0.0)], "Leave maxmemory-policy noeviction"),
    ],
)
def test_advice_fits_the_keys(policy: str, groups: list[Group], words: str) -> None:
    """Which policy helps depends on whether the keys are meant to stay."""
    memory = Memory(MIB, MIB, MIB, policy, True, 0, Host(9 * MIB, MIB), MIB, 0, 1000, tuple(groups), ())
    assert words in " ".join(advise(memory))


def test_nobody_is_advised_on_keys_that_were_not_seen() -> None:
    """A server without keys: nothing is said of how long they stay."""
    memory = Memory(MIB, MIB, MIB, "noeviction", True, 0, Host(9 * MIB, MIB), MIB, 0, 0, (), ())
    assert list(advise(memory)) == []


def test_sizes_are_read_as_redis_writes_them() -> None:
    """gb is 1024, g is 1000."""
    assert [size(text) for text in ("4gb", "512MB", "1g", "7")] == [4 << 30, 512 << 20, 10**9, 7]
