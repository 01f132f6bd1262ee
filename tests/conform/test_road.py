"""What every road promises, whichever way it leads: one suite for ssh, local, docker exec and busybox."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agent.errors import ContactLost, StepFailed, SudoRefused, TimedOut
from agent.inventory.model import Host
from agent.secrets import MASK, Secret
from agent.transport import local, open_road, order
from agent.transport.ask import Get, Put, Sh
from agent.transport.fake import FakeRoad
from agent.transport.shell import ShellRoad
from tests.sshd import accounts_possible, possible

IMAGE = "debian:bookworm-slim"
APPLETS = "sh cat head wc date sleep mkdir rm mv chmod chown dd sync setsid id timeout ls stat env seq sed"


def engine() -> bool:
    """Whether a docker engine answers here and has the image."""
    if not shutil.which("docker"):
        return False
    argv = ["docker", "image", "inspect", IMAGE]
    return subprocess.run(argv, capture_output=True, check=False, timeout=20).returncode == 0


WAYS = [
    "local",
    *(["busybox"] if shutil.which("busybox") else []),
    *(["ssh"] if possible() and accounts_possible() else []),
    *(["docker"] if engine() else []),
]


@dataclass
class Way:
    """One way to a host: the road under test, how to open another, and a folder of the test's own there."""

    to: Host
    spill: Path
    road: ShellRoad
    limit: float
    folder: str

    def another(self) -> ShellRoad:
        """A second road to the same host."""
        return open_road(self.to, spill=self.spill)


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    """A container with nothing in it but Debian."""
    argv = ["docker", "run", "-d", "--rm", "--init", "--label", "drillyard=1", IMAGE, "sleep", "600"]
    name = subprocess.run(argv, capture_output=True, check=True, text=True).stdout.strip()[:12]
    yield name
    subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=False)


@pytest.fixture(scope="module", params=WAYS)
def open_way(request, tmp_path_factory) -> Iterator[Way]:
    """Each way there is from this machine, opened once."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "ssh":
        to = request.getfixturevalue("sshd").host(user="operator")
    elif request.param == "docker":
        to = Host("box", road="docker", address=request.getfixturevalue("container"))
    else:
        to = Host("here", road="local", state_dir=str(folder / "state"))
    slow = request.param == "busybox"  # its sleep and our script for it count in whole seconds
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "MERCY", 1 if slow else 0.3)
        if slow:
            (folder / "bin").mkdir()
            for name in APPLETS.split():
                (folder / "bin" / name).symlink_to(shutil.which("busybox") or "")
            patch.setenv("PATH", str(folder / "bin"))
        local._me.cache_clear()
        base = f"/tmp/drillyard-{request.param}-{time.time_ns()}"
        way = Way(to, folder / "spill", open_road(to, spill=folder / "spill"), 1 if slow else 0.3, base)
        yield way
        way.road.run(Sh("rm", "-rf", base))
        way.road.close()
    local._me.cache_clear()


@pytest.fixture
def way(open_way) -> Way:
    """The way, with an empty folder on its host and no spill."""
    shutil.rmtree(open_way.spill, ignore_errors=True)
    way = replace(open_way, folder=f"{open_way.folder}/{time.time_ns()}")
    way.road.run(Sh("mkdir", "-p", way.folder))
    return way


@pytest.fixture
def road(way) -> ShellRoad:
    """The road under test."""
    return way.road


@pytest.fixture
def job(way) -> str:
    """A job's name that nobody had before."""
    return f"run{time.time_ns()}.step.1"


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
    assert road.run(Sh("cat", timeout=5)).out == b""


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
    with pytest.raises(TimedOut, match="did not end in"):
        road.run(Sh(both, way.folder, STUBBORN, script=True, timeout=way.limit))
    pids = road.get(Get(f"{way.folder}/pids")).decode().split()
    assert len(pids) == 2
    for pid in pids:
        until(lambda pid=pid: road.run(Sh("test", "-e", f"/proc/{pid}/exe")).rc == 1)


def test_a_command_may_use_the_code_of_timeouts(road):
    """Code 124 of a command that was in time is its own answer."""
    assert road.run(Sh("exit 124", script=True)).rc == 124


def test_a_background_child_does_not_hold_us_up(road):
    """A command that leaves a child behind with its outputs open has ended when it has ended."""
    done = road.run(Sh("sleep 20 & echo begun", script=True, timeout=15))
    assert done.text == "begun"
    assert done.seconds < 10


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


def append(way: Way, text: str = "echo line >>$1/log; cat $1/log; echo said >&2; exit 5", **options) -> Sh:
    """A command whose every run leaves a line."""
    return Sh(text, way.folder, script=True, changes="adds a line", **options)


def lines(road: ShellRoad, way: Way) -> int:
    """How many lines were left."""
    return len(road.get(Get(f"{way.folder}/log")).splitlines())


def test_a_job_runs_once(road, way, job):
    """Asked again under the same name, by whomever, a finished job answers with its kept outcome."""
    first = road.run(append(way), job=job)
    assert (first.rc, first.out, first.err) == (5, b"line\n", b"said\n")
    again = way.another().run(append(way), job=job)
    assert (again.rc, again.out, again.err) == (5, b"line\n", b"said\n")
    assert lines(road, way) == 1
    assert road.run(append(way), job=f"{job}2").out == b"line\nline\n"


def test_a_job_gets_its_input_and_the_usual_umask(road, way, job):
    """A job reads what it was sent, and files it makes have the modes they would have without it."""
    done = road.run(Sh("cat; umask", script=True, stdin=b"in\0put", changes="x"), job=job)
    usual = road.run(Sh("umask", script=True)).out
    assert done.out == b"in\0put" + usual


def test_two_callers_at_once_run_a_job_once(road, way, job):
    """Of two concurrent callers one runs the job and the other waits for it; both get its outcome."""
    ask = append(way, "echo line >>$1/log; sleep 0.3; echo done")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: way.another().run(ask, job=job).text, range(4)))
    assert answers == ["done"] * 4
    assert lines(road, way) == 1


def test_a_running_job_is_waited_for(road, way, job):
    """Asked again while it runs, a job is not begun a second time: its end is awaited."""
    ask = append(way, "echo line >>$1/log; while [ ! -e $1/go ]; do sleep 0.1; done; echo gone")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(way.another().run, ask, job=job)
        until(lambda: road.run(Sh("test", "-e", f"{way.folder}/log")).rc == 0)
        second = pool.submit(way.another().run, ask, job=job)
        road.put(Put(f"{way.folder}/go", b""))
        assert first.result().text == second.result().text == "gone"
    assert lines(road, way) == 1


def until(state) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + 20
    while not state():
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.02)


def kill_it(road: ShellRoad, way: Way, job: str, ask: Sh) -> None:
    """Begin a job in the background and kill everything of it, so that no exit code is left."""
    folder = order.job_of(ask, job, way.to.state_dir, road._arrive()).path
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(way.another().run, ask, job=job)
        until(lambda: road.run(Sh("test", "-s", f"{way.folder}/pid")).rc == 0)
        kill = """
            read -r pid _ <"$1/1.pid"
            read -r command <"$2/pid"
            read -r _ _ _ parent _ <"/proc/$command/stat"
            kill -KILL "$pid" "$parent" "$command"
        """
        road.run(Sh(kill, folder, way.folder, script=True))
        with pytest.raises(ContactLost, match="unknown"):
            running.result()


BEGIN = "echo line >>$1/log; [ -e $1/pid ] && exit 6; echo $$ >$1/pid; exec sleep 30"


def test_a_killed_job_is_unknown(road, way, job):
    """A job that was begun and left no outcome is said to be unknown, and not begun again."""
    ask = append(way, BEGIN)
    kill_it(road, way, job, ask)
    with pytest.raises(ContactLost, match="begun and ended without leaving its outcome"):
        road.run(ask, job=job)
    assert lines(road, way) == 1


def test_a_killed_job_that_may_be_repeated_is_repeated(road, way, job):
    """With again=safe it is run again, once, by whoever asks first."""
    ask = append(way, BEGIN, again="safe")
    kill_it(road, way, job, ask)
    with ThreadPoolExecutor(3) as pool:
        codes = list(pool.map(lambda _: way.another().run(ask, job=job).rc, range(3)))
    assert codes == [6, 6, 6]
    assert lines(road, way) == 2


def test_a_job_from_before_a_restart_is_unknown(road, way, job):
    """A job begun under another boot of the host cannot be running, even where its process id is."""
    ask = append(way)
    folder = order.job_of(ask, job, way.to.state_dir, road._arrive()).path
    road.run(Sh('mkdir -p "$1" && echo "1 0 1 another-boot" >"$1/1.pid"', folder, script=True))
    with pytest.raises(ContactLost, match="unknown"):
        road.run(ask, job=job)
    assert road.run(append(way, again="safe"), job=job).rc == 5
    assert lines(road, way) == 1


def test_a_job_past_its_time_is_ended_and_stays_so(road, way, job):
    """A job's time limit holds on the host, and asked again it is still the same end."""
    ask = append(way, "echo line >>$1/log; sleep 30", timeout=way.limit)
    for _ in range(2):
        with pytest.raises(TimedOut):
            road.run(ask, job=job)
    assert lines(road, way) == 1


def test_a_job_without_a_place_for_its_folder_is_not_begun(road, way, job):
    """Where the job folder cannot be made the command is not run."""
    blocked = replace(way.to, state_dir=f"{way.folder}/file")
    road.put(Put(f"{way.folder}/file", b""))
    with pytest.raises(StepFailed, match="was not begun"):
        open_road(blocked).run(append(way, sudo=True), job=job)
    assert road.run(Sh("test", "-e", f"{way.folder}/log")).rc == 1


def test_forgotten_jobs_are_gone(road, way, job):
    """At the end of a run its finished jobs leave nothing behind, and those of others stay."""
    other = f"other{job}"
    for name in (job, other):
        road.run(append(way), job=name)
    road.forget(job.split(".")[0])
    assert road.run(append(way), job=job).out == b"line\n" * 3
    assert road.run(append(way), job=other).out == b"line\n" * 2
    road.forget(job)
    road.forget(other)


def test_another_user(road, way, job):
    """`sudo` makes it root, or the named user, with a job folder and without."""
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
