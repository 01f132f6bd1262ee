"""How a stack's inventory template is filled in."""

from pathlib import Path

import pytest
import yaml

from agent.errors import BadInventory
from drills.rig import rehearsal
from drills.rig.rehearsal import Filling, Reach, Tagged, Unit

TEMPLATE = """
all:
  vars: {env: rehearsal, ansible_user: operator}
  children:
    redis:
      hosts:
        redis1:
          serves:
            redis: {supervisor: systemd, unit: redis-server, password: !file redis_password, port: 6379}
            app: {supervisor: docker, unit: app, token: !env TOKEN}
      children:
        spare:
          hosts:
            redis2:
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template with nested groups and three kinds of tags."""
    file = tmp_path / "inventory.yml"
    file.write_text(TEMPLATE)
    return file


def filling(**reach: Reach) -> Filling:
    """What a started stack would know."""
    return Filling(reach, Path("/private/id_ed25519"), Path("/run/known_hosts"), Path("/private"))


def test_addresses_key_and_known_hosts_are_added(template: Path) -> None:
    """Each host, however deep in the groups, gets its address; the group `all` gets key and known_hosts."""
    text = rehearsal.fill(
        rehearsal.load(template), filling(redis1=Reach("127.0.0.1", 20001), redis2=Reach("box"))
    )
    plain = yaml.load(text.replace("!file", "").replace("!env", ""), Loader=yaml.SafeLoader)
    assert plain["all"]["vars"] == {
        "env": "rehearsal",
        "ansible_user": "operator",
        "ansible_ssh_private_key_file": "/private/id_ed25519",
        "drillyard_known_hosts": "/run/known_hosts",
    }
    redis = plain["all"]["children"]["redis"]
    assert redis["hosts"]["redis1"]["ansible_host"] == "127.0.0.1"
    assert redis["hosts"]["redis1"]["ansible_port"] == 20001
    assert redis["children"]["spare"]["hosts"]["redis2"] == {"ansible_host": "box"}


def test_references_stay_references(template: Path) -> None:
    """A secret is never read here: `!file` learns its folder, other tags stay as they are."""
    text = rehearsal.fill(
        rehearsal.load(template), filling(redis1=Reach("127.0.0.1", 1), redis2=Reach("127.0.0.1", 2))
    )
    assert "!file '/private/redis_password'" in text
    assert "!env 'TOKEN'" in text


def test_a_host_that_is_not_in_the_stack_is_named(template: Path) -> None:
    """A template and a compose file that do not fit are an error that names both sides."""
    with pytest.raises(BadInventory, match=r"names redis2; its compose file has redis1"):
        rehearsal.fill(rehearsal.load(template), filling(redis1=Reach("127.0.0.1", 1)))


def test_only_systemd_units_are_waited_for(template: Path) -> None:
    """What another supervisor runs has no unit to ask systemd for."""
    assert rehearsal.units(rehearsal.load(template)) == [Unit("redis1", "redis-server")]


def test_the_login_comes_from_the_template(template: Path) -> None:
    """The key is let in for the user that the agent will log in as."""
    assert rehearsal.user(rehearsal.load(template)) == "operator"


def test_tags_survive_being_read(template: Path) -> None:
    """A tag of ours is kept as tag and text."""
    own = rehearsal.hosts(rehearsal.load(template))["redis1"]
    assert own["serves"]["redis"]["password"] == Tagged("!file", "redis_password")


@pytest.mark.parametrize("text", ["", "- a list", "all: [", "hosts: {}", "all:"])
def test_what_is_no_inventory_is_refused(tmp_path: Path, text: str) -> None:
    """Anything but a mapping that begins with `all:` is refused with the file's name."""
    file = tmp_path / "inventory.yml"
    file.write_text(text)
    with pytest.raises(BadInventory, match=r"inventory\.yml"):
        rehearsal.load(file)
