"""Which backups are kept and which are removed, each with its reasons; pure, `now` is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.backup.choose import fault_in, moment
from agent.backup.lineage import behind_break
from agent.backup.model import Backup, Depth
from agent.errors import BadInventory
from agent.inventory.model import Service

_PERIODS: dict[str, Callable[[datetime], str]] = {
    "hourly": lambda when: when.strftime("hour %Y-%m-%d %H"),
    "daily": lambda when: when.strftime("day %Y-%m-%d"),
    "weekly": lambda when: when.strftime("week %G-W%V"),
    "monthly": lambda when: when.strftime("month %Y-%m"),
}


@dataclass(frozen=True)
class Policy:
    """How many to keep: the `last` ones, and the newest of so many hours, days, weeks, months (UTC).

    `within` keeps everything so many days old. Only verified backups count: one that was not proved takes
    nobody's place. All zero keeps everything.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    within: int = 0

    @property
    def empty(self) -> bool:
        """Whether it says nothing."""
        return not any(getattr(self, each.name) for each in fields(self))


@dataclass(frozen=True)
class Tiers:
    """A policy for each kind of backup, and how many days back there must always be something to restore.

    With `history` the newest verified one that is older than so many days is kept too, whatever its kind: no
    moment of that time is then without a backup from before it. `proof` is how deep one must be verified
    to count: what is encrypted for others is verified here by its checksum.
    """

    kinds: Mapping[str, Policy] = field(default_factory=dict)
    history: int = 0
    rest: Policy = field(default_factory=Policy)
    proof: Depth = "restored"

    def of(self, kind: str) -> Policy:
        """Return the policy for backups of that kind."""
        return self.kinds.get(kind, self.rest)


@dataclass(frozen=True)
class Decision:
    """What becomes of one backup and why."""

    backup: Backup
    keep: bool
    reasons: tuple[str, ...]


def tiers_of(service: Service) -> Tiers:
    """Return what the inventory says under `keep`, one policy for all or one for each kind.

    {last: 12, hourly: 48, daily: 7, weekly: 5}, or {daily: {within: 7}, weekly: {within: 30}, history: 30}.

    Raises:
        BadInventory: it is neither.
    """
    said = service.settings.get("keep", {})
    if not isinstance(said, dict) or not any(isinstance(value, dict) for value in said.values()):
        history = said.get("history", 0) if isinstance(said, dict) else 0
        if isinstance(said, dict):
            said = {key: each for key, each in said.items() if key != "history"}
        return Tiers(history=_days(service, history), rest=_policy(service, said), proof=_proof(service))
    kinds = {kind: _policy(service, each) for kind, each in said.items() if kind != "history"}
    return Tiers(kinds, _days(service, said.get("history", 0)), proof=_proof(service))


def _proof(service: Service) -> Depth:
    shut = service.settings.get("encrypt_to") and not service.settings.get("identity")
    return "checksum" if shut else "restored"


def _days(service: Service, said: Any) -> int:
    if isinstance(said, bool) or not isinstance(said, int) or said < 0:
        raise BadInventory(
            f"{service.at}: history in keep of {service.system} on {service.host} should be a number of "
            f"days, found {said!r}."
        )
    return said


def _policy(service: Service, said: Any) -> Policy:
    known = [each.name for each in fields(Policy)]
    wrong = not isinstance(said, dict) or any(
        key not in known or isinstance(value, bool) or not isinstance(value, int) or value < 0
        for key, value in said.items()
    )
    if wrong:
        raise BadInventory(
            f"{service.at}: keep of {service.system} on {service.host} should be whole numbers by "
            f"{', '.join(known)}, found {said!r}."
        )
    return Policy(**said)


def decide(
    backups: Iterable[Backup], policy: Policy | Tiers, now: datetime, stores: Sequence[str] = ()
) -> tuple[Decision, ...]:
    """Return what becomes of each backup, the newest first.

    Never removed: the newest verified one of each host and kind, the newest verified one from before a loss
    that nobody has accepted and the one that shows that loss, what a kept one needs, what lies in the future,
    what is newer than anything verified, and what one of `stores` does not hold yet.
    """
    tiers = policy if isinstance(policy, Tiers) else Tiers(rest=policy)
    known = sorted(backups, key=lambda each: (each.taken_at, each.id), reverse=True)
    reasons: dict[str, list[str]] = {each.id: [] for each in known}
    for group in _groups(known):
        _keep(group, tiers.of(group[0].kind), now, reasons, tiers.proof)
    _keep_history(known, tiers, now, reasons)
    for each in known:
        missing = [store for store in stores if store not in each.shipped]
        if missing and not each.fault and each.verified:
            reasons[each.id].append(f"not yet held by {', '.join(missing)}")
    _keep_parents(known, reasons)
    return tuple(
        Decision(
            each,
            bool(reasons[each.id]),
            tuple(reasons[each.id]) or (_why_not(each, now, tiers.of(each.kind), tiers.proof),),
        )
        for each in known
    )


def _groups(known: Sequence[Backup]) -> list[list[Backup]]:
    groups: dict[tuple[str, str, str], list[Backup]] = {}
    for each in known:
        groups.setdefault((each.system, each.host, each.kind), []).append(each)
    return list(groups.values())


def _keep(
    group: Sequence[Backup], policy: Policy, now: datetime, reasons: dict[str, list[str]], proof: Depth
) -> None:
    """Note why backups of one host and kind are kept; `group` has the newest first."""
    if policy.empty:
        for each in group:
            reasons[each.id].append("the policy names nothing, so everything is kept")
    good = [(when, each) for each in group if (when := moment(each.taken_at)) and _usable(each, now, proof)]
    good.sort(key=lambda pair: pair[0], reverse=True)
    if good:
        reasons[good[0][1].id].append("the newest verified")
    lost = behind_break(group)
    before = [each for _, each in good if each.id not in lost]
    if lost and before:
        reasons[before[0].id].append("the newest verified from before a loss that nobody has accepted")
        # Without it nobody would know any more that there was a loss.
        reasons[next(iter(lost))].append("it shows a loss that nobody has accepted")
    proved = {each.id for _, each in good}
    for each in group:
        taken = moment(each.taken_at)
        if taken is None:
            reasons[each.id].append(f"its time {each.taken_at!r} cannot be read")
        elif each.id not in proved and (not good or taken > good[0][0]):
            reasons[each.id].append("newer than anything verified")
    # What nothing speaks against but that nobody has proved yet: an adopted one, or one that is encrypted
    # for others. It takes no place of a proved one, and it does not go sooner than those would.
    unproved = [
        (when, each)
        for each in group
        if (when := moment(each.taken_at)) and when <= now and not each.fault and each.id not in proved
    ]
    unproved.sort(key=lambda pair: pair[0], reverse=True)
    _by_policy(good, policy, now, reasons)
    _by_policy(unproved, policy, now, reasons, ", though not proved yet")


def _by_policy(
    ordered: Sequence[tuple[datetime, Backup]],
    policy: Policy,
    now: datetime,
    reasons: dict[str, list[str]],
    more: str = "",
) -> None:
    """Note what the policy keeps of backups of one host and kind, the newest first."""
    for place, (_, each) in enumerate(ordered[: policy.last], 1):
        reasons[each.id].append(f"number {place} of the last {policy.last}{more}")
    for when, each in ordered:
        if policy.within and now - when <= timedelta(days=policy.within):
            reasons[each.id].append(f"not older than {policy.within} days{more}")
    for name, period in _PERIODS.items():
        seen: list[str] = []
        for when, each in ordered:
            named = period(when.astimezone(UTC))
            if named not in seen and len(seen) < getattr(policy, name):
                seen.append(named)
                reasons[each.id].append(f"the newest of {named}{more}")


def _keep_history(
    known: Sequence[Backup], tiers: Tiers, now: datetime, reasons: dict[str, list[str]]
) -> None:
    """Note of each host the newest verified one that is older than the history that must be there."""
    days = tiers.history
    why = f"the newest from more than {days} days ago: every moment since is in reach"
    seen: set[tuple[str, str, bool]] = set()
    for each in known:
        taken = moment(each.taken_at)
        old = days and taken is not None and now - taken >= timedelta(days=days)
        proved = _usable(each, now, tiers.proof)
        if old and not each.fault and not {(each.system, each.host, one) for one in (True, proved)} & seen:
            seen.add((each.system, each.host, proved))
            reasons[each.id].append(why if proved else f"{why}, though not proved yet")


def _usable(backup: Backup, now: datetime, proof: Depth) -> bool:
    return not fault_in(backup, moment(backup.taken_at), now, proof)


def _keep_parents(known: Sequence[Backup], reasons: dict[str, list[str]]) -> None:
    by_id = {each.id: each for each in known}
    for each in known:
        child = each
        # A chain that leads back to itself ends where it was already kept.
        while reasons[child.id] and child.parent in by_id:
            needed = f"{child.id} is of no use without it"
            if needed in reasons[child.parent]:
                break
            reasons[child.parent].append(needed)
            child = by_id[child.parent]


def _why_not(backup: Backup, now: datetime, policy: Policy, proof: Depth) -> str:
    fault = fault_in(backup, moment(backup.taken_at), now, proof)
    if fault:
        return f"{fault}, and there is a newer one that was verified"
    kept = ", ".join(
        f"{each.name} {getattr(policy, each.name)}" for each in fields(policy) if getattr(policy, each.name)
    )
    return f"none of those the policy keeps ({kept})"
