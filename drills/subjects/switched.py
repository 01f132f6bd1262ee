"""Somebody has sent the application to a database that does not serve it, as an operator can."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import StepFailed
from drills.rig.altered import of_text
from drills.rig.fault import Harm, Scene, Wound
from drills.rig.mongo import administrator
from drills.rig.recovery import Agent
from drills.subjects.mongodb_night import SPARE

AWAY = """\
title: Send the application to the spare, into which nobody has restored
system: app
on: api
steps:
  - name: Give it the spare's connection string and restart it
    do: service.set_env
    with: {values: {MONGO_URI: "{{ vars.standby_mongo_uri }}"}, within: 170}
prove:
  - {name: It runs, do: service.status, retry: {times: 10, every: 1s, until: result.state == 'running'}}
"""


@dataclass(frozen=True)
class SwitchedAway(Harm):
    """The agent itself is told to, by a page of one step: the old address is kept as in any switch of its."""

    def strike(self, scene: Scene) -> Wound:
        """Switch."""
        # Beside the inventory: that is the folder of the night's evidence.
        folder = scene.stack.inventory.parents[1] / "switched"
        pages = of_text("switch_away", AWAY, folder / "pages")
        away = Agent(scene.stack.inventory, folder, (pages,)).recover("switch_away", within=200)
        if away.ended != "done" or away.changing is None:
            raise StepFailed(f"Expected the application to be sent away, found {away.ended}: {away.said}")
        # Users are cut off by its restart: that is seconds before the run has ended.
        at = (away.changing, away.changing)
        return Wound("the application was sent to the spare, which is empty", {"run": away.folder}, at)

    def seen(self, scene: Scene, wound: Wound) -> str:
        """The spare has nothing of the application's."""
        del wound
        with administrator(scene.stack, SPARE) as client:
            found = client.list_database_names()
        if "chatdb" in found:
            raise StepFailed(f"{SPARE}: expected an empty server, found {', '.join(found)}.")
        return ""
