"""The shell kept open on a host: what each command wrote is its own, and its end is nobody else's."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import ContactLost, TimedOut
from agent.transport import open_road
from agent.transport.ask import Sh
from agent.transport.order import Order
from agent.transport.ssh_hand import Marked, fits

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
