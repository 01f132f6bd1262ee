"""How old backups may become before somebody is told: by the policy, or as the inventory says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from agent.backup.retention import Tiers
from agent.errors import BadInventory
from agent.inventory.model import Service
from agent.naming import did_you_mean

# An interval, and time for it to be taken and verified.
_OLDEST = {"hourly": timedelta(hours=2), "daily": timedelta(hours=26), "weekly": timedelta(days=8)}
_ANY = timedelta(hours=26)
# To be sent, too.
_SLACK = timedelta(hours=1)
_OFF_SITE = "off_site"


@dataclass(frozen=True)
class Limits:
    """How old the newest verified backup of each kind may be ("" = any), and the newest copy off-site."""

    kinds: Mapping[str, timedelta] = field(default_factory=lambda: {"": _ANY})
    off_site: timedelta = _ANY


def limits_of(tiers: Tiers) -> Limits:
    """Return what follows from what a policy keeps: whoever keeps hourly ones takes and ships them hourly."""
    kinds = {kind: _OLDEST[kind] for kind in tiers.kinds if kind in _OLDEST}
    if not kinds and tiers.rest.hourly:
        kinds = {"hourly": _OLDEST["hourly"]}
    finest = min(kinds.values(), default=_ANY)
    return Limits(kinds or {"": _ANY}, finest + _SLACK if finest < _ANY else _ANY if not kinds else finest)


def said(service: Service, tiers: Tiers) -> Limits:
    """Return the limits with what the inventory says under `alarm`, in hours: {hourly: 3, off_site: 6}.

    Raises:
        BadInventory: it is no such mapping, or names what there is not.
    """
    usual = limits_of(tiers)
    told = service.settings.get("alarm", {})
    known = (*_OLDEST, "any", _OFF_SITE)
    if not isinstance(told, dict):
        raise _wrong(service, f"hours by {', '.join(known)}, found {told!r}")
    for name, hours in told.items():
        if name not in known:
            raise _wrong(
                service, f"hours by {', '.join(known)}, found {name}.{did_you_mean(str(name), known)}"
            )
        if isinstance(hours, bool) or not isinstance(hours, int) or hours < 1:
            raise _wrong(service, f"whole hours, found {hours!r} for {name}")
    ages = {"" if name == "any" else name: timedelta(hours=hours) for name, hours in told.items()}
    off_site = ages.pop(_OFF_SITE, usual.off_site)
    # Whoever names a kind has one; "any" speaks where no kind is told apart.
    kinds = {**usual.kinds, **ages}
    if len(kinds) > 1 and "any" not in told:
        kinds.pop("", None)
    return Limits(kinds, off_site)


def _wrong(service: Service, what: str) -> BadInventory:
    return BadInventory(f"{service.at}: alarm of {service.system} on {service.host} should be {what}")
