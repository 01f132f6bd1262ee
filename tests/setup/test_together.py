"""Steps side by side: none waits for another, all end, and what went wrong is told."""

from __future__ import annotations

import threading

import pytest

from agent.errors import EngineMissing
from setup.together import together


def test_they_are_under_way_at_once() -> None:
    """Each waits here for the other to have begun: one after the other they would never end."""
    met = threading.Barrier(2)
    together(lambda: met.wait(120), lambda: met.wait(120))


def test_no_more_at_once_than_asked() -> None:
    """With room for one, none sees another under way."""
    alone = threading.Lock()

    def step() -> None:
        assert alone.acquire(blocking=False)
        alone.release()

    together(*[step] * 20, at_once=1)


def test_the_first_error_is_raised_once_all_have_ended() -> None:
    """What does well is not broken off by what fails beside it."""
    failed, ended = threading.Event(), threading.Event()

    def fails() -> None:
        failed.set()
        raise EngineMissing("no engine")

    def goes_on() -> None:
        assert failed.wait(120)
        ended.set()

    with pytest.raises(EngineMissing, match="no engine"):
        together(fails, goes_on)
    assert ended.is_set()


def test_nothing_to_do() -> None:
    """A set-up that finds everything there has no steps."""
    together()
