"""The disk that holds a service's data: one that is nearly full is named, one with room is not."""

import os
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from agent.diagnosis.disk import disk, read
from agent.diagnosis.health import Seen, judge
from agent.errors import StepFailed
from agent.inventory.model import Host, Service
from agent.systems import DOWN, Symptom, Vitals
from agent.transport.local import LocalRoad
from agent.transport.perform import perform

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@contextmanager
def mounted(folder, source="tmpfs"):
    """A file system of 4 MiB, mounted in a folder."""
    if os.getuid():
        pytest.skip("only root mounts")
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", source, folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture
def small(tmp_path):
    """A file system of 4 MiB of its own."""
    with mounted(tmp_path / "disk") as folder:
        yield folder


def looked(folder, system="redis", **service):
    """How full the disk is that holds a folder."""
    asked = Service(system, "here", service.pop("supervisor", "systemd"), "unit", service)
    road = LocalRoad(Host("here", road="local"))
    return perform(disk(asked, SimpleNamespace(data_dir=str(folder))), road)


def named(seen):
    """The symptoms of a disk, and of what its service says itself."""
    return [each.id for each in judge("here", "redis", seen, NOW).symptoms if "disk" in each.id]


def test_a_disk_that_fills_up_is_named(small):
    """With room it is no symptom; nearly full it is, and a folder that is not there yet lies on it too."""
    assert named(Seen(disk=looked(small))) == []
    (small / "ballast").write_bytes(b"x" * 3_900_000)
    found = looked(small / "not" / "yet")
    assert found.percent >= 90
    assert found.size == 4096
    assert named(Seen(disk=found)) == ["service.disk-nearly-full"]
    assert f"{found.percent} % of 4 MiB at {small}" in str(found)


def test_what_the_service_says_itself_is_not_said_twice(small):
    """Its own symptom of a full disk is the graver one."""
    (small / "ballast").write_bytes(b"x" * 4_000_000)
    own = Symptom("redis.disk-full", DOWN, "Its disk is full", "디스크가 가득 참")
    vitals = Vitals(True, True, False, "sound", (own,))
    assert named(Seen(vitals=vitals, disk=looked(small))) == ["redis.disk-full"]


def test_a_disk_elsewhere_is_not_looked_at(tmp_path):
    """Of what a cluster or a provider keeps no disk of this host tells anything."""
    assert looked(tmp_path, supervisor="kubernetes") is None


@pytest.mark.parametrize("said", ["", "df: /x: Permission denied", "Filesystem 1024-blocks\nnone - - - - /x"])
def test_an_answer_without_figures_is_none(said):
    """It could not be looked at, which is not the same as room."""
    with pytest.raises(StepFailed, match="expected one file system"):
        read("/x", said)


def test_names_with_blanks_are_no_figures(tmp_path):
    """A share of Windows and the folder it is mounted in may have them."""
    with mounted(tmp_path / "DR backups 9 9 9", "nas share 7") as folder:
        assert looked(folder / "not yet").size == 4096
    said = "Filesystem 1024-blocks Used Available Capacity Mounted on\n//nas/DR one 1000 400 600 40% /mnt/x y"
    assert (read("/mnt/x y", said).percent, read("/mnt/x y", said).size) == (40, 1000)
