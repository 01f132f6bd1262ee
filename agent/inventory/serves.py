"""What a host serves: `serves: {redis: {supervisor: systemd, unit: redis-server, ...}}`, read and checked.

What lives behind somebody's API has a `provider` in the place of both: `mongodb: {provider: atlas}`.
"""

from __future__ import annotations

from typing import Any

from agent import naming
from agent.errors import BadInventory
from agent.inventory.draft import Layer, Value, type_name
from agent.inventory.model import Service, Where
from agent.inventory.references import names_secret
from agent.inventory.settings import meant

_OURS = ("supervisor", "unit", "provider")


def services(host: str, layers: list[Layer]) -> dict[str, Service]:
    """Return what a host serves out of its layers of variables, the weakest first.

    Unlike any other variable `serves` is merged over the layers, setting by setting: a host that is in the
    groups redis and mongodb serves both, and may change a single setting of its group.

    Raises:
        BadInventory: an unknown system or supervisor, a missing unit, or something of the wrong type.
    """
    found: dict[str, dict[str, Any]] = {}
    places: dict[str, dict[str, Where]] = {}
    for value in (each["serves"] for each in layers if "serves" in each):
        for system, settings in _mapping(host, value).items():
            found.setdefault(system, {}).update(settings)
            spots = places.setdefault(system, {})
            spots[""] = value.at(system)
            spots.update({key: value.at(system, key) for key in settings})
    made = {system: _service(host, system, settings, places[system]) for system, settings in found.items()}
    for system, settings in found.items():
        _refuse_unread(host, system, settings, places[system])
    return made


def _refuse_unread(host: str, system: str, settings: dict[str, Any], places: dict[str, Where]) -> None:
    """Refuse what is misspelt, or would be taken for the text it is: a default or a wrong path is worse."""
    for key, value in settings.items():
        ours = "" if key in _OURS else meant(key, provided="provider" in settings)
        if ours:
            raise BadInventory(
                f"{places[key]}: {system} of {host} has the setting {key}, which nobody reads. "
                f"Did you mean {ours}?",
                do="A setting of your own needs a name that is less like it.",
            )
        # Where a secret of that name is missing, whoever needs it says so.
        if isinstance(value, str) and "{{" in value and not names_secret(key):
            raise BadInventory(
                f"{places[key]}: {key} of {system} on {host} is a template, and templates are not read here.",
                do="Write out what it stands for.",
            )


def _mapping(host: str, value: Value) -> dict[str, dict[str, Any]]:
    if value.data is None:
        return {}
    if not isinstance(value.data, dict):
        raise BadInventory(
            f"{value.at()}: serves of {host} should be a mapping (system: settings), "
            f"found {type_name(value.data)}."
        )
    result = {}
    for system, settings in value.data.items():
        at = value.at(system)
        if system not in naming.systems():
            known = ", ".join(naming.systems()) or "none"
            hint = naming.did_you_mean(system, naming.systems())
            raise BadInventory(f"{at}: {host} serves the unknown system {system}; known are {known}.{hint}")
        if settings is not None and not isinstance(settings, dict):
            raise BadInventory(
                f"{at}: {system} of {host} should be a mapping of settings, found {type_name(settings)}."
            )
        result[system] = settings or {}
    return result


def _service(host: str, system: str, settings: dict[str, Any], places: dict[str, Where]) -> Service:
    if settings.get("provider") is not None:
        return _provided(host, system, settings, places)
    known = ", ".join(naming.supervisors())
    for key in ("supervisor", "unit"):
        value = settings.get(key)
        at = places.get(key, places[""])
        if value is None:
            near = next((each for each in settings if naming.did_you_mean(each, [key])), "")
            hint = f" Did you mean {key} by {near}?" if near else ""
            what = f"the supervisor ({known})" if key == "supervisor" else "the unit it is to its supervisor"
            raise BadInventory(
                f"{at}: {host} serves {system} without `{key}`, {what}.{hint}",
                do=f"Add {key} below serves: {system}.",
            )
        if not isinstance(value, str) or not value.strip():
            raise BadInventory(f"{at}: {key} of {system} on {host} should be text, found {type_name(value)}.")
    if settings["supervisor"] not in naming.supervisors():
        hint = naming.did_you_mean(settings["supervisor"], naming.supervisors())
        raise BadInventory(
            f"{places['supervisor']}: {system} on {host} has the unknown supervisor "
            f"{settings['supervisor']}; known are {known}.{hint}"
        )
    own = {key: value for key, value in settings.items() if key not in _OURS}
    return Service(system, host, settings["supervisor"], settings["unit"], own, places[""])


def _provided(host: str, system: str, settings: dict[str, Any], places: dict[str, Where]) -> Service:
    """Return a service that somebody else runs, who is known by name; it needs no supervisor and no unit."""
    provider, at = settings["provider"], places["provider"]
    if provider not in naming.providers():
        known = ", ".join(naming.providers())
        hint = naming.did_you_mean(str(provider), naming.providers())
        raise BadInventory(
            f"{at}: {system} on {host} has the unknown provider {provider}; known are {known}.{hint}"
        )
    if settings.get("supervisor") is not None:
        raise BadInventory(
            f"{places['supervisor']}: {system} on {host} has a supervisor, and the provider {provider} too.",
            do="Whoever runs it is one of them.",
        )
    own = {key: value for key, value in settings.items() if key not in _OURS}
    unit = str(settings.get("unit") or settings.get("cluster") or system)
    return Service(system, host, "", unit, own, places[""], provider)
