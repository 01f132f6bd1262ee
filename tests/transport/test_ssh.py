"""What only the road over SSH can promise, against a real sshd that is refused, cut, frozen and replaced."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.errors import ContactLost, HostKeyRefused, LoginRefused, SudoRefused, TimedOut, Unreachable
from agent.inventory.model import Host
from agent.transport.ask import Put, Sh
from tests.sshd import children, running_sshd
from tests.transport.ssh_road import road_to, sessions_of, until


def test_a_closed_port_is_unreachable():
    """Nobody listening is said with address and port."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        host = Host("db1", address="127.0.0.1", port=port)
        with road_to(host) as road, pytest.raises(Unreachable, match=f"127.0.0.1 port {port}.*refused"):
            road.open()


def test_a_silent_port_is_unreachable():
    """A port that takes connections and says nothing is given up in bounded time."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        host = Host("db1", address="127.0.0.1", port=silent.getsockname()[1])
        with road_to(host) as road, pytest.raises(Unreachable, match="does not speak SSH"):
            road.open()


def test_a_name_that_leads_nowhere_is_unreachable():
    """A name without an address is said so."""
    host = Host("db1", address="no-such-host.invalid")
    with road_to(host) as road, pytest.raises(Unreachable, match="leads to no address"):
        road.open()


def test_a_cut_connection_says_what_was_in_flight(sshd):
    """A connection that breaks under a command is ContactLost with the command, and the road opens again."""
    with road_to(sshd.host()) as road, ThreadPoolExecutor(1) as pool:
        pids = sessions_of(sshd, road.open)
        running = pool.submit(road.run, Sh("sleep", "15.7", changes="rests"))
        until(lambda: Path(f"/proc/{pids[0]}/task/{pids[0]}/children").read_text())
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(ContactLost, match=r"`sleep 15.7` was running.*Whether it rests is unknown"):
            running.result(timeout=15)
        assert road.run(Sh("echo", "back")).text == "back"


def test_a_job_survives_a_cut_and_is_taken_up(sshd, tmp_path):
    """A changing command goes on without the connection; asked again it is not begun a second time."""
    ask = Sh(
        "echo line >>$1/log; while [ ! -e $1/go ]; do sleep 0.05; done; echo whole; exit 3",
        tmp_path,
        script=True,
        changes="adds a line",
    )
    job = f"run{time.time_ns()}.1"
    with road_to(sshd.host()) as road, ThreadPoolExecutor(1) as pool:
        pids = sessions_of(sshd, road.open)
        running = pool.submit(road.run, ask, job=job)
        until((tmp_path / "log").exists)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(ContactLost, match="its outcome is taken up"):
            running.result(timeout=15)
        (tmp_path / "go").touch()
        done = road.run(ask, job=job)
        assert (done.rc, done.text) == (3, "whole")
        assert (tmp_path / "log").read_text() == "line\n"
        road.forget(job)


def test_a_frozen_host_is_contact_lost_in_bounded_time(sshd):
    """A host whose kernel acknowledges and whose sshd answers nothing is given up, not waited for."""
    with road_to(sshd.host()) as road, ThreadPoolExecutor(1) as pool:
        pids = sessions_of(sshd, road.open)
        running = pool.submit(road.run, Sh("sleep", "15.8"))
        until(lambda: Path(f"/proc/{pids[0]}/task/{pids[0]}/children").read_text())
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(ContactLost, match="no sign of life"):
                running.result(timeout=15)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)


def test_a_quiet_host_is_not_given_up(sshd):
    """A command that says nothing for longer than our patience is waited for, as the host still answers."""
    with road_to(sshd.host()) as road:
        assert road.run(Sh("sleep 2.5; echo done", script=True)).text == "done"


def test_a_line_that_died_between_two_asks_is_opened_again(sshd):
    """Nothing was in flight, so nothing is unknown: the next ask goes over a new connection."""
    with road_to(sshd.host()) as road:
        pids = sessions_of(sshd, road.open)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        until(lambda: not set(pids) & set(children(sshd.process.pid)))
        # On a busy machine the news of it reaches us later than the next ask would.
        until(lambda: road._line is None or not road._line.alive)
        assert road.run(Sh("echo", "back")).text == "back"


def test_a_host_that_allows_one_session_at_a_time(tmp_path):
    """Where sshd's MaxSessions is 1 no second session is needed for anything ordinary."""
    with (
        TemporaryDirectory() as folder,
        running_sshd(Path(folder), "MaxSessions 1") as strict,
        road_to(strict.host()) as road,
    ):
        for n in range(5):
            assert road.run(Sh("echo", str(n))).text == str(n)
        road.put(Put(str(tmp_path / "file"), b"x"))


def test_a_hosts_key_is_checked_again_at_every_opening(sshd, tmp_path):
    """A road that opens a second time trusts no more than the first time."""
    known = tmp_path / "known_hosts"
    known.write_text(Path(sshd.known_hosts).read_text())
    with road_to(sshd.host(known_hosts=str(known))) as road:
        road.open()
        road.close()
        known.write_text("")
        with pytest.raises(HostKeyRefused, match="is unknown"):
            road.open()


def test_sudo_that_wants_a_password_is_refused_at_once(sshd):
    """A user who may not sudo is told so with the line for sudoers, whether it is a job or not."""
    if not sshd.accounts:
        pytest.skip("needs accounts of its own")
    with road_to(sshd.host(user="guest")) as road:
        for job in ("", "run.1"):
            with pytest.raises(
                SudoRefused, match="guest may not run `id` as root: sudo: a password"
            ) as refused:
                road.run(Sh("id", sudo=True, changes="x"), job=job)
            assert "NOPASSWD" in refused.value.do


def test_a_command_that_exits_like_a_refusal_is_none(sshd):
    """Code 1 under sudo is a plain answer where sudo itself did not complain."""
    if not sshd.accounts:
        pytest.skip("needs accounts of its own")
    with road_to(sshd.host(user="operator")) as road:
        assert road.run(Sh("echo no >&2; exit 1", script=True, sudo=True)).rc == 1


def test_roots_command_is_ended_at_its_time(sshd):
    """The limit is kept inside sudo, where we could not send a signal ourselves."""
    if not sshd.accounts:
        pytest.skip("needs accounts of its own")
    mark = f"{33 + os.getpid() % 1000 / 1000:.3f}"
    with road_to(sshd.host(user="operator")) as road:
        with pytest.raises(Exception, match="did not end in 1 s"):
            road.run(Sh("sleep", mark, sudo=True, timeout=1))
        running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        assert f"sleep {mark}" not in running.splitlines()


@pytest.mark.parametrize(
    ("user", "job", "sudo"),
    [("root", "run.stopped", False), ("operator", "", True), ("operator", "run.stopped", True)],
)
def test_what_the_host_does_not_end_is_killed_by_us(sshd, user, job, sudo):
    """Where the host's own timeout(1) hangs, the command is killed from here and known to have ended."""
    mark = f"{34 + time.time() % 1:.6f}"

    def parents() -> list[int]:
        shown = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
        return [int(line.split()[0]) for line in shown.splitlines() if line.endswith(f" 1 sleep {mark}")]

    def stop() -> None:
        until(parents)
        for pid in parents():
            os.kill(pid, signal.SIGSTOP)

    if not sshd.accounts and user != sshd.user:
        pytest.skip("needs accounts of its own")
    ask = Sh("sleep", mark, timeout=1, changes="rests", sudo=sudo)
    with road_to(sshd.host(user=user)) as road, ThreadPoolExecutor(1) as pool:
        road.open()
        running = pool.submit(road.run, ask, job=job)
        stop()
        with pytest.raises(TimedOut, match="was ended on the host"):
            running.result(timeout=15)
        shown = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True, check=True).stdout
        assert not [line for line in shown.splitlines() if mark in line and not line.startswith("Z")]
        road.forget("run.stopped")


def test_a_login_without_a_shell_is_refused(sshd):
    """An account that runs nothing is said to be one."""
    if not sshd.accounts:
        pytest.skip("needs accounts of its own")
    with road_to(sshd.host(user="nobody")) as road, pytest.raises(LoginRefused, match="no shell answers"):
        road.open()


def test_ssh_config_is_honoured(sshd, tmp_path, monkeypatch):
    """An alias in ~/.ssh/config leads to its HostName, Port, User and IdentityFile."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text(
        f"Host alias1\n  HostName 127.0.0.1\n  Port {sshd.port}\n  User root\n"
        f"  IdentityFile {sshd.key_file}\n  UserKnownHostsFile {sshd.known_hosts}\n"
    )
    with with_home(monkeypatch, tmp_path), road_to(Host("alias1")) as road:
        assert road.run(Sh("id", "-un")).text == "root"


@contextlib.contextmanager
def with_home(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[None]:
    """Another home directory, and nothing remembered of the one before."""
    from agent.transport import ssh_login

    monkeypatch.setenv("HOME", str(home))
    ssh_login._ssh_config.cache_clear()
    try:
        yield
    finally:
        ssh_login._ssh_config.cache_clear()


def test_hashed_names_and_a_proxy_command(sshd, tmp_path, monkeypatch):
    """A known_hosts with hashed names is read, and a ProxyCommand of ~/.ssh/config is gone through."""
    known = tmp_path / "known_hosts"
    known.write_text(Path(sshd.known_hosts).read_text())
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", known], check=True, capture_output=True)
    assert "127.0.0.1" not in known.read_text()
    (tmp_path / ".ssh").mkdir()
    through = f"ssh -i {sshd.key_file} -o UserKnownHostsFile={known} -p {sshd.port} root@127.0.0.1"
    (tmp_path / ".ssh/config").write_text(
        f"Host alias2\n  HostName 127.0.0.1\n  Port {sshd.port}\n  ProxyCommand {through} -W %h:%p\n"
    )
    host = Host("alias2", user="root", key_file=sshd.key_file, known_hosts=str(known))
    with with_home(monkeypatch, tmp_path), road_to(host) as road:
        assert road.run(Sh("echo", "through")).text == "through"


def test_a_jump_host_is_shared(sshd):
    """Roads through one jump host share one connection to it, and check the key of both."""
    host = sshd.host(jump=f"root@127.0.0.1:{sshd.port}")
    with road_to(host) as one, road_to(host) as two:
        assert one.run(Sh("echo", "one")).text == "one"
        assert two.run(Sh("echo", "two")).text == "two"
        assert one._line is not None
        assert two._line is not None
        assert one._line.gateway is two._line.gateway


def test_a_put_that_is_cut_leaves_the_old_file(sshd, tmp_path):
    """A connection that breaks while a file is sent leaves the old one, and no rest of the new one."""
    path = tmp_path / "file"
    with road_to(sshd.host()) as road, ThreadPoolExecutor(1) as pool:
        road.put(Put(str(path), b"old"))
        road.close()
        pids = sessions_of(sshd, road.open)
        running = pool.submit(road.put, Put(str(path), b"n" * 60_000_000))
        until(lambda: any(tmp_path.glob(".file.drillyard-*")))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(ContactLost, match="put"):
            running.result(timeout=20)
    until(lambda: not list(tmp_path.glob(".file.drillyard-*")))
    assert path.read_bytes() == b"old"
