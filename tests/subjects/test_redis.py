"""A Redis is written, probed and read back as its users would, and what happens to it is seen."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from drills.rig.account import Account, account
from drills.rig.ledger import Ledger
from drills.rig.probe import Probe, longest_outage
from drills.rig.subject import NotAcknowledged, ProbeFailed
from drills.rig.writer import Writer
from drills.subjects.redis import PROBE_KEY, RedisSubject
from tests.subjects.local_redis import PASSWORD, Server

PRELOAD = 1000


def _subject(server: Server, password: str = PASSWORD) -> RedisSubject:
    return RedisSubject("127.0.0.1", server.port, password, seed=7, preload_count=PRELOAD)


@pytest.fixture
def subject(server: Server) -> RedisSubject:
    """The server as its users see it."""
    return _subject(server)


@pytest.fixture
def ledger(tmp_path: Path, subject: RedisSubject) -> Ledger:
    """A ledger with the preloaded writes and 600 more, all acknowledged."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for seqs, intents, sent in subject.preload(0, PRELOAD):
        ledger.batch(seqs, intents, sent, time.monotonic())
    hand = subject.hand()
    for seq in range(PRELOAD, PRELOAD + 600):
        intent = subject.plan(seq)
        ledger.sending(seq, intent, time.monotonic())
        hand.write(seq, intent)
        ledger.acknowledged(seq, time.monotonic())
    hand.probe(1)
    hand.close()
    return ledger


def _told(subject: RedisSubject, ledger: Ledger) -> Account:
    return account(ledger.writes(), subject.read_back().contents)


def test_what_was_written_is_read_back_whole(subject: RedisSubject, ledger: Ledger, server: Server) -> None:
    """Every kind of write is found, before and after a SIGKILL; the half-way rewrite filled the base file."""
    told = _told(subject, ledger)
    assert (told.acknowledged, told.found, told.whole) == (PRELOAD + 600, PRELOAD + 600, True)
    kinds = {write.kind for write in ledger.writes()}
    assert kinds == {"set", "push", "multi", "overwrite"}
    files = {path.suffix: path.stat().st_size for path in (server.folder / "appendonlydir").iterdir()}
    assert files[".rdb"] > 40_000
    assert files[".aof"] > 40_000
    server.kill()
    server.start()
    assert _told(subject, ledger) == told


def test_writes_are_the_same_for_the_same_seed(subject: RedisSubject) -> None:
    """A drill can be repeated to the byte, and another seed is another drill."""
    again = RedisSubject("elsewhere", 1, "", seed=7, preload_count=PRELOAD)
    other = RedisSubject("elsewhere", 1, "", seed=8, preload_count=PRELOAD)
    assert [subject.plan(n) for n in range(4000)] == [again.plan(n) for n in range(4000)]
    assert subject.plan(5000).content != other.plan(5000).content


def test_every_kind_of_loss_is_seen(subject: RedisSubject, ledger: Ledger, server: Server) -> None:
    """A key deleted, a value altered, a transaction torn, an element doubled, a key added: each is named."""
    later = [write for write in ledger.writes() if write.seq >= PRELOAD]
    gone, altered = [write for write in later if write.kind == "set"][:2]
    torn = next(write for write in later if write.kind == "multi")
    pushed = next(write for write in later if write.kind == "push")
    client = server.client()
    client.delete(gone.key)
    client.set(altered.key, "something else")
    client.delete(f"{torn.key}:b")
    client.rpush(pushed.key, subject.value(pushed.seq))
    client.set("nobody:wrote:this", "x")
    told = _told(subject, ledger)
    assert told.lost == (gone,)
    assert set(told.changed) == {altered, torn}
    assert told.duplicated == (pushed,)
    assert told.invented == ("nobody:wrote:this",)


def test_an_element_altered_inside_a_list_is_changed(
    subject: RedisSubject, ledger: Ledger, server: Server
) -> None:
    """What stands in the place of an element is that element changed, not a loss and an invention."""
    pushed = next(write for write in ledger.writes() if write.kind == "push")
    server.client().lset(pushed.key, 0, "something else")
    told = _told(subject, ledger)
    assert (told.changed, told.lost, told.invented) == ((pushed,), (), ())


def test_a_key_of_another_type_is_changed(subject: RedisSubject, ledger: Ledger, server: Server) -> None:
    """A string where a list was, and a list where a string was, do not go unnoticed."""
    pushed = next(write for write in ledger.writes() if write.kind == "push")
    client = server.client()
    client.delete(pushed.key)
    client.set(pushed.key, "x")
    client.delete("new:0")
    client.rpush("new:0", "x")
    told = _told(subject, ledger)
    assert {write.key for write in told.changed} == {"new:0", pushed.key}


def test_an_empty_redis_that_answers_pong_fails_the_probe(
    subject: RedisSubject, ledger: Ledger, server: Server
) -> None:
    """A look needs something known: PONG of an empty server is no service."""
    server.client().flushall()
    with pytest.raises(ProbeFailed, match="holds nothing"):
        subject.hand().probe(2)


def test_a_redis_that_refuses_writes_fails_the_probe(
    subject: RedisSubject, ledger: Ledger, server: Server
) -> None:
    """PONG and reads are not enough; a write that is refused is never acknowledged."""
    hand = subject.hand()
    hand.probe(0)
    server.client().config_set("min-replicas-to-write", 1)
    assert server.client().ping()
    with pytest.raises(ProbeFailed, match=r"NOREPLICAS|Not enough good replicas"):
        hand.probe(1)
    with pytest.raises(NotAcknowledged):
        hand.write(9000, subject.plan(9000))


def test_a_wrong_password_is_never_served_and_never_told(server: Server, ledger: Ledger) -> None:
    """The probe is an authenticated one, and no error repeats the password."""
    hand = _subject(server, "not-the-password").hand()
    with pytest.raises(ProbeFailed) as failed:
        hand.probe(0)
    assert "not-the-password" not in str(failed.value)


def test_a_frozen_server_holds_nobody_up(subject: RedisSubject, ledger: Ledger, server: Server) -> None:
    """Writer and probe give up in their time, and go on as soon as it answers again."""
    assert server.process is not None
    hand = subject.hand()
    server.process.send_signal(19)
    try:
        with pytest.raises(NotAcknowledged):
            hand.write(9000, subject.plan(9000))
    finally:
        server.process.send_signal(18)
    hand.probe(3)


def test_the_writer_goes_on_through_a_restart(
    subject: RedisSubject, ledger: Ledger, server: Server, tmp_path: Path
) -> None:
    """Writes of the outage are indeterminate, those before and after acknowledged, and nothing is lost."""
    writer = Writer(subject, ledger, rate=400, first=PRELOAD + 600)
    probe = Probe(subject, tmp_path / "probe.jsonl", every=0.02)
    writer.start()
    probe.start()
    assert probe.verified(3, since=0, within=60)
    killed = time.monotonic()
    server.kill()
    while longest_outage(probe.looks, since=killed) < 3:
        probe.wait(1)
    server.start()
    assert probe.verified(5, since=time.monotonic(), within=60)
    threading.Event().wait(0.1)
    writer.stop()
    probe.stop()
    told = _told(subject, ledger)
    assert told.indeterminate > 0
    assert (told.lost, told.whole) == ((), True)
    assert writer.last_acked > killed
    assert (tmp_path / "probe.jsonl").read_text().count("\n") == len(probe.looks)


def test_a_redis_that_cannot_be_read_is_said(subject: RedisSubject, server: Server) -> None:
    """Reading back a server that is down is an error, never an empty account."""
    server.kill()
    with pytest.raises(ProbeFailed, match="could not be read back"):
        subject.read_back()


def test_the_probe_leaves_its_key_out(subject: RedisSubject, ledger: Ledger, server: Server) -> None:
    """What the probe wrote is ours and counts for nothing."""
    assert server.client().exists(PROBE_KEY)
    assert PROBE_KEY not in subject.read_back().contents


def test_a_break_of_the_writer_is_not_swallowed(subject: RedisSubject, tmp_path: Path) -> None:
    """A writer that broke says so when it is stopped: its ledger would be missing writes."""
    closed = Ledger(tmp_path / "closed")
    closed.__exit__(None, None, None)
    writer = Writer(subject, closed, rate=100, first=0)
    writer.start()
    while writer.running:
        threading.Event().wait(0.01)
    with pytest.raises(RuntimeError, match="The writer broke"):
        writer.stop()
