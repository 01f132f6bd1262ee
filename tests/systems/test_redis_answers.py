"""What the actions make of a server's answers, and of a host that is not as it should be."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path

import msgspec
import pytest

from agent.errors import BadInventory, NoRoom, NotInTime, ProofFailed, ServiceRefused, StepFailed
from agent.inventory.model import Service
from agent.secrets import Secret
from agent.systems import DEGRADED, redis
from agent.systems.redis.server import Redis, Reply, read
from agent.transport.ask import Done
from agent.transport.fake import FakeRoad
from agent.transport.perform import perform
from tests.ports import free_port
from tests.systems.server import PASSWORD, Here, redis_here


def test_settings_have_defaults_and_are_checked() -> None:
    """A service needs no settings; a wrong type or a written-out password is refused with its place."""
    system = Redis.of(Service("redis", "r1", "systemd", "redis-server"))
    assert (system.port, system.manifest) == (
        6379,
        "/var/lib/redis/appendonlydir/appendonly.aof.manifest",
    )
    with pytest.raises(BadInventory):
        Redis.of(Service("redis", "r1", "systemd", "u", {"port": "6379"}))
    with pytest.raises(BadInventory):
        Redis.of(Service("redis", "r1", "systemd", "u", {"password": "secret"}))


def test_a_wrong_password_is_refused_before_anything(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not accept our password is an error of its own, for every look."""
    here.start()
    monkeypatch.setenv("DRILLYARD_TEST_OTHER", "wrong")
    system = here.with_settings(password=Secret("env", "DRILLYARD_TEST_OTHER", "tests"))
    for action in (redis.status, redis.inspect, redis.prove, redis.count):
        with pytest.raises(ServiceRefused, match="another password"):
            here.do(action(system))
    with pytest.raises(ServiceRefused):
        here.do(redis.ping(here.with_settings(password=None), within=1))


@pytest.mark.parametrize(
    ("done", "reply"),
    [
        (Done(0, b"PONG\n"), Reply("ok", "PONG")),
        (Done(0, b"LOADING Redis is loading the dataset in memory\n"), Reply("loading", "")),
        (
            Done(1, b"", b"Could not connect to Redis at 127.0.0.1:6379: Connection refused\n"),
            Reply("down", ""),
        ),
        (Done(0, b"MISCONF Errors writing to the AOF file: No space left on device\n"), Reply("error", "")),
        (Done(1, b"OOM command not allowed when used memory > 'maxmemory'.\n"), Reply("error", "")),
        (Done(0, b"a value that speaks of NOAUTH\nand more\n"), Reply("ok", "")),
    ],
)
def test_words_decide_not_exit_codes(done: Done, reply: Reply) -> None:
    """redis-cli ends with 0 on most errors: its words are read."""
    assert read(Redis("r1"), done).state == reply.state


def test_a_container_that_ends_while_it_is_asked_is_down() -> None:
    """Its redis-cli is killed with it and says nothing; on a host that would be something else."""
    killed = Done(137, b"", b"")
    assert read(Redis("r2", container="c"), killed).state == "down"
    assert read(Redis("r1"), killed).state == "error"


def test_status_of_a_well_and_of_a_dead_server(here: Here) -> None:
    """A well server has no symptom; one that is down has one, and no traceback."""
    down = here.do(redis.status(here.system))
    assert (down.up, len(down.symptoms)) == (False, 1)
    here.start()
    up = here.do(redis.status(here.system))
    assert dataclasses.replace(up, version="") == redis.Status(
        up=True, reads=True, writes=True, keys=0, role="master", aof="ok"
    )
    here.client.config_set("maxmemory", 1)
    full = here.do(redis.status(here.system))
    assert not full.writes
    assert "OOM" in full.symptoms[0]


def test_proof_names_the_false_claim(here: Here) -> None:
    """Each claim that does not hold is named: writing, the log, the files, the keys."""
    here.start()
    assert here.do(redis.prove(here.system)).keys == 0
    with pytest.raises(ProofFailed, match="at least 5 keys, found 0"):
        here.do(redis.prove(here.system, 5))
    manifest = here.manifest.read_bytes()
    here.manifest.unlink()
    with pytest.raises(ProofFailed, match="manifest"):
        here.do(redis.prove(here.system))
    here.manifest.write_bytes(manifest)
    here.client.config_set("appendonly", "no")
    with pytest.raises(ProofFailed, match="append-only file is on"):
        here.do(redis.prove(here.system))
    here.client.config_set("maxmemory", 1)
    with pytest.raises(ProofFailed, match="reads and writes"):
        here.do(redis.prove(here.system))
    here.kill()
    with pytest.raises(ProofFailed, match="PONG"):
        here.do(redis.prove(here.system))
    with pytest.raises(NotInTime):
        here.do(redis.ping(here.system, within=0.2))


def test_too_little_room_is_refused_with_figures() -> None:
    """Room is asked for before anything is touched; the sentence has both figures."""
    road = FakeRoad({"# sizes*": "400000000\n10\n0\n1000000\n"})
    with pytest.raises(NoRoom, match=r"expected 1,208 MiB free .* found 1 MiB; nothing was touched"):
        perform(redis.check_room(Redis("r1")), road)
    road.answer("# sizes*", "400000000\n10\n0\n2000000000\n")
    room = perform(redis.check_room(Redis("r1")), road)
    assert (room.free, room.needed) == (2_000_000_000, 1_267_108_874)
    road.answer("# sizes*", "400000000\n10\n0\n400000000\n")
    with pytest.raises(NoRoom):
        perform(redis.keep_copy(Redis("r1")), road)
    assert all("cp -a" not in command for command in road.commands)


def test_a_cut_elsewhere_than_seen_stops_everything(here: Here) -> None:
    """The tool's cut is compared with the inspection's place."""
    here.start()
    here.client.set("a", 1)
    here.kill()
    size = here.log.stat().st_size
    here.log.write_bytes(here.log.read_bytes() + b"torn")
    with pytest.raises(StepFailed, match=f"end at byte {size - 1} after the cut, found {size}"):
        here.do(redis.cut(here.system, here.log.name, size - 1))


# Stands for docker: what it is asked to run from an image is this machine's, with the data as they lie here.
_DOCKER = """\
#!/bin/sh
echo "$@" >>"$HERE.docker"
case $1 in container) echo sha256:1234; exit 0 ;; esac
while [ "$1" != --entrypoint ]; do shift; done
program=$2; shift 3
exec "$program" $(echo "$@" | sed "s#/data/#$HERE/#")
"""


def test_a_cut_in_a_container_takes_its_images_tool(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """A docker host need not have any of Redis's programs."""
    here.start()
    here.client.set("a", 1)
    here.kill()
    size = here.log.stat().st_size
    here.log.write_bytes(here.log.read_bytes() + b"torn")
    docker = here.folder / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(_DOCKER)
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{docker.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("HERE", str(here.data))
    done = here.do(redis.cut(here.with_settings(container="redis2"), here.log.name, size))
    assert done.bytes == len(b"torn")
    asked = Path(f"{here.data}.docker").read_text().splitlines()[-1]
    assert "--volumes-from redis2" in asked
    assert asked.endswith("sha256:1234 --fix /data/appendonlydir/appendonly.aof.manifest")


def test_promote_can_be_done_again_and_never_promotes_nothing(here: Here) -> None:
    """A second promote finds its work done; one without a rebuilt log touches nothing."""
    here.start()
    here.client.set("a", 1)
    here.kill()
    kept = here.do(redis.keep_copy(here.system))
    here.manifest.unlink()
    with pytest.raises(StepFailed):
        here.do(redis.promote(here.system, kept.path))
    here.do(redis.rebuild(here.system))
    for _ in range(2):
        report = here.do(redis.promote(here.system, kept.path))
    assert msgspec.json.decode(here.folder.joinpath(report).read_bytes())["keys"] == 1
    here.start()
    assert here.client.get("a") == b"1"


def test_replica_cannot_be_backed_up(here: Here) -> None:
    """A replica takes no mark, and is told apart from a server that is merely busy."""
    here.start()
    here.client.replicaof("127.0.0.1", "1")
    with pytest.raises(StepFailed, match="master"):
        here.do(redis.dump(here.system, str(here.folder / "x.rdb"), "redis_1"))


def certificate(folder: Path) -> tuple[str, str]:
    """A certificate that it signed itself, and its key."""
    names = str(folder / "cert.pem"), str(folder / "key.pem")
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=redis", "-days", "2"]
    subprocess.run([*words, "-out", names[0], "-keyout", names[1]], check=True, capture_output=True)
    return names


def with_tls(here: Here, *more: str) -> Redis:
    """Start it so that beside its socket only TLS is spoken; return it as an inventory would have it."""
    cert, key = certificate(here.folder)
    files = ("--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert)
    port = free_port()
    here.start("--tls-port", str(port), *files, *more)
    return here.with_settings(socket="", port=port, tls_authority=cert)


def test_a_server_that_answers_elsewhere_is_not_taken_for_dead(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another port, or TLS where none was said: it is alive, and whoever stopped it might lose the data."""
    silent = with_tls(here, "--tls-auth-clients", "no")
    elsewhere = here.with_settings(socket="", port=free_port())
    for wrong in (silent, elsewhere):
        # Begun just now it may be one that ends again at once: that is down, and is stopped for good.
        assert not here.do(redis.status(wrong)).up
    monkeypatch.setattr("agent.systems.redis.claims._OLD", 0)
    for wrong in (silent, elsewhere):
        with pytest.raises(StepFailed, match=f"has run on {here.data} for .*do not restart it"):
            here.do(redis.status(wrong))
    here.kill()
    assert not here.do(redis.status(silent)).up


@pytest.mark.parametrize("seen", [False, True], ids=["anybody", "whoever shows a certificate"])
def test_a_server_in_tls_is_asked_in_tls(here: Here, seen: bool) -> None:
    """With `tls` it is an ordinary server, to redis-cli and to the programs that use it."""
    system = with_tls(here, "--tls-auth-clients", "yes" if seen else "no")
    cert, key = here.folder / "cert.pem", here.folder / "key.pem"
    shown = {"tls_certificate": str(cert), "tls_key": str(key)} if seen else {}
    whole = dataclasses.replace(system, tls=True, **shown)
    here.client.set("temp:a", 1)
    assert here.do(redis.status(whole)).writes
    assert here.do(redis.sweep(whole)).removed == 1
    here.client.execute_command("ACL", "SETUSER", "dr", "on", f">{PASSWORD}", "~*", "+@all")
    here.client.execute_command("ACL", "SETUSER", "default", "off")
    assert here.do(redis.status(dataclasses.replace(whole, login="dr"))).writes


def test_tls_is_true_or_false() -> None:
    """Settings for it are read from the inventory; any other word is refused."""
    told = {"tls": True, "tls_authority": "/ca.pem", "login": "dr"}
    system = Redis.of(Service("redis", "r1", "systemd", "u", told))
    assert system.cli_words[-5:] == ("--user", "dr", "--tls", "--cacert", "/ca.pem")
    with pytest.raises(BadInventory, match="true or false"):
        Redis.of(Service("redis", "r1", "systemd", "u", {"tls": "yes"}))


def test_a_replica_is_not_said_to_write(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In touch with its master it reads, and no write is claimed; cut off, it is a symptom and no proof."""
    with redis_here(tmp_path / "master") as master:
        port = free_port()
        master.start("--port", str(port))
        master.client.set("a", 1)
        here.start("--masterauth", PASSWORD)
        here.client.replicaof("127.0.0.1", port)
        proof = here.do(redis.prove(here.system))
        assert proof.claims[1].startswith("it reads, and is in touch with its master; writes were not tried")
        assert [each.id for each in here.do(redis.diagnose(here.system)).symptoms] == []
        with pytest.raises(
            ProofFailed, match=f"reads and writes, found that it is a replica of 127.0.0.1:{port}"
        ):
            here.do(redis.prove(here.system, master=True))
        with pytest.raises(ProofFailed, match="found a replica"):
            here.do(redis.prove_relieved(here.system))
        master.client.flushall()
        here.do(redis.prove(here.system))
    monkeypatch.setattr("agent.systems.redis.claims._IN_TOUCH", 0.3)
    (symptom,) = here.do(redis.diagnose(here.system)).symptoms
    assert (symptom.id, symptom.level) == ("redis.replica-cut-off", DEGRADED)
    with pytest.raises(ProofFailed, match="in touch with its master"):
        here.do(redis.prove(here.system))
    copy = here.folder / "copy.rdb"
    copy.write_bytes(b"")
    held = redis.Copy(
        "b", str(copy), mark="20261122030000/1", contents={"db0": 9}, taken_at="2026-11-22T03:00:00+00:00"
    )
    with pytest.raises(StepFailed, match=r"found a replica of .*REPLICAOF NO ONE"):
        here.do(redis.find_loss(here.system, held))
