"""How a stack's inventory template is filled in."""

from pathlib import Path

import pytest
import yaml

from agent.errors import BadInventory
from drills.rig import rehearsal
from drills.rig.rehearsal import Filling, Reach, Tagged, Unit
from drills.rig.stack_words import Words

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


SPOKEN = """
all:
  children:
    mongodb:
      vars: {drillyard_state_dir: !stack "{private}/state"}
      hosts:
        mongo1:
          serves:
            mongodb:
              unit: !stack "{container:mongo1}"
              uri: !stack "mongodb://root:{secret:mongo_password}@127.0.0.1:{port:mongo1:27017}/"
"""


def spoken(tmp_path: Path, text: str = SPOKEN) -> str:
    """Fill in a template that speaks of its stack."""
    (tmp_path / "mongo_password").write_text("s3cret")
    template = tmp_path / "inventory.yml"
    template.write_text(text)
    words = Words({"mongo1": {27017: 20007}}, {"mongo1": "stack-mongo1-1"})
    reach = {"mongo1": Reach("stack-mongo1-1")}
    known = Filling(reach, tmp_path / "id_ed25519", tmp_path / "known_hosts", tmp_path, words)
    return rehearsal.fill(rehearsal.load(template), known)


def test_a_template_speaks_of_ports_and_containers(tmp_path: Path) -> None:
    """What only the started stack knows is put into a text, which stays plain where it holds no secret."""
    text = spoken(tmp_path)
    assert "unit: stack-mongo1-1" in text
    assert f"drillyard_state_dir: {tmp_path}/state" in text


def test_a_text_with_a_secret_becomes_a_private_file(tmp_path: Path) -> None:
    """The inventory refers to it; the secret stands in a file for us alone and nowhere else."""
    text = spoken(tmp_path)
    file = tmp_path / "mongo1-mongodb-uri"
    assert f"uri: !file '{file}'" in text
    assert file.read_text() == "mongodb://root:s3cret@127.0.0.1:20007/"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "s3cret" not in text


@pytest.mark.parametrize("word", ["port:mongo1:22", "container:mongo2", "secret:other", "whatever"])
def test_what_is_not_in_the_stack_is_named(tmp_path: Path, word: str) -> None:
    """A word that leads nowhere is an error that lists what there is."""
    text = SPOKEN.replace("container:mongo1", word)
    with pytest.raises(BadInventory, match="container:mongo1, port:mongo1:27017, private"):
        spoken(tmp_path, text)


def test_hosts_of_services_that_are_not_started_are_left_out(template: Path) -> None:
    """However deep in the groups; the others stay as they are, and so does the template's own tree."""
    tree = rehearsal.load(template)
    left = rehearsal.without(tree, {"redis1"})
    assert list(rehearsal.hosts(left)) == ["redis2"]
    assert list(rehearsal.hosts(tree)) == ["redis1", "redis2"]
    assert rehearsal.units(left) == []
    assert left["all"]["vars"] == tree["all"]["vars"]


def test_what_is_said_of_a_host_that_is_left_out_is_left_out_too(tmp_path: Path) -> None:
    """A setting whose text names a host that is not started cannot be filled in; its neighbours can."""
    file = tmp_path / "inventory.yml"
    file.write_text(
        "all: {hosts: {mongo1: {serves: {mongodb: {unit: !stack '{container:mongo1}', "
        "spare: !stack 'mongodb://{port:mongo-dr:27017}/', spare_unit: !stack '{container:mongo-dr}', "
        "state: !stack '{private}/mongo-dr'}}}}}"
    )
    left = rehearsal.without(rehearsal.load(file), {"mongo-dr"})
    assert sorted(rehearsal.hosts(left)["mongo1"]["serves"]["mongodb"]) == ["state", "unit"]


def test_items_of_a_list_are_left_out_one_by_one(tmp_path: Path) -> None:
    """Of several places those whose host is not started are left out, and the list stays."""
    file = tmp_path / "inventory.yml"
    file.write_text(
        "all: {hosts: {ref1: {ship_to: [!stack 'a@{container:backup1}:/x', "
        "!stack 's3://b/{container:s3}', /mnt]}}}"
    )
    tree = rehearsal.load(file)
    for left_out, count in (({"s3"}, 2), ({"s3", "backup1"}, 1), (set(), 3)):
        assert len(rehearsal.hosts(rehearsal.without(tree, left_out))["ref1"]["ship_to"]) == count
