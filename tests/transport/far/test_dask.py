"""Roads by way of a real Dask cluster: workers that die or freeze, TLS, host keys, nothing in its logs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.cli import main
from agent.errors import ContactLost, HostKeyRefused, Unreachable, Usage
from agent.inventory.model import Host
from agent.record.journal import read_journal
from agent.secrets import Secret
from agent.transport.ask import Put, Sh
from agent.transport.engine import engine
from agent.transport.far import dask_post, road
from tests.cluster import Cluster, running_cluster

HERE = Host("here", road="local", vars={"drillyard_worker": "seoul"})
PAGE = """
title: One long step
steps:
  - {id: long, sh: "echo begun >> DIR/log; while [ ! -e DIR/go ]; do sleep 0.05; done; echo ended >> DIR/log",
     changes: two lines}
  - {id: after, sh: "echo after >> DIR/log", changes: a line}
"""


def until(true: Callable[[], object]) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.02)


def holder(cluster: Cluster, folder: Path) -> str:
    """The name of the worker below whose process the step runs: its folder is in its environment."""
    for name in cluster.processes.workers:
        mine = subprocess.run(
            ["pgrep", "-P", str(cluster.pid(name))], capture_output=True, text=True, check=False
        ).stdout.split()
        if mine:
            return str(name)
    return ""


def test_a_worker_that_dies_is_unknown_and_resumed_on_another(cluster, tmp_path, capsys):
    """The run says unknown and keeps its lock; the resume takes the outcome up by way of another worker."""
    hosts = (
        f"one: {{drillyard_worker: korea, ansible_connection: local, drillyard_state_dir: {tmp_path}/state}}"
    )
    (tmp_path / "hosts.yml").write_text(f"all: {{hosts: {{{hosts}}}}}\n")
    (tmp_path / "page.yml").write_text(PAGE.replace("DIR", str(tmp_path)))
    runs, log = ["--runs", str(tmp_path / "runs")], tmp_path / "log"
    order = ["run", str(tmp_path / "page.yml"), "-i", str(tmp_path / "hosts.yml"), "--engine", cluster.engine]

    def kill() -> None:
        until(log.exists)
        os.kill(cluster.pid(holder(cluster, tmp_path)), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    code = main([*order, *runs, "--json"])
    killer.join()
    end = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (code, end["outcome"], end["hosts"]) == (33, "unknown", {"one": "unknown"})
    assert "was lost" in end["sentence"]
    assert list((tmp_path / "state/locks").iterdir())
    (tmp_path / "go").touch()
    assert main(["resume", "latest", *runs]) == 0
    assert log.read_text().split() == ["begun", "ended", "after"]
    (journal,) = tmp_path.glob("runs/*/journal.jsonl")
    assert next(iter(read_journal(journal)))["engine"] == cluster.engine
    audited = [json.loads(line) for line in (tmp_path / "runs/audit.jsonl").read_text().splitlines()]
    assert {line["engine"] for line in audited} == {cluster.engine}
    until(lambda: all(cluster.pid(name) for name in cluster.processes.workers))


def test_a_frozen_worker_is_given_up(cluster, monkeypatch):
    """One that neither answers nor dies does not hold the run up for ever."""
    monkeypatch.setattr(road, "PATIENCE", 0.5)
    with engine(cluster.engine) as roads:
        far = roads(HERE)
        far.open()
        pid = cluster.pid("seoul")
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(ContactLost, match="no answer in"):
                far.run(Sh("true", keep=1000))
        finally:
            os.kill(pid, signal.SIGCONT)
        until(lambda: far.run(Sh("true")).rc == 0)
        far.close()


def test_nobody_answers(monkeypatch):
    """A scheduler that is not there is said to be not there."""
    monkeypatch.setattr(dask_post, "_CONNECT", 0.3)
    with (
        pytest.raises(Unreachable, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"),
        engine("dask://127.0.0.1:9"),
    ):
        pass


@pytest.mark.parametrize("named", ["dask://", "dask://host", "spark://host:1", "thread"])
def test_there_is_no_such_engine(named):
    """What is no engine is a mistake on the command line."""
    with pytest.raises(Usage, match="expected dask://HOST:PORT"), engine(named):
        pass


def test_another_version_is_not_used(cluster, monkeypatch):
    """Values are pickled: a worker with another drillyard or Python is refused, with both versions."""
    ours = "drillyard 9.9 on Python 3.11"
    monkeypatch.setattr(dask_post, "_OURS", ours)
    with (
        pytest.raises(Unreachable, match=f"no worker that can be used.*we are {ours}"),
        engine(cluster.engine),
    ):
        pass


def test_the_controllers_host_keys_hold(cluster, sshd, tmp_path):
    """A changed key is refused by way of a worker too, and the file to look at is the controller's."""
    wrong = tmp_path / "known_hosts"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    kind, key, *_ = (tmp_path / "other.pub").read_text().split()
    wrong.write_text(f"[127.0.0.1]:{sshd.port} {kind} {key}\n")
    with engine(cluster.engine) as roads:
        with pytest.raises(HostKeyRefused, match=f"CHANGED: {wrong} knows .*Seen from the worker"):
            roads(sshd.host(known_hosts=str(wrong))).open()
        aliased = tmp_path / "aliased"
        aliased.write_text(Path(sshd.known_hosts).read_text().replace(f"[127.0.0.1]:{sshd.port}", "db1"))
        for host in (sshd.host(), sshd.host(known_hosts=str(aliased), key_alias="db1")):
            far = roads(host)
            assert far.run(Sh("echo", "in")).text == "in"
            far.close()


@contextmanager
def noisy(security: object) -> Iterator[Cluster]:
    """A cluster of its own that logs whatever Dask can log."""
    import dask

    with (
        dask.config.set({"logging": {"distributed": "debug"}, "distributed.admin.log-length": 100_000}),
        running_cluster(quiet=False, security=security) as processes,
    ):
        yield Cluster("dask://" + processes.scheduler_address.partition("://")[2], processes)


def test_nothing_of_a_secret_is_left_with_dask(monkeypatch, tmp_path, capfd):
    """Not in its logs, its events, its tasks, nor in what it says when a call fails; over TLS."""
    import dask
    from distributed import Client
    from distributed.security import Security

    monkeypatch.setenv("DASK_TEST_SECRET", "d4sk-s3cret-password")
    secret = {"X": Secret("env", "DASK_TEST_SECRET")}
    temporary = Security.temporary()
    tls = {
        "distributed.comm.tls.ca-file": temporary.tls_ca_file,
        "distributed.comm.tls.client.cert": temporary.tls_client_cert,
        "distributed.comm.tls.client.key": temporary.tls_client_key,
    }
    with noisy(security=temporary) as cluster:
        address = cluster.processes.scheduler_address
        assert address.startswith("tls://")
        with dask.config.set(tls), engine(cluster.engine) as roads:
            far = roads(HERE, tmp_path / "spill")
            assert far.run(Sh("wc -c", script=True, stdin=b"d4sk-s3cret-password")).text == "20"
            seen = far.run(Sh('printf %s "$X" | wc -c; echo "$X" >&2', script=True, secrets=secret))
            assert (seen.text, seen.err) == ("20", "••••\n".encode())
            with pytest.raises(Exception, match="put /no/such"):
                far.put(Put("/no/such/folder/file", b"d4sk-s3cret-password"))
            far.close()
        with Client(address, security=temporary, set_as_default=False) as client:
            # What would be seen: a call that fails and does not hide what it was given.
            with pytest.raises(TypeError):
                client.run(len, "seen", "if it were shown")
            said = repr(
                [
                    client.get_worker_logs(),
                    client.get_scheduler_logs(),
                    client.get_events(),
                    client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks)),
                    client.scheduler_info(n_workers=-1),
                ]
            )
    shown = capfd.readouterr()
    assert "if it were shown" in said + shown.err
    assert "d4sk-s3cret" not in said + shown.out + shown.err


def test_a_run_without_an_engine_knows_nothing_of_dask(tmp_path):
    """It takes a second to import: whoever does not name an engine does not wait for it."""
    (tmp_path / "hosts.yml").write_text("all: {hosts: {a: {ansible_connection: local}}}\n")
    arguments = ["hosts", "--ping", "-i", str(tmp_path / "hosts.yml")]
    code = f"import sys; from agent.cli import main; main({arguments!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()
    assert "agent.transport.engine" in loaded
    assert not {"dask", "distributed", "tornado", "agent.transport.far"} & {*loaded}
