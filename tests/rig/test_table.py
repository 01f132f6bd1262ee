"""The nights of one run side by side: what was not measured is never shown as a figure."""

from __future__ import annotations

from drills.rig.table import simulated, table


def test_a_line_a_night() -> None:
    """Figures stand under their heads, names to the left."""
    nights = [
        {"night": "sqlite_corruption-header", "verdict": "pass, SIMULATED", "rto_seconds": 31.04}
        | {"rpo_seconds": 0.0, "acknowledged": 432, "lost": 0, "changed": 0},
        {"night": "noop", "verdict": "unverified", "rto_seconds": None, "rpo_seconds": None},
    ]
    assert table(nights) == (
        "night                     verdict          RTO s  RPO s  acknowledged  lost  changed",
        "sqlite_corruption-header  pass, SIMULATED   31.0    0.0           432     0        0",
        "noop                      unverified           -      -             -     -        -",
    )


def test_what_was_simulated_stands_below() -> None:
    """Each thing once, with how many nights it was in; where nothing was, nothing is said."""
    nights = [{"simulated": "MongoDB (a stand-in)"}, {"simulated": ""}, {"simulated": "MongoDB (a stand-in)"}]
    assert simulated(nights) == ("SIMULATED in 2 of 3 nights: MongoDB (a stand-in)",)
    assert simulated(nights[1:2]) == ()
