"""What only the road over SSH can promise, against a real sshd that is refused, cut, frozen and replaced."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import paramiko
import pytest

from agent.errors import ContactLost, HostKeyRefused, LoginRefused, SudoRefused, TimedOut, Unreachable
from agent.inventory.model import Host
from agent.secrets import Secret
from agent.transport.ask import Put, Sh
from tests.sshd import children, running_sshd
from tests.transport.ssh_road import PATIENT, road_to, running, send, sessions_of, until


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
        soon = replace(PATIENT, connect=0.5)
        with road_to(host, soon) as road, pytest.raises(Unreachable, match="does not speak SSH"):
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
        asked = pool.submit(road.run, Sh("sleep", "600.7", changes="rests"))
        until(lambda: Path(f"/proc/{pids[0]}/task/{pids[0]}/children").read_text())
        send(pids, signal.SIGKILL)
        with pytest.raises(ContactLost, match=r"`sleep 600.7` was running.*Whether it rests is unknown"):
            asked.result(timeout=60)
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
        asked = pool.submit(road.run, ask, job=job)
        until((tmp_path / "log").exists)
        send(pids, signal.SIGKILL)
        with pytest.raises(ContactLost, match="its outcome is taken up"):
            asked.result(timeout=60)
        (tmp_path / "go").touch()
        done = road.run(ask, job=job)
        assert (done.rc, done.text) == (3, "whole")
        assert (tmp_path / "log").read_text() == "line\n"
        road.forget(job)


def test_a_frozen_host_is_contact_lost_in_bounded_time(sshd):
    """A host whose kernel acknowledges and whose sshd answers nothing is given up, not waited for."""
    with road_to(sshd.host()) as road, ThreadPoolExecutor(1) as pool:
        pids = sessions_of(sshd, road.open)
        asked = pool.submit(road.run, Sh("sleep", "600.8"))
        until(lambda: Path(f"/proc/{pids[0]}/task/{pids[0]}/children").read_text())
        send(pids, signal.SIGSTOP)
        assert road._line is not None
        road._line.patience = replace(PATIENT, lost=1.0)
        try:
            with pytest.raises(ContactLost, match="no sign of life"):
                asked.result(timeout=60)
        finally:
            send(pids, signal.SIGKILL)


def test_a_quiet_host_is_not_given_up(sshd):
    """A command that says nothing for longer than our patience is waited for, as the host still answers."""
    with road_to(sshd.host(), replace(PATIENT, lost=2.0)) as road:
        assert road.run(Sh("sleep 2.5; echo done", script=True)).text == "done"


def test_a_line_that_died_between_two_asks_is_opened_again(sshd):
    """Nothing was in flight, so nothing is unknown: the next ask goes over a new connection."""
    with road_to(sshd.host()) as road:
        pids = sessions_of(sshd, road.open)
        send(pids, signal.SIGKILL)
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
    mark = f"{633 + time.time() % 1:.6f}"
    with road_to(sshd.host(user="operator")) as road:
        with pytest.raises(Exception, match="did not end in 1 s"):
            road.run(Sh("sleep", mark, sudo=True, timeout=1))
        until(lambda: not running(f"sleep {mark}"))


@pytest.mark.parametrize(
    ("user", "job", "sudo"),
    [("root", "run.stopped", False), ("operator", "", True), ("operator", "run.stopped", True)],
)
def test_what_the_host_does_not_end_is_killed_by_us(sshd, user, job, sudo):
    """Where the host's own timeout(1) hangs, the command is killed from here and known to have ended."""
    mark = f"{634 + time.time() % 1:.6f}"
    if not sshd.accounts and user != sshd.user:
        pytest.skip("needs accounts of its own")
    with road_to(sshd.host(user=user)) as road, ThreadPoolExecutor(1) as pool:
        road.open()
        # On a busy machine the time may be over before its keeper was found.
        for limit in (1, 5, 30):
            ask = Sh("sleep", mark, timeout=limit, changes="rests", sudo=sudo)
            asked = pool.submit(road.run, ask, job=job)
            keeper = f" {limit} sleep {mark}"
            until(lambda asked=asked, keeper=keeper: asked.done() or running(keeper))
            frozen = [int(line.split()[1]) for line in running(keeper) if line.endswith(keeper)]
            send(frozen, signal.SIGSTOP)
            with pytest.raises(TimedOut, match="was ended on the host"):
                asked.result(timeout=60)
            until(lambda: not running(mark))
            road.forget("run.stopped")
            if frozen:
                break
        assert frozen


def test_a_password_for_the_login_is_said_not_to_be_used(sshd):
    """Ansible would log in with it; here it would be passed over in silence."""
    vars_ = {"ansible_ssh_pass": Secret("env", "NOBODY")}
    host = sshd.host(user="nosuch", vars=vars_)
    with road_to(host) as road, pytest.raises(LoginRefused, match="Its ansible_ssh_pass is not used"):
        road.open()
    with road_to(sshd.host(user="nosuch")) as road, pytest.raises(LoginRefused) as error:
        road.open()
    assert "not used" not in str(error.value)


def test_a_login_without_a_shell_is_refused(sshd):
    """An account that runs nothing is said to be one."""
    if not sshd.accounts:
        pytest.skip("needs accounts of its own")
    with road_to(sshd.host(user="nobody")) as road, pytest.raises(LoginRefused, match="no shell answers"):
        road.open()


def test_a_login_whose_session_is_over_before_it_was_asked(sshd, monkeypatch):
    """However late we are, it is the shell that is missing and not the host."""
    if not sshd.accounts:
        pytest.skip("needs accounts of its own")

    def send_late(channel: paramiko.Channel, data: bytes) -> int:
        # As paramiko's own does where the channel closes while it waits for leave to send.
        until(lambda: channel.closed)
        return 0

    monkeypatch.setattr(paramiko.Channel, "send", send_late)
    with (
        road_to(sshd.host(user="nobody")) as road,
        pytest.raises(LoginRefused, match="no shell answers"),
    ):
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
        asked = pool.submit(road.put, Put(str(path), b"n" * 60_000_000))
        until(lambda: any(tmp_path.glob(".file.drillyard-*")))
        send(pids, signal.SIGKILL)
        with pytest.raises(ContactLost, match="put"):
            asked.result(timeout=60)
    until(lambda: not list(tmp_path.glob(".file.drillyard-*")))
    assert path.read_bytes() == b"old"
