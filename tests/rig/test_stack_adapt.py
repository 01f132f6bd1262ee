"""How a plain compose file is fitted to an engine."""

from pathlib import Path
from typing import Any

import pytest

from agent.errors import StepFailed
from drills.rig import compose
from drills.rig.adapt import (
    Traits,
    Wanted,
    adapt,
    environment_secrets,
    folders_in,
    only,
    standins,
    wanted_ports,
)
from drills.rig.stack import named

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


def test_folders_of_ours_that_are_volumes_are_known_before() -> None:
    """What lies in the private folder has to be made first; other folders and volumes are left alone."""
    volumes = [
        {"type": "bind", "source": "/private/redis2", "target": "/data"},
        {"type": "bind", "source": "/stacks/entry", "target": "/entry"},
        {"type": "volume", "source": "more", "target": "/more"},
    ]
    config = {"services": {"redis2": {"volumes": volumes}, "web": {}}}
    assert folders_in(config, Path("/private")) == [Path("/private/redis2")]


def test_an_image_of_the_users_own_is_taken_instead_of_a_build() -> None:
    """`image: ${MONGO_IMAGE:-}` beside a build: where it is set, that image; where it is not, ours."""
    named = {"services": {"db": {"build": {"context": "/images/standin"}, "image": "mongo:7"}}}
    empty = {"services": {"db": {"build": {"context": "/images/standin"}, "image": ""}}}
    wanted = Wanted("drillyard-chat-1", {})
    assert adapt(named, wanted, lambda _: "ours:1")["services"]["db"]["image"] == "mongo:7"
    assert adapt(empty, wanted, lambda _: "ours:1")["services"]["db"]["image"] == "ours:1"


@pytest.mark.parametrize(
    ("image", "simulated"),
    [
        ({}, ("MongoDB (a stand-in)",)),
        ({"image": ""}, ("MongoDB (a stand-in)",)),
        ({"image": "drillyard/mongo_standin:abc"}, ("MongoDB (a stand-in)",)),
        ({"image": "mongo:7"}, ()),
        ({"image": "registry.example:5000/mongo:7"}, ()),
    ],
)
def test_a_stand_in_is_one_where_the_image_is_ours(image: dict[str, str], simulated: tuple[str, ...]) -> None:
    """MONGO_IMAGE unset, empty or naming our own image: SIMULATED, once for both servers; mongo:7 is not."""
    labels = {"drillyard.standin": "MongoDB (a stand-in)", "drillyard.ready": "mongodb"}
    server = {"build": {"context": "/images/standin"}, "labels": labels, **image}
    other = {"build": {"context": "/images/redis_host"}, "labels": {"drillyard.init": "systemd"}}
    config = {"services": {"redis1": other, "mongo1": server, "mongo-dr": server, "web": {"image": "x"}}}
    assert standins(config) == simulated
    assert standins(only(config, ("redis1", "web"))) == ()


@pytest.mark.parametrize(("mongo_image", "simulated"), [("", True), ("mongo:7", False)])
def test_the_chat_stack_says_what_its_mongodb_is(mongo_image: str, simulated: bool) -> None:
    """Compose's own reading of our file, with and without a MongoDB of the user's; Redis is always real."""
    config = compose.find().config(named("chat"), "drillyard-chat-1", {"MONGO_IMAGE": mongo_image})
    told = standins(only(config, ("redis1", "mongo1", "mongo-dr", "api1")))
    assert [each.split()[0] for each in told] == (["MongoDB"] if simulated else [])
    assert standins(only(config, ("redis1", "redis2", "redis-dr"))) == ()


def test_a_night_gets_the_services_it_asks_for_and_what_they_use() -> None:
    """The others, their volumes and their secrets are not made; nothing else is changed."""
    config = {
        **CONFIG,
        "services": {
            "redis1": {**CONFIG["services"]["redis1"], "networks": {"default": None}},
            "web": {**CONFIG["services"]["web"], "secrets": [{"source": "one", "target": "/one"}]},
        },
    }
    left = only(config, ("web",))
    assert left["services"] == {"web": config["services"]["web"]}
    assert left["secrets"] == {"one": {"environment": "ONE"}}
    assert (left["volumes"], left["networks"], left["name"]) == ({}, {}, "chat")
    assert only(config, ("redis1",))["networks"] == {"default": {"name": "chat_default"}}
    assert only(config, ("redis1", "web"))["volumes"] == CONFIG["volumes"]


def test_a_service_that_is_not_there_is_said() -> None:
    """A night that asks for a service its compose file lacks is refused, with what there is."""
    with pytest.raises(StepFailed, match="services of redis1, web, found redis2"):
        only(CONFIG, ("redis2",))
