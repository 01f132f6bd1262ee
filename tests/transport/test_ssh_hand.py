"""The shell kept open on a host: what each command wrote is its own, and its end is nobody else's."""

import signal
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import ContactLost, TimedOut
from agent.transport import open_road
from agent.transport.ask import Sh
from agent.transport.order import Gone, Order, Overdue
from agent.transport.ssh_hand import Hand, Marked, fits
from agent.transport.ssh_line import Spare
from agent.transport.ssh_login import log_in
from tests.transport.ssh_road import PATIENT, running, send, until

MARK = "\x1e0123.7 "


@pytest.fixture
def road(sshd):
    """A road to our own sshd."""
    road = open_road(sshd.host())
    yield road
    road.close()


@given(
    st.lists(st.sampled_from([b"a", b"\x1e", b"\x1e0123", b"\x1e0123.6 0\n", b"\n", b"123.7 "]), max_size=8),
    st.integers(1, 9),
)
@settings(max_examples=200, deadline=None)
def test_an_output_ends_at_its_mark_however_it_is_cut(parts, size):
    """What stands before the mark is passed on byte for byte, whatever pieces it comes in."""
    text, heard = b"".join(parts), bytearray()
    output = Marked(MARK, heard.extend)
    whole = text + MARK.encode() + b"42\n"
    for start in range(0, len(whole), size):
        assert not output.said
        output.feed(whole[start : start + size])
    assert (bytes(heard), output.said) == (text, "42")


@pytest.mark.parametrize("size", [0, 1, 1_000, 3_000_000])
def test_outputs_arrive_whole(road, size):
    """Any bytes, with or without a line's end, on both outputs, and the exit code; again and again."""
    for _ in range(2):
        script = f"head -c {size} /dev/urandom | tee /dev/stderr; exit 7"
        done = road.run(Sh(script, script=True, keep=10_000_000))
        assert (done.rc, len(done.out), done.out) == (7, size, done.err)


@pytest.mark.parametrize("script", ["sleep {}", "trap '' TERM HUP; sleep {} | cat; exit 3"])
def test_a_look_is_ended_from_here_at_its_time(road, script):
    """Nothing of it goes on, and the next look is answered."""
    mark = f"{635 + time.time() % 1:.6f}"
    with pytest.raises(TimedOut, match="was ended on the host"):
        road.run(Sh(script.format(mark), script=True, timeout=1))
    until(lambda: not running(f"sleep {mark}"))
    assert road.run(Sh("echo", "on")).text == "on"


def test_the_shell_is_let_go_of_behind_what_overstayed_in_it(road, monkeypatch):
    """By its shell a look is found: once the shell is gone, nobody could say that the look has ended."""
    mark = f"{635 + time.time() % 1:.6f}"
    closed, close = [], Hand.close

    def closing(hand):
        # What was killed is gone as soon as a busy machine comes to it.
        until(lambda: not running(f"sleep {mark}"))
        closed.append(hand)
        close(hand)

    monkeypatch.setattr(Hand, "close", closing)
    with pytest.raises(TimedOut):
        road.run(Sh(f"sleep {mark}; exit 3", script=True, timeout=0.2))
    assert len(closed) == 1


def test_a_host_on_which_nothing_ends_is_given_up(road, monkeypatch):
    """Where not even what would end a look ends in its time, the outcome is unknown, after one try."""
    tries = []

    def overdue(*_):
        tries.append(1)
        raise Overdue(ended=False)

    road.open()
    monkeypatch.setattr(road, "_carry", overdue)
    with pytest.raises(ContactLost, match="could not be ended"):
        road.run(Sh("true"))
    assert len(tries) == 2


@pytest.mark.parametrize(
    ("ask", "rc", "out"),
    [
        (Sh("exit 7", script=True), 7, ""),
        (Sh('printf \'%s,\' "$#" "$@"', "it's", "-n", "", script=True), 0, "3,it's,-n,,"),
        (Sh("set -e; cd /; x=1; false; echo on", script=True), 1, ""),
        (Sh("if then", script=True), 2, ""),
        (Sh("printf", "%s|", "a b", "$HOME", "*"), 0, "a b|$HOME|*|"),
        (Sh("echo ${x-unset} $- $(pwd); cat", script=True), 0, None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_look_in_the_shell_is_as_in_one_of_its_own(road, ask, rc, out):
    """Words, options, errors and codes; nothing of it is left for the next."""
    done = road.run(ask)
    assert done.rc == rc
    if out is not None:
        assert done.text == out
    left = road.run(Sh("echo ${x-unset} $# ; pwd", script=True)).text.split()
    assert left[:2] == ["unset", "0"]
    assert left[2] != "/"


@pytest.mark.parametrize("began", [True, False])
def test_a_host_that_freezes_before_the_shell_begins_is_given_up(sshd, began):
    """sshd takes no input before it has begun the shell: what could not be sent has not begun."""
    before = set(sshd.sessions())
    line = log_in(sshd.host(), PATIENT)
    line.spare = Spare(line)
    line.spare._thread.join()
    frozen = set(sshd.sessions()) - before
    hand = Hand(line) if began else None
    if began:
        until(lambda: hand._channel.out_window_size)
    send(frozen, signal.SIGSTOP)
    line.patience = replace(PATIENT, ping=0.2, lost=1.0)
    look = Order(("true",), "true", text="true")
    try:
        with pytest.raises(Gone, match="no sign of life") as gone:
            (hand or Hand(line)).carry(look, look.argv, (bytearray().extend, bytearray().extend))
        assert gone.value.begun is began
    finally:
        send(frozen, signal.SIGKILL)
        line.close()


def test_commands_share_a_shell_and_a_job_has_its_own_session(road):
    """A look costs no session; a job keeps one of its own, by which it is known to live."""
    session = Sh("read -r s </proc/$$/stat; set -- ${s##*) }; echo $4", script=True)
    assert road.run(session).out == road.run(session).out
    job = Sh(*session.argv, script=True, changes="nothing")
    assert road.run(job, job="hand.1").out != road.run(session).out
    road.forget("hand")


def test_the_shells_own_words_are_nobodys(road):
    """That a command was killed is its code alone; that there is no such command, it says itself."""
    assert road.run(Sh("kill -9 $$", script=True)).err == b""
    done = road.run(Sh("drillyard-no-such-command"))
    assert done.rc == 127
    assert b"drillyard-no-such-command" in done.err


def test_a_killed_shell_is_contact_lost_and_another_is_opened(road):
    """Who kills the shell on the host makes the command's outcome unknown, and ends nothing else."""
    pid = int(road.run(Sh("ps -o ppid= -p $PPID", script=True)).text)
    with pytest.raises(ContactLost):
        road.run(Sh(f"kill -9 {pid}; sleep 5", script=True))
    assert road.run(Sh("echo", "still here")).text == "still here"


def test_after_a_command_past_its_time_the_next_is_clean(road):
    """A command that was ended leaves none of its words in the next one's output."""
    with pytest.raises(TimedOut):
        road.run(Sh("while :; do echo mine; sleep 0.05; done", script=True, timeout=0.3))
    assert road.run(Sh("echo", "yours")).text == "yours"


def test_what_stays_in_the_background_writes_to_nobody_else(road):
    """A command that leaves something behind gets a session of its own."""
    road.run(Sh("(for i in 1 2 3 4 5 6; do sleep 0.1; echo mine; done) & true", script=True))
    end = time.monotonic() + 0.8
    while time.monotonic() < end:
        assert road.run(Sh("sleep", "0.1")).out == b""


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("redis-cli ping", True),
        ("a && b 2>&1 || c >&2", True),
        ("server & sleep 1", False),
        ("nohup server", False),
        ("server&", False),
        ("x" * 20_000, False),
    ],
)
def test_which_commands_share(text, shares):
    """Short ones without input that leave nothing behind; a job may leave what it likes."""
    order = Order(("sh", "-c", text), "it", shares=True)
    assert fits(order) == shares
    assert not fits(Order(("true",), "it"))
    assert not fits(Order(("true",), "it", stdin=b"x", shares=True))
    assert fits(Order(("sh", "-c", "server &"), "it", shares=True, apart=True))
