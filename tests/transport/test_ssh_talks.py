"""A login shell that talks before every command, as ~/.bashrc lets it: what commands say is theirs alone."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from agent.transport.ask import Get, Put, Sh
from agent.transport.ssh import SshRoad
from agent.transport.ssh_talk import Behind
from tests.transport.ssh_road import road_to

SAYS = """
echo "*** 운영 서버 ***"
printf "without an end of line"
echo "stdin: is not a tty" >&2
"""


class Talker(NamedTuple):
    """A road to a login that talks, and a folder of the host that it may write."""

    road: SshRoad
    home: Path


@pytest.fixture(params=["operator", "root"])
def talker(request, sshd):
    """By sudo and as root."""
    if not sshd.accounts:
        pytest.skip("accounts of our own need a mount namespace")
    home = sshd.folder / request.param
    said = home / ".bashrc"
    said.write_text(SAYS)
    with road_to(sshd.host(user=request.param)) as road:
        yield Talker(road, home)
    said.unlink()


def test_what_a_file_and_a_clock_say_is_theirs(talker):
    """Files are read and written byte for byte, and the clock is told."""
    path = talker.home / "kept"
    talker.road.put(Put(str(path), b"abc"))
    assert path.read_bytes() == b"abc"
    assert talker.road.get(Get(str(path))) == b"abc"
    assert talker.road.clock() > 0


@pytest.mark.parametrize("sudo", [False, True])
@pytest.mark.parametrize("size", [3, 100_000])
def test_a_command_with_input_says_its_own(talker, sudo, size):
    """A session of its own begins with what the shell says, on either output."""
    done = talker.road.run(Sh("cat; echo oh >&2; exit 7", script=True, stdin=b"x" * size, sudo=sudo))
    assert (done.rc, done.out, done.err) == (7, b"x" * size, b"oh\n")


def test_a_changing_command_is_known_to_have_ended(talker):
    """Its outcome stands in the first line, and behind what the shell says it was not found."""
    done = talker.road.run(Sh("cat", stdin=b"hi", changes="nothing"), job=f"talks.{talker.home.name}")
    assert (done.rc, done.out) == (0, b"hi")


def test_every_new_shell_talks_and_is_not_heard(talker):
    """Looks share a shell; where that is opened anew, the first of them says its own, too."""
    assert talker.road.run(Sh("echo", "one")).out == b"one\n"
    talker.road._line.drop_hand()
    assert talker.road.run(Sh("echo", "two")).out == b"two\n"


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_mark_may_come_in_pieces(cut):
    """However the line takes it apart, everything behind the mark is passed on and nothing before it."""
    heard: list[bytes] = []
    behind = Behind("mark", heard.append)
    for part in (b"noisemark\nrest"[:cut], b"noisemark\nrest"[cut:]):
        behind.feed(part)
    behind.close()
    assert (b"".join(heard), behind.dropped) == (b"rest", 5)


def test_without_a_mark_all_is_told():
    """A login without a shell says why, and that is all there is."""
    heard: list[bytes] = []
    behind = Behind("mark", heard.append)
    behind.feed(b"This account is not available.\n")
    behind.close()
    assert heard == [b"This account is not available.\n"]
