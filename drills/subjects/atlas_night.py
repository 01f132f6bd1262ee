"""A night on MongoDB as if Atlas ran it: its API a stand-in, its restores really carried out on the stack."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from drills.rig import rehearsal
from drills.rig.backups import Bench
from drills.rig.keys import write_private
from drills.rig.mongo import administrator
from drills.rig.stack import Stack
from drills.standins import atlas
from drills.standins.atlas.carry import by_capture
from drills.standins.atlas.world import World
from drills.subjects.mongodb_night import HOST, SPARE, captured

CLUSTER, EMPTY = "chat", "chat-dr"
SIMULATED = (atlas.SIMULATED,)
_OURS = ("supervisor", "unit", "sudo")


@contextlib.contextmanager
def captured_on_atlas(bench: Bench) -> Iterator[str]:
    """Have the inventory say that Atlas runs mongo1, and capture it as anywhere."""
    stack = bench.scene.stack
    world = World()
    world.add(CLUSTER, standard=_address(stack, HOST))
    world.add(EMPTY, standard=_address(stack, SPARE), region="AP_NORTHEAST_1")
    world.carry = by_capture(stack.private / "backup/mongodb", {EMPTY: _administrators(stack)})
    _users_of_the_project(stack)
    with atlas.running(world) as fake, _tokens_in(stack), contextlib.ExitStack() as undo:
        _inventory(stack, fake)
        said = undo.enter_context(captured(bench))
        yield f"{said}, and Atlas (SIMULATED) runs the server"
        bench.evidence.write_json("atlas.json", {"asked": fake.asked, "restores": _jobs(world)})


def _jobs(world: World) -> list[dict[str, Any]]:
    return [job for cluster in world.clusters.values() for job in cluster.jobs]


def _address(stack: Stack, host: str) -> str:
    """Return an address that leads there from here and from the stack's hosts alike, as one of Atlas does."""
    container = stack.hosts[host].container
    container.reload()
    networks = container.attrs["NetworkSettings"]["Networks"].values()
    return f"mongodb://{next(iter(networks))['IPAddress']}:27017/?directConnection=true&authSource=admin"


def _administrators(stack: Stack) -> str:
    password = (stack.private / "mongo_password").read_text().strip()
    return f"mongodb://root:{password}@127.0.0.1:{stack.hosts[SPARE].port(27017)}/?directConnection=true"


def _users_of_the_project(stack: Stack) -> None:
    """Have the application's user on the spare too: Atlas's users are those of all clusters of a project."""
    with administrator(stack, HOST) as here, administrator(stack, SPARE) as there:
        users = here.admin.command("usersInfo", {"user": "chat", "db": "admin"})["users"]
        known = there.admin.command("usersInfo", {"user": "chat", "db": "admin"})["users"]
        if users and not known:
            password = (stack.private / "mongo_app_password").read_text().strip()
            there.admin.command("createUser", "chat", pwd=password, roles=users[0]["roles"])


@contextlib.contextmanager
def _tokens_in(stack: Stack) -> Iterator[None]:
    """Keep the tokens of this Atlas with the stack, and not with whoever runs the drill."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(stack.private / "tokens")
    try:
        yield
    finally:
        if before is None:
            del os.environ["XDG_STATE_HOME"]
        else:
            os.environ["XDG_STATE_HOME"] = before


def _inventory(stack: Stack, fake: atlas.Atlas) -> None:
    """Write the inventory again with a provider in the place of a supervisor."""
    tree = rehearsal.load(stack.inventory)
    write_private(stack.private / "atlas_secret", fake.guard.client_secret.encode())
    hosts = rehearsal.hosts(tree)
    served = hosts[HOST]["serves"]["mongodb"]
    for key in _OURS:
        del served[key]
    standby = rehearsal.Tagged("!file", str(stack.private / "atlas_spare_app_uri"))
    served |= {
        "provider": "atlas",
        "api": fake.url,
        "project": fake.world.project,
        "cluster": CLUSTER,
        "spare": EMPTY,
        "region": "AP_NORTHEAST_1",
        "address": "standard",
        "every": 0.2,
        "client_id": fake.guard.client_id,
        "client_secret": rehearsal.Tagged("!file", str(stack.private / "atlas_secret")),
        "spare_uri": rehearsal.Tagged("!file", str(stack.private / "atlas_spare_uri")),
        "spare_app_uri": standby,
    }
    hosts["api1"]["standby_mongo_uri"] = standby
    stack.inventory.write_text(rehearsal.text_of(tree))
