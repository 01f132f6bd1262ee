"""Ansible's INI layout is read as Ansible reads it."""

import pytest

from agent.errors import BadInventory
from agent.inventory import match, read_inventory
from agent.secrets import Secret

TRICKY = """
# a comment
lonely ansible_host=10.0.0.9

[web]
web[01:03].example:2222 flag=True list="[1, 2]" zip=042 note='a # b'   # said inline
db-[a:c]
n[1:9:4]

[redis]
redis1 redis_password="!env P"

[cache:children]
redis

[cache:vars]
text = some words
number = 5
[web:vars]
ansible_user=operator
"""


def test_the_tricky_file(folder):
    """Ranges, ports, Python literals, quotes, comments, children and vars."""
    world = folder.read(TRICKY, "hosts")
    assert list(world.hosts) == [
        "lonely", "web01.example", "web02.example", "web03.example", "db-a", "db-b", "db-c", "n1", "n5", "n9",
        "redis1",
    ]  # fmt: skip
    web = world.hosts["web02.example"]
    assert (web.port, web.user) == (2222, "operator")
    assert {"flag": True, "list": [1, 2], "zip": "042", "note": "a # b"}.items() <= web.vars.items()
    redis = world.hosts["redis1"]
    assert redis.vars["redis_password"] == Secret("env", "P", f"{folder.path}/hosts:11")
    assert (redis.vars["text"], redis.vars["number"]) == ("some words", 5)
    assert world.groups["ungrouped"] == ("lonely",)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[web:childs]\na", 1, "expected [group:children] or [group:vars], found :childs"),
        ("[web]\na b", 2, "expected name=value after the host a, found 'b'"),
        ("[web]\na x='1", 2, "the line cannot be read: No closing quotation"),
        ("[web:vars]\nx", 2, "expected name=value, found 'x'"),
        ("[web]\na\n[x:children]\nwbe", 4, "the group wbe is nowhere declared. Did you mean web?"),
        ("[web]\na\n[x:vars]\ny=1", 3, "the group x is nowhere declared"),
        ("[web]\na password=hunter2", 2, "password is written out"),
        ("[web]\n-x", 2, "is no name for a host"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(folder, text, line, said):
    """Each mistake names its line."""
    with pytest.raises(BadInventory) as error:
        folder.read(text, "hosts.ini")
    assert said in str(error.value)
    assert str(error.value).startswith(f"{folder.path}/hosts.ini:{line}:")


def test_an_index_counts_as_the_group_is_written(folder):
    """As in Ansible, wherever else a host is named: a group's own hosts come first, then its children's."""
    text = "[web]\nb\na\n[again]\na\nb\n[top]\nz\n[top:children]\nagain\nmore\nweb\n[more]\nc\n"
    found = read_inventory(folder.write("hosts", text))
    assert ["".join(found.groups[name]) for name in ("web", "again", "top")] == ["ba", "ab", "zabc"]
    assert [host.name for host in match(found, "again[0]:top[-1]")] == ["a", "c"]
