"""Programs that print an inventory, and what `ansible-inventory --list` printed into a file."""

import json

import pytest

from agent.errors import BadInventory
from agent.inventory import read_inventory
from agent.secrets import Secret

LISTING = {
    "_meta": {
        "hostvars": {
            "web1": {"ansible_host": "10.0.0.1", "redis_password": "!env P"},
            "redis1": {"note": {"__ansible_unsafe": "{{ as it is }}"}, "nowhere": True},
            "stray": {},
        }
    },
    "all": {"children": ["ungrouped", "web", "data"]},
    "data": {"children": ["redis"], "vars": {"tier": "back"}},
    "redis": ["redis1"],
    "web": {"hosts": ["web1", "web[1:3]"]},
}


@pytest.fixture
def program(folder):
    """A program that prints a listing when it is asked `--list`, and a host's variables."""

    def write(listing: object, hosts: object = None, rest: str = "") -> str:
        path = folder.write(
            "inventory.py",
            f"""#!/bin/sh
echo "$@" >> {folder.path}/asked
case $1 in
--list) cat <<'END'
{json.dumps(listing)}
END
;;
--host) cat <<'END'
{json.dumps(hosts)}
END
;;
esac
{rest}
""",
        )
        path.chmod(0o755)
        return path

    return write


def test_a_listing_in_a_file(folder):
    """Groups as lists, nested ones, variables of `_meta`, references; a host in no group is none."""
    world = folder.read(json.dumps(LISTING), "list.json")
    assert list(world.hosts) == ["redis1", "web1", "web[1:3]"]
    assert world.groups["data"] == ("redis1",)
    assert world.hosts["web1"].address == "10.0.0.1"
    assert world.hosts["web1"].vars["redis_password"] == Secret("env", "P", f"{folder.path}/list.json:1")
    assert world.hosts["redis1"].vars == {"tier": "back", "note": "{{ as it is }}", "nowhere": True}


def test_ansibles_yaml_layout_written_as_json_is_still_that(folder):
    """A mapping of hosts is no listing."""
    assert list(folder.read('{"all": {"hosts": {"a": {}}}}', "hosts.json").hosts) == ["a"]


def test_a_program_is_run_once(folder, program):
    """With `_meta` one call tells everything; group_vars beside it count."""
    folder.write("group_vars/web.yml", "env: production")
    world = read_inventory(program(LISTING))
    assert world.hosts["web1"].environment == "production"
    assert (folder.path / "asked").read_text() == "--list\n"


def test_without_meta_each_host_is_asked(folder, program):
    """`--host NAME` for every host."""
    world = read_inventory(program({"web": ["web1", "web2"]}, {"ansible_port": 2222}))
    assert [host.port for host in world] == [2222, 2222]
    assert (folder.path / "asked").read_text() == "--list\n--host web1\n--host web2\n"


def test_a_program_among_other_sources(folder, program):
    """A folder may hold programs and files; later ones win."""
    program({"web": {"hosts": ["web1"], "vars": {"env": "a"}}})
    folder.write("later.yml", "web: {vars: {env: b}}")
    assert read_inventory(folder.path).hosts["web1"].environment == "b"


def test_what_only_may_be_executed_is_not_run(folder):
    """A plain inventory from a file system that marks everything executable is read as text."""
    path = folder.write("hosts", "web1\n")
    path.chmod(0o755)
    assert list(read_inventory(path).hosts) == ["web1"]


@pytest.mark.parametrize(
    ("listing", "rest", "said"),
    [
        ({}, "echo broken cloud >&2; exit 3", "ended with code 3: broken cloud"),
        ([1], "", "the listing should be groups by name, found a list"),
        ({"a": 5}, "", "a should be a mapping, found a number"),
        ({"a": {"hosts": "x"}}, "", "a.hosts should be a list of names, found text"),
        ({"a": {"hosts": [1]}}, "", "a.hosts should be a list of names"),
        ({"a": ["h"], "_meta": {"hostvars": {"h": 5}}}, "", "expected variables"),
        ({"a": ["h"], "_meta": {"hostvars": {"h": {"password": "hunter2"}}}}, "", "password is written out"),
        ({"a": {"children": ["a"]}}, "", "would contain each other"),
        ({"a": ["-h"]}, "", "is no name for a host"),
        ({}, "", "expected at least one host"),
        ({"a": ["h"]}, "echo '{'", "not sound YAML"),
    ],
)
def test_a_bad_listing_is_one_sentence(program, listing, rest, said):
    """It names the program and what it was asked."""
    with pytest.raises(BadInventory) as error:
        read_inventory(program(listing, None, rest))
    assert said in str(error.value)
    assert "inventory.py" in str(error.value)
