"""How everything with one of our labels is removed from an engine: containers, networks, volumes, disks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.errors import StepFailed
from drills.rig.engine import Engine


def remove(engine: Engine, label: str, said: Callable[[str], None] = lambda _: None) -> None:
    """Remove the containers, networks and volumes that carry `label` (`key` or `key=value`).

    `said` hears one line a thing removed. What is gone already is fine; everything is tried before
    anything is complained about.

    Raises:
        StepFailed: something could not be removed; the sentence says what and why.
    """
    wanted: dict[str, str | list[str] | bool] = {"label": label}
    kinds: tuple[tuple[str, Callable[[], list[Any]], dict[str, Any]], ...] = (
        (
            "container",
            lambda: engine.client.containers.list(all=True, filters=wanted, ignore_removed=True),
            {"force": True, "v": True},
        ),
        ("network", lambda: engine.client.networks.list(filters=wanted), {}),
        ("volume", lambda: engine.client.volumes.list(filters=wanted), {"force": True}),
    )
    complaints = []
    for kind, listed, options in kinds:
        for thing in listed():
            if complaint := _remove(thing, options):
                complaints.append(f"{kind} {thing.name}: {complaint}")
            else:
                said(f"{kind} {thing.name}")
    if complaints:
        raise StepFailed(f"Could not remove {'; '.join(complaints)}.", do="Run `make clean`.")


def _remove(thing: Any, options: dict[str, Any]) -> str:
    from docker.errors import APIError, NotFound

    try:
        thing.remove(**options)
    except NotFound:
        return ""
    except APIError as error:
        # 409: another removal of the same thing is under way.
        return "" if "is already in progress" in str(error) else str(error.explanation)
    return ""
