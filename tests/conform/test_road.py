"""What every road promises, whichever way it leads: ssh, local, docker exec, busybox, through a worker."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import threading
import time
from pathlib import Path

import pytest

from agent.errors import StepFailed, SudoRefused, TimedOut
from agent.secrets import MASK, Secret
from agent.transport.ask import Get, Put, Sh
from agent.transport.fake import FakeRoad
from tests.conform.ways import until


def test_the_exit_code_comes_back(road):
    """A command's exit code is its own, and no exit code is an error to the road."""
    assert road.run(Sh("true")).rc == 0
    assert road.run(Sh("exit 7", script=True)).rc == 7
    assert road.run(Sh("kill -SEGV $$", script=True)).rc == 139


def test_a_command_that_is_not_there(road):
    """A missing program is code 127 and a complaint, as in a shell."""
    done = road.run(Sh("no-such-program-here"))
    assert done.rc == 127
    assert "no-such-program-here" in done.complaint


def test_the_outputs_stay_apart(road):
    """Standard output and standard error are not mixed."""
    done = road.run(Sh("echo one; echo two >&2; echo three", script=True))
    assert (done.out, done.err) == (b"one\nthree\n", b"two\n")


def test_bytes_survive(road, way):
    """Every byte comes back as it was, UTF-8 or not."""
    every = bytes(range(256)) * 300 + "é한".encode()[:-1]
    assert road.run(Sh("cat", stdin=every)).out == every
    road.put(Put(f"{way.folder}/every", every))
    assert road.get(Get(f"{way.folder}/every")) == every


def test_a_long_output_is_bounded_in_memory_and_whole_on_disk(road, way):
    """Of 20 MB the first and the last half of `keep` stay in memory, and all of it in the spill."""
    done = road.run(Sh("seq", "1", "2600000", keep=10_000))
    whole = b"".join(b"%d\n" % n for n in range(1, 2_600_001))
    assert len(whole) > 19_000_000
    assert len(done.out) <= 10_000
    assert done.out.startswith(whole[:4_000])
    assert done.out.endswith(whole[-4_000:])
    assert b"left out" in done.out
    assert hashlib.sha256(Path(done.spill).read_bytes()).digest() == hashlib.sha256(whole).digest()


def test_a_short_output_leaves_no_spill(road, way):
    """What fits in memory is not written to disk as well."""
    assert road.run(Sh("echo", "hello")).spill == ""
    assert not way.spill.exists()


def test_input_is_delivered_whole(road):
    """Five megabytes go in and come out again at the same time, without either waiting for the other."""
    content = bytes(range(250)) * 20_000
    done = road.run(Sh("cat", stdin=content, keep=6_000_000))
    assert done.out == content


def test_input_nobody_reads_is_no_error(road):
    """A command may end without reading its input."""
    assert road.run(Sh("exit 3", script=True, stdin=b"x" * 3_000_000)).rc == 3


def test_no_input_is_an_end_at_once(road):
    """A command that reads without having been given anything meets the end of its input."""
    assert road.run(Sh("cat", timeout=60)).out == b""


NASTY = [
    "",
    " ",
    "a b",
    "'",
    '"',
    "$HOME",
    "`id`",
    "\\",
    "\n",
    "*",
    "a'b\"c$d",
    "-n",
    "한글",
    "%s",
    "!x",
    "#",
    "&;|",
]


def test_arguments_arrive_as_they_are(road):
    """No argument is split, expanded or lost on the way."""
    done = road.run(Sh('for word do printf "%s\\0" "$word"; done', *NASTY, script=True))
    assert done.out.decode().split("\0")[:-1] == NASTY


def test_a_secret_reaches_the_environment_and_nothing_else(road, way, monkeypatch):
    """A secret is in the command's environment, in no argument list anywhere, and in no output we keep."""
    password = "s3cr et'\"$\n second-line"
    monkeypatch.setenv("OUR_SECRET", password)
    secrets = {"PASSWORD": Secret("env", "OUR_SECRET"), "_v": Secret("env", "OUR_SECRET")}
    look = """
        [ "$PASSWORD" = "$_v" ] && echo same
        printf '%s' "$PASSWORD" | wc -c
        echo "it is $PASSWORD"
        cat
        for p in /proc/[0-9]*; do
          case $(sed 's/\\x0/ /g' "$p/cmdline" 2>/dev/null) in *second"-"line*) echo leaked by "$p" ;; esac
        done
    """
    for job in ("", f"run{time.time_ns()}.s"):
        ask = Sh(look, script=True, secrets=secrets, stdin=b"the rest\n", changes="nothing really", keep=30)
        done = road.run(replace_keep(ask, 10_000), job=job)
        assert done.rc == 0
        lines = done.text.split()
        assert lines[:2] == ["same", str(len(password))]
        assert "the rest" in done.text
        assert "leaked" not in done.text
        assert MASK in done.text
        assert "second-line" not in done.text
        again = road.run(ask)
        assert "second-line" not in Path(again.spill).read_text()


def replace_keep(ask: Sh, keep: int) -> Sh:
    """The same ask with another bound."""
    options = {name: getattr(ask, name) for name in ("script", "secrets", "stdin", "changes")}
    return Sh(*ask.argv, keep=keep, **options)


STUBBORN = "trap '' TERM; echo $$ >>$1/pids; while :; do sleep 1; done"


def test_the_time_limit_ends_the_whole_group_on_the_host(road, way):
    """A command that ignores TERM is ended with its children, there, not only our waiting for it."""
    both = f'sh -c "$2" sh $1 & {STUBBORN}'
    # A busy machine may not have begun both of them when a short time is over.
    for limit in (way.limit, 5, 30):
        with pytest.raises(TimedOut, match="did not end in"):
            road.run(Sh(both, way.folder, STUBBORN, script=True, timeout=limit))
        pids = road.run(Sh("cat", f"{way.folder}/pids")).text.split()
        if len(pids) > 1:
            break
    assert len(pids) > 1
    for pid in pids:
        until(lambda pid=pid: road.run(Sh("test", "-e", f"/proc/{pid}/exe")).rc == 1)


def test_a_command_may_use_the_code_of_timeouts(road):
    """Code 124 of a command that was in time is its own answer."""
    assert road.run(Sh("exit 124", script=True)).rc == 124


def test_a_background_child_does_not_hold_us_up(road):
    """A command that leaves a child behind with its outputs open has ended when it has ended."""
    done = road.run(Sh("sleep 600 & echo $!", script=True, timeout=60))
    assert road.run(Sh("kill $1", done.text, script=True)).rc == 0


def test_put_writes_whole_or_not_at_all(road, way):
    """Whoever reads while a file is written sees the old or the new content, never a mixture."""
    path = f"{way.folder}/file"
    old, new = b"o" * 700_000, b"n" * 500_000
    road.put(Put(path, old))
    done = threading.Event()

    def write() -> None:
        writer = way.another()
        for _ in range(4):
            writer.put(Put(path, new))
            writer.put(Put(path, old))
        writer.close()
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not done.is_set():
        assert road.run(Sh("cat", path)).out in (old, new)
    thread.join()
    assert road.run(Sh("ls", "-A", way.folder)).text == "file"


def test_put_sets_the_mode_and_leaves_nothing_on_failure(road, way):
    """The mode is there from the first moment; a failed put leaves the old file and no rest."""
    path = f"{way.folder}/file"
    road.put(Put(path, b"kept", mode=0o640))
    assert road.run(Sh("stat", "-c", "%a", path)).text == "640"
    with pytest.raises(StepFailed, match="no-such-owner"):
        road.put(Put(path, b"other", owner="no-such-owner"))
    assert road.get(Get(path)) == b"kept"
    assert road.run(Sh("ls", "-A", way.folder)).text == "file"
    with pytest.raises(StepFailed, match=r"[Nn]o such file|nonexistent"):
        road.put(Put(f"{way.folder}/no/such/folder", b""))


def test_get_refuses_what_is_too_large_or_missing(road, way):
    """More than the limit is an error and not a cut; so is a file that is not there."""
    path = f"{way.folder}/file"
    road.put(Put(path, b"12345"))
    assert road.get(Get(path, limit=5)) == b"12345"
    with pytest.raises(StepFailed, match="5 bytes, more than the 4"):
        road.get(Get(path, limit=4))
    with pytest.raises(StepFailed, match=r"[Nn]o such file|nonexistent"):
        road.get(Get(f"{path}x"))
    assert road.get(Get("/proc/sys/kernel/ostype")) == b"Linux\n"


def test_the_clock_is_the_hosts(road):
    """The clock is in seconds since 1970."""
    assert abs(road.clock() - time.time()) < 30


def test_another_user(road, way, job):
    """`sudo` makes it root, or the named user, as a job and without."""
    if way.to.road == "local" and not shutil.which("sudo"):
        with pytest.raises(SudoRefused, match="sudo is not installed"):
            road.run(Sh("id", "-un", sudo="nobody"))
        return
    assert road.run(Sh("id", "-u", sudo=True)).text == "0"
    assert road.run(Sh("id", "-un", sudo="nobody")).text == "nobody"
    nobody = Sh("id", "-un", sudo="nobody", changes="x")
    assert road.run(nobody, job=job).text == "nobody"
    road.put(Put(f"{way.folder}/roots", b"x", mode=0o600, owner="nobody", sudo=True))
    assert road.run(Sh("stat", "-c", "%U %a", f"{way.folder}/roots")).text == "nobody 600"
    assert road.get(Get(f"{way.folder}/roots", sudo=True)) == b"x"


def test_a_fake_road_keeps_the_promises_that_need_no_host():
    """Answers are as scripted, a job is answered once, and nothing unscripted is answered."""
    road = FakeRoad({"redis-cli PING": ["LOADING", "PONG"], "rm *": 1, "cat x": OSError("gone")})
    ask = Sh("redis-cli", "PING", changes="x")
    assert road.run(ask, job="a").text == road.run(ask, job="a").text == "LOADING"
    assert road.run(ask).text == road.run(ask).text == "PONG"
    assert road.run(Sh("rm", "-rf", "/tmp/x")).rc == 1
    road.put(Put("/x", b"y"))
    assert road.get(Get("/x")) == b"y"
    with pytest.raises(OSError, match="gone"):
        road.run(Sh("cat", "x"))
    with pytest.raises(AssertionError, match="nobody scripted"):
        road.run(Sh("reboot"))
    assert shlex.join(["rm", "-rf", "/tmp/x"]) in road.commands
