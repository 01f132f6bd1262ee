"""What is kept and what goes, by history and policy alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.backup.lineage import behind_break, breaks, emptied
from agent.backup.model import Backup, Verified
from agent.backup.retention import Decision, Policy, Tiers, decide, tiers_of
from agent.errors import BadInventory
from agent.inventory.model import Service

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
PROVED = Verified("restored", "2026-11-21T03:01:00+00:00", "1 key")


def taken(hours: float, **more: object) -> Backup:
    """A verified backup, so many hours old."""
    when = NOW - timedelta(hours=hours)
    mark = when.strftime("%Y%m%d%H%M%S/1")
    one = Backup(
        f"r{hours:g}", "redis", "h", f"/b/{hours:g}", when.isoformat(), 1, "00", mark=mark, verified=PROVED
    )
    return replace(one, **more)  # type: ignore[arg-type]


def kept(
    backups: list[Backup], policy: Policy | Tiers, **more: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """What is kept, by id, with its reasons."""
    return {each.backup.id: each.reasons for each in decide(backups, policy, NOW, **more) if each.keep}


def test_tiers_keep_the_newest_of_their_periods() -> None:
    """Hours, days, weeks and months each keep the newest of theirs, and say which."""
    hourly = [taken(hours) for hours in range(100)]
    found = kept(hourly, Policy(last=2, hourly=3, daily=3, weekly=2))
    # 3 h ago was the last hour of the day before; 27 h ago that of the one before.
    assert list(found) == ["r0", "r1", "r2", "r4", "r28"]
    assert found["r0"] == (
        "the newest verified",
        "number 1 of the last 2",
        "the newest of hour 2026-11-22 03",
        "the newest of day 2026-11-22",
        "the newest of week 2026-W47",
    )
    assert found["r28"] == ("the newest of day 2026-11-20",)


def test_everything_of_some_days_is_kept() -> None:
    """`within` keeps whatever is not older."""
    assert list(kept([taken(hours) for hours in (1, 23, 25)], Policy(within=1))) == ["r1", "r23"]


def test_no_policy_removes_nothing() -> None:
    """Whoever says nothing loses nothing."""
    assert len(kept([taken(hours) for hours in range(9)], Policy())) == 9


def test_only_what_was_proved_takes_a_place() -> None:
    """A damaged or unproved backup fills no tier; newer than the newest proved it stays, older it goes."""
    backups = [
        taken(1, verified=None),
        taken(2, fault="its SHA-256 is another"),
        taken(3),
        taken(4, verified=None),
        taken(5, fault="its SHA-256 is another"),
        taken(6),
    ]
    found = kept(backups, Policy(last=1))
    assert list(found) == ["r1", "r2", "r3"]
    gone = {each.backup.id: each.reasons[0] for each in decide(backups, Policy(last=1), NOW) if not each.keep}
    assert "never verified" in gone["r4"]
    assert "SHA-256" in gone["r5"]
    assert gone["r6"] == "none of those the policy keeps (last 1)"


def test_without_a_proved_one_nothing_goes() -> None:
    """Where nothing is known to be good, nothing is known to be superfluous."""
    assert len(kept([taken(hours, verified=None) for hours in range(5)], Policy(last=1))) == 5


def test_each_host_and_kind_keeps_its_own_newest() -> None:
    """A snapshot does not stand in for a log, nor one host's backup for another's."""
    backups = [taken(1), taken(2, kind="aof"), taken(3, host="other"), taken(4)]
    assert list(kept(backups, Policy(last=1))) == ["r1", "r2", "r3"]


def test_what_a_kept_one_needs_is_kept() -> None:
    """An increment keeps its parent, and that one's."""
    full = taken(9)
    one = taken(8, kind="incr", parent=full.id)
    two = taken(7, kind="incr", parent=one.id)
    newer = taken(6)
    found = kept([full, one, two, newer], Policy(last=1))
    assert found["r9"] == ("r8 is of no use without it",)
    assert found["r8"] == ("r7 is of no use without it",)


def test_what_a_store_lacks_is_kept() -> None:
    """Nothing goes here that is not there yet."""
    backups = [taken(1, shipped={"/far": "x"}), taken(2), taken(3, shipped={"/far": "x"})]
    found = kept(backups, Policy(last=1), stores=("/far",))
    assert found["r2"] == ("not yet held by /far",)
    assert "r3" not in found


def test_times_that_cannot_be_are_left_to_people() -> None:
    """A time from the future or none at all is kept, whatever the policy."""
    odd = [taken(-2), taken(1), replace(taken(2), taken_at="yesterday")]
    assert list(kept(odd, Policy(last=1))) == ["r2", "r-2", "r1"]


def test_from_before_a_loss_is_kept_until_it_is_accepted() -> None:
    """A schedule that copied an emptied database does not push out the last copy of what there was."""
    backups = [taken(hours) for hours in (5, 6)]
    after = [taken(4, breaks="it does not go on from r5"), taken(3), taken(2), taken(1)]
    found = kept([*backups, *after], Policy(last=2))
    assert found["r5"] == ("the newest verified from before a loss that nobody has accepted",)
    assert list(found) == ["r1", "r2", "r4", "r5"]
    accepted = [replace(each, breaks="") for each in after]
    assert "r5" not in kept([*backups, *accepted], Policy(last=2))


def test_a_break_is_told_by_the_mark() -> None:
    """What the database still held of the backup before tells whether this one goes on from it."""
    before = taken(1)
    assert breaks([], "") == ""
    assert breaks([before], f"{before.mark}+") == ""
    assert breaks([before], before.mark) == ""
    assert breaks([before], None) == ""
    assert "held no mark at all" in breaks([before], "")
    assert f"held {taken(2).mark}" in breaks([taken(2), before], taken(2).mark)
    assert breaks([replace(before, mark="")], "") == ""
    chain = [taken(3), taken(2, breaks="lost"), taken(1)]
    assert list(behind_break(chain)) == ["r2", "r1"]
    assert behind_break(chain[:1]) == {}


@pytest.mark.parametrize("said", [3, {"yearly": 1}, {"last": "3"}, {"last": -1}, {"daily": True}])
def test_a_policy_that_makes_no_sense_is_refused(said: object) -> None:
    """The sentence has its place in the inventory."""
    service = Service("redis", "r1", "systemd", "u", {"keep": said})
    with pytest.raises(BadInventory, match="keep of redis on r1"):
        tiers_of(service)


def test_a_policy_is_read() -> None:
    """As the inventory has it."""
    service = Service("redis", "r1", "systemd", "u", {"keep": {"last": 2, "daily": 7}})
    assert tiers_of(service) == Tiers(rest=Policy(last=2, daily=7))


HISTORIES = st.lists(
    st.builds(
        lambda hours, good, kind, broken: taken(
            hours,
            id=f"{kind}{hours}",
            kind=kind,
            verified=PROVED if good else None,
            breaks="lost" if broken else "",
        ),
        st.integers(0, 3000),
        st.booleans(),
        st.sampled_from(["full", "aof"]),
        st.booleans(),
    ),
    max_size=40,
    unique_by=lambda each: each.id,
)
POLICIES = st.builds(Policy, *(st.integers(0, 5) for _ in range(6)))


@given(HISTORIES, POLICIES)
def test_whatever_the_history_the_newest_proved_stays(backups: list[Backup], policy: Policy) -> None:
    """Each has one fate and a reason; the newest proved of each kind stays; again, nothing changes."""
    decided = decide(backups, policy, NOW)
    assert sorted(each.backup.id for each in decided) == sorted(each.id for each in backups)
    assert all(each.reasons for each in decided)
    for kind in ("full", "aof"):
        good = [each for each in backups if each.kind == kind and each.verified]
        if good:
            newest = max(good, key=lambda each: each.taken_at)
            assert newest.id in _ids(decided)
    again = decide([each.backup for each in decided if each.keep], policy, NOW)
    assert _ids(again) == _ids(decided)


def _ids(decided: tuple[Decision, ...]) -> set[str]:
    return {each.backup.id for each in decided if each.keep}


def test_what_is_encrypted_for_others_counts_by_its_checksum() -> None:
    """What only its checksum was made of stays as long as the policy says, wherever it is pruned from."""
    by_sum = replace(PROVED, depth="checksum")
    known = [taken(1), *(taken(hours, verified=by_sum) for hours in (5, 30, 60))]
    policy = Tiers(rest=Policy(within=2))
    assert list(kept(known, replace(policy, proof="checksum"))) == ["r1", "r5", "r30"]
    assert list(kept(known, policy)) == ["r1", "r5", "r30"]
    (why,) = {each.reasons for each in decide(known, policy, NOW) if each.backup.id == "r30"}
    assert why == ("not older than 2 days, though not proved yet",)
    settings = {"keep": {"last": 1}, "encrypt_to": ["age1"]}
    assert tiers_of(Service("refserver", "h", "docker", "u", settings)).proof == "checksum"
    assert (
        tiers_of(Service("refserver", "h", "docker", "u", {**settings, "identity": "x"})).proof == "restored"
    )


@pytest.mark.parametrize(
    ("then", "now", "lost"),
    [(300, 20, True), (300, 40, False), (9, 0, False), (0, 0, False), (300, 300, False)],
)
def test_hardly_anything_left_is_a_loss(then: int, now: int, lost: bool) -> None:
    """Nine rows in ten gone between two sets; a handful, or a purge of less, is no loss."""
    before, after = taken(2, contents={"rows": then}), taken(1, contents={"rows": now})
    assert bool(emptied([before], after)) is lost
    assert not emptied([replace(before, host="other")], after)


def test_what_was_adopted_does_not_go_before_its_time() -> None:
    """The history was lost: old sets lie unproved beside a new one, and stay for as long as they would."""
    adopted = [taken(24 * days, verified=None) for days in range(1, 12)]
    found = kept([taken(0), *adopted], Policy(within=7))
    assert list(found) == ["r0", *(f"r{24 * days}" for days in range(1, 8))]
