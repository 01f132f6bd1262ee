"""A pattern means the hosts that Ansible would take it for, and a misspelt one means none: it is refused."""

import pytest

from agent.errors import NotFound, Usage
from agent.inventory import Host, Inventory, match

HOSTS = ("redis1", "redis2", "redis3", "web1", "web2", "db.example")
WORLD = Inventory(
    {name: Host(name) for name in HOSTS},
    {
        "all": HOSTS,
        "redis": HOSTS[:3],
        "web": ("web1", "web2"),
        "seoul": ("redis1", "web1"),
        "empty": (),
    },
)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("all", "redis1 redis2 redis3 web1 web2 db.example"),
        ("*", "redis1 redis2 redis3 web1 web2 db.example"),
        ("redis2", "redis2"),
        ("web,redis1", "redis1 web1 web2"),
        ("web:redis1", "redis1 web1 web2"),
        ("redis:!redis3", "redis1 redis2"),
        ("!redis3:redis", "redis1 redis2"),
        ("redis:&seoul", "redis1"),
        ("&seoul", "redis1 web1"),
        ("!web", "redis1 redis2 redis3 db.example"),
        ("web*", "web1 web2"),
        ("redis[13]", None),
        ("*.example", "db.example"),
        ("r?dis[2]", "redis3"),
        ("~(web|db).*", "web1 web2 db.example"),
        ("redis:!~redis[13]", "redis2"),
        ("~r:w", None),
        ("redis[0]", "redis1"),
        ("redis[-1]", "redis3"),
        ("redis[1:]", "redis2 redis3"),
        ("redis[0:1]", "redis1 redis2"),
        ("redis[0:1]:web1", "redis1 redis2 web1"),
        ("web:&redis", ""),
        ("empty", ""),
    ],
)
def test_a_pattern_means_these_hosts(pattern, names):
    """Groups, hosts, wildcards, expressions, indexes, exceptions and intersections."""
    if names is None:
        with pytest.raises(NotFound):
            match(WORLD, pattern)
    else:
        assert " ".join(host.name for host in match(WORLD, pattern)) == names


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("redsi", "'redsi' is neither a host nor a group of the inventory .. Did you mean redis?"),
        ("redis:!redis9", "'redis9' is neither a host nor a group"),
        ("all:&sejong", "'sejong' is neither"),
        ("redis[3]", "expected a host there, and redis has 3"),
    ],
)
def test_an_unknown_name_is_refused_wherever_it_stands(pattern, said):
    """A misspelt exception would otherwise let the run touch what it was to spare."""
    with pytest.raises(NotFound) as error:
        match(WORLD, pattern)
    assert said in str(error.value)


@pytest.mark.parametrize("pattern", ["", " : ", "~("])
def test_a_pattern_that_says_nothing_is_refused(pattern):
    """An empty pattern is not taken for all hosts."""
    with pytest.raises(Usage):
        match(WORLD, pattern)
