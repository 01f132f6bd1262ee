"""Which ports a stack gets."""

import random
import socket

import pytest

from drills.rig import ports


def test_chosen_ports_are_different_and_below_the_ephemeral_range() -> None:
    """A container that restarts finds its port free: the kernel hands it to no outgoing connection."""
    chosen = ports.choose(50, random.Random(1))
    assert len(set(chosen)) == 50
    assert all(ports.FIRST <= port <= ports.LAST for port in chosen)


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    """Taken is taken, and free again is free."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not ports.is_free(port)
    assert ports.is_free(port)


def test_taken_ports_are_passed_over() -> None:
    """Only what is free is chosen, and what is not there is not invented."""
    assert set(ports.choose(2, random.Random(1), free={20_001, 31_999}.__contains__)) == {20_001, 31_999}
    with pytest.raises(OSError, match="2 of 3"):
        ports.choose(3, random.Random(1), free={20_001, 31_999}.__contains__)
