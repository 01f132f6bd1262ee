"""Who gets a host: near before far, the least busy of those, and nobody rather than the wrong one."""

from collections import Counter

import pytest

from agent.errors import Unreachable
from agent.inventory.model import Host
from agent.transport.far.place import Worker, place, stays

SEOUL1 = Worker("tcp://1", "seoul-1", ("seoul",))
SEOUL2 = Worker("tcp://2", "seoul-2", ("seoul",))
BUSAN = Worker("tcp://3", "busan")
ALL = (SEOUL1, SEOUL2, BUSAN)


def near(name: str) -> Host:
    """A host that says where its workers are."""
    return Host("h", vars={"drillyard_worker": name})


def test_hosts_are_spread():
    """Each goes to whoever holds the fewest, so that no worker has two more than another."""
    load: Counter[str] = Counter()
    for n in range(30):
        load[place(Host(f"h{n}"), ALL, load).address] += 1
    assert set(load.values()) == {10}


def test_a_host_goes_to_its_region():
    """By what several workers offer, or by the name of one; and is spread among those alone."""
    load: Counter[str] = Counter({"tcp://3": 0})
    for _ in range(4):
        load[place(near("seoul"), ALL, load).address] += 1
    assert load == {"tcp://1": 2, "tcp://2": 2, "tcp://3": 0}
    assert place(near("busan"), ALL, Counter({"tcp://3": 99})) == BUSAN


def test_nobody_rather_than_somebody_else():
    """A host of a region without workers is not reached from another; the sentence says which there are."""
    with pytest.raises(Unreachable, match=r"no worker is called tokyo .* busan, seoul, seoul-1, seoul-2"):
        place(near("tokyo"), ALL, {})
    with pytest.raises(Unreachable, match="the engine has no worker"):
        place(Host("h"), (), {})


@pytest.mark.parametrize("road", ["local", "docker"])
def test_this_machine_is_no_workers(road):
    """`local` and `docker` mean the controller's machine, unless a worker is named."""
    assert stays(Host("h", road=road))
    assert not stays(Host("h", road=road, vars={"drillyard_worker": "seoul"}))
    assert not stays(Host("h"))
