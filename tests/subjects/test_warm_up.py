"""When something is as before again, from samples."""

from drills.subjects.warm_up import load, normal_after, rates, ticks_of, told, until

SAMPLES = [
    {"at": 0.0, "cpu": 1.0, "hits": 100, "misses": 0},
    {"at": 1.0, "cpu": 1.5, "hits": 150, "misses": 50},
    {"at": 2.0, "cpu": 3.5},
    {"at": 3.0, "cpu": 3.5, "hits": 10, "misses": 30},
    {"at": 4.0, "cpu": 3.6, "hits": 10, "misses": 30},
]


def test_misses_are_shares_of_lookups_and_begin_anew_with_the_server() -> None:
    """A server that was restarted counts from zero, and one that nobody asked says nothing."""
    assert rates(SAMPLES, 0, 9) == [(1.0, 0.5), (3.0, 0.75)]


def test_load_is_cpu_a_second() -> None:
    """Whether Redis answered or not."""
    assert [round(value, 3) for _, value in load(SAMPLES, 0, 3)] == [0.5, 2.0, 0.0]


def test_normal_is_three_times_in_a_row() -> None:
    """One good value is luck; a fifth more than usual is as usual."""
    series = [(float(at), value) for at, value in enumerate((9.0, 1.0, 9.0, 1.1, 1.2, 1.0))]
    assert normal_after(series, 1.0) == 3.0
    assert normal_after(series[:5], 1.0) is None
    assert normal_after(series, 1.0, slack=8.0) == 0.0


def test_a_process_is_read_whatever_its_name() -> None:
    """Of user, system, and both of the children."""
    assert ticks_of("7 (odd) name (x) S 1 7 7 0 -1 4194560 100 0 0 0 30 12 3 5 20 0 1 0 99 1000 10") == 50


def _percent(value: float) -> str:
    return f"{value:.0%}"


def test_the_story_says_when_it_was_as_usual_and_how_it_was_meanwhile() -> None:
    """The p99 and the highest are of the time until then, not of all that came later."""
    after = [(10.5, 0.6), (11.0, 0.3), (11.5, 0.1), (12.0, 0.1), (12.5, 0.1), (13.0, 0.9)]
    found = until([(1.0, 0.1), (2.0, 0.1)], after, 0.0, 10.0)
    assert told("Redis's misses were", found, _percent) == (
        "Redis's misses were as usual (10% in the median) 1.5 s after users were served again: "
        "p99 60% and at most 60% meanwhile."
    )


def test_the_story_says_that_it_never_was_as_usual_or_was_not_seen() -> None:
    """Neither is passed over."""
    never = until([(1.0, 0.1)], [(10.5, 0.6), (11.0, 0.7)], 0.0, 10.0)
    assert "were not as usual (10% in the median) again while it was looked at: p99 70%" in told(
        "Redis's misses were", never, _percent
    )
    unseen = until([(1.0, 0.1)], [], 0.0, 10.0)
    assert told("Redis's misses were", unseen, _percent).endswith("not seen after users were served again.")
