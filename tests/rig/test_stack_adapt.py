"""How a plain compose file is fitted to an engine."""

from pathlib import Path
from typing import Any

import pytest

from drills.rig.adapt import Traits, Wanted, adapt, environment_secrets, wanted_ports

CONFIG: dict[str, Any] = {
    "name": "chat",
    "services": {
        "redis1": {
            "build": {"context": "/stacks/images/redis_host", "dockerfile": "Dockerfile"},
            "labels": {"drillyard.init": "systemd", "theirs": "kept"},
            "ports": [
                {"target": 22, "host_ip": "127.0.0.1", "protocol": "tcp", "mode": "ingress"},
                {"target": 6379, "published": "6379", "protocol": "tcp", "mode": "ingress"},
            ],
            "volumes": [{"type": "volume", "source": "redis1-data", "target": "/var/lib/redis"}],
        },
        "web": {"image": "nginx:1", "ports": [{"target": 80, "protocol": "tcp"}]},
    },
    "networks": {"default": {"name": "chat_default"}, "shared": {"name": "shared", "external": True}},
    "volumes": {"redis1-data": {"name": "chat_redis1-data"}},
    "secrets": {"one": {"environment": "ONE"}, "two": {"file": "/two"}},
}
PORTS = {("redis1", 22): 20001, ("redis1", 6379): 20002, ("web", 80): 20003}


def adapted(**options: Any) -> dict[str, Any]:
    """Adapt the config above for a stack of a known name."""
    wanted = Wanted("drillyard-chat-1", PORTS, **options)
    return adapt(CONFIG, wanted, lambda context: f"drillyard/{context.name}:abc")


def test_every_port_is_ours_and_on_the_loopback() -> None:
    """Whatever the file publishes, and on whatever address, goes to a chosen port of 127.0.0.1."""
    assert wanted_ports(CONFIG) == list(PORTS)
    for service in adapted()["services"].values():
        for port in service["ports"]:
            assert port["host_ip"] == "127.0.0.1"
            assert int(port["published"]) in PORTS.values()


def test_everything_created_carries_our_labels() -> None:
    """Containers, networks and volumes are labelled, so that they can be removed; theirs stay."""
    ready = adapted()
    ours = {"drillyard": "1", "drillyard.stack": "drillyard-chat-1"}
    things = [*ready["services"].values(), ready["networks"]["default"], ready["volumes"]["redis1-data"]]
    for thing in things:
        assert ours.items() <= thing["labels"].items()
    assert ready["services"]["redis1"]["labels"]["theirs"] == "kept"


def test_what_is_external_is_left_alone() -> None:
    """A network that belongs to somebody else gets no label of ours: it would be removed with the stack."""
    assert adapted()["networks"]["shared"] == CONFIG["networks"]["shared"]


def test_names_come_from_the_project() -> None:
    """Two stacks of one file share neither network nor volume."""
    ready = adapted()
    assert ready["name"] == "drillyard-chat-1"
    assert "name" not in ready["networks"]["default"]
    assert "name" not in ready["volumes"]["redis1-data"]


def test_a_build_becomes_the_image_that_was_built() -> None:
    """Compose never builds or pulls ours; an image named in the file stays what it is."""
    services = adapted()["services"]
    assert services["redis1"]["image"] == "drillyard/redis_host:abc"
    assert services["redis1"]["pull_policy"] == "never"
    assert "build" not in services["redis1"]
    assert services["web"]["image"] == "nginx:1"


@pytest.mark.parametrize(("cgroup", "namespace", "bound"), [(1, "host", True), (2, "private", False)])
def test_systemd_gets_the_control_groups_of_the_engine(cgroup: int, namespace: str, bound: bool) -> None:
    """cgroup v1 needs the engine's own tree; v2 a namespace of its own. Never --privileged."""
    service = adapted(traits=Traits(cgroup=cgroup))["services"]["redis1"]
    assert service["cgroup"] == namespace
    assert any(volume.get("target") == "/sys/fs/cgroup" for volume in service["volumes"]) is bound
    assert service["cap_add"] == ["SYS_ADMIN"]
    assert "privileged" not in service


def test_only_what_asks_for_systemd_gets_capabilities() -> None:
    """A bare process stays as weak as its file makes it."""
    web = adapted()["services"]["web"]
    assert "cap_add" not in web
    assert "cgroup" not in web


@pytest.mark.parametrize(
    ("traits", "options"),
    [
        (Traits(), None),
        (Traits(apparmor=True), ["apparmor=unconfined"]),
        (Traits(selinux=True), ["label=disable"]),
    ],
)
def test_security_modules_are_answered_where_they_are(traits: Traits, options: list[str] | None) -> None:
    """AppArmor and SELinux would deny systemd its mounts; an engine without them is told nothing."""
    assert adapted(traits=traits)["services"]["redis1"].get("security_opt") == options


def test_a_disk_takes_the_place_of_a_volume() -> None:
    """The volume is mounted from its block device."""
    volume = adapted(devices={"redis1-data": "/dev/loop7"})["volumes"]["redis1-data"]
    assert volume["driver_opts"] == {"type": "ext4", "device": "/dev/loop7"}


def test_the_given_config_is_not_changed() -> None:
    """It is adapted again when a port turns out to be taken."""
    before = repr(CONFIG)
    adapted(devices={"redis1-data": "/dev/loop7"})
    assert repr(CONFIG) == before


def test_only_secrets_from_variables_are_made() -> None:
    """A secret that is a file is the user's own."""
    assert environment_secrets(CONFIG) == {"one": "ONE"}
    assert (
        adapt(CONFIG, Wanted("p", PORTS), lambda context: str(Path(context)))["secrets"] == CONFIG["secrets"]
    )
