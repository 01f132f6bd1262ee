"""Buckets: a minute's calls at once, then one by one; each caller has its own, and few are remembered."""

from __future__ import annotations

from agent.api.rates import _MOST, Buckets


def test_a_bucket_empties_and_fills() -> None:
    """Six a minute: six at once, the seventh after ten seconds; another caller does not wait."""
    now = [0.0]
    buckets = Buckets(6, lambda: now[0])
    assert [buckets.wait("a") for _ in range(6)] == [0] * 6
    assert buckets.wait("a") == 10
    assert buckets.wait("b") == 0
    now[0] = 9
    assert 0.9 < buckets.wait("a") < 1.1
    now[0] = 10.1
    assert [buckets.wait("a") > 0, buckets.wait("a") > 0] == [False, True]
    now[0] = 1e6
    assert [buckets.wait("a") > 0 for _ in range(7)] == [False] * 6 + [True]


def test_callers_are_forgotten_and_not_kept_for_ever() -> None:
    """Whoever comes from ever new addresses fills no memory."""
    buckets = Buckets(1, lambda: 0.0)
    for number in range(_MOST + 500):
        buckets.wait(str(number))
    assert len(buckets._left) == _MOST
