"""`drillyard capture` and `drillyard mongodb`: MongoDB's capture as a service, and what it has."""

from __future__ import annotations

import json
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from agent.cli.world import guard, inventory_of, language_of, limited, roads_of
from agent.errors import NotFound, Usage
from agent.secrets import mask

if TYPE_CHECKING:
    from agent.inventory import Host
    from agent.pitr.settings import Settings
    from agent.systems.mongodb import Mongodb
    from agent.transport.ask import Action

T = TypeVar("T")

UNIT = Path(__file__).parents[1] / "pitr" / "drillyard-capture@.service"


def capture(command: Namespace) -> int:
    """Capture one server in the foreground until SIGTERM or Ctrl-C; then seal, and end with 0."""
    if command.unit:
        sys.stdout.write(UNIT.read_text())
        return 0
    from agent.pitr.capture import Capture

    host, mongodb = _the_one(command)
    work = Capture(_settings(host, mongodb), _say)

    def end(_signal: int, _frame: Any) -> None:
        work.stop.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, end)
    work.run()
    _say("ended; everything captured is sealed")
    return 0


def _the_one(command: Namespace) -> tuple[Host, Mongodb]:
    from agent.systems.mongodb import Mongodb

    hosts = _serving(command)
    if len(hosts) != 1:
        raise Usage(
            f"Expected one server to capture, found {len(hosts)}: {', '.join(host.name for host in hosts)}.",
            do=f"Name it: --limit {hosts[0].name}. Each is captured by a process of its own.",
        )
    return hosts[0], Mongodb.of(hosts[0].service("mongodb"))


def _serving(command: Namespace) -> list[Host]:
    hosts = [host for host in limited(command, inventory_of(command)) if "mongodb" in host.services]
    if not hosts:
        raise NotFound("No host that is meant serves mongodb.")
    return hosts


def _settings(host: Host, mongodb: Mongodb) -> Settings:
    from agent.pitr.settings import Settings

    return Settings(
        uri=mongodb.at("self").reveal(),
        store=mongodb.store,
        host=host.name,
        ship_to=mongodb.ship_to,
        seal_every=mongodb.seal_every,
        base_every=mongodb.base_every,
        keep_days=mongodb.keep_days,
        workers=mongodb.workers,
    )


def _say(line: str) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sys.stdout.write(mask(f"{stamp} {line}\n"))
    sys.stdout.flush()


def mongodb(command: Namespace) -> int:
    """Ask about each server that is meant; the worst exit code of them.

    Raises:
        Usage: a folder is needed, or one is named that nothing is done with.
    """
    needed = command.what in _WITH_FOLDER
    if bool(command.folder) != needed:
        raise Usage(
            f"mongodb {command.what} {'needs a folder' if needed else 'takes no folder'}.",
            do="Write for example: drillyard mongodb dump /backup/by-hand -i prod --limit mongo1.",
        )
    ask: Callable[[Namespace, Host], int] = _ASKED[command.what]
    hosts = _serving(command)
    if command.folder and len(hosts) != 1:
        raise Usage(f"Expected one server for one folder, found {len(hosts)}.", do=f"--limit {hosts[0].name}")
    return max(ask(command, host) for host in hosts)


def _did(command: Namespace, host: Host, action: Action[T]) -> T:
    from agent.runbook.reach import Reach
    from agent.transport.perform import perform

    with roads_of(command) as roads, Reach([host], roads=roads) as reach:
        return perform(action, reach.to(host))


def _print(command: Namespace, host: Host, found: Any, lines: Iterable[str]) -> None:
    """Print answers by their names as JSON, or lines below the host's name."""
    if command.json:
        import msgspec

        row = {"host": host.name, **msgspec.to_builtins(found)}
        sys.stdout.write(mask(json.dumps(row, ensure_ascii=False)) + "\n")
        return
    sys.stdout.write(mask("\n".join([f"{host.name}:", *(f"  {line}" for line in lines)])) + "\n")


def _indexes(command: Namespace, host: Host) -> int:
    """Print every index there is, for the file that `indexes` in the inventory names."""
    from agent.systems.mongodb import declare_indexes

    sys.stdout.write(_did(command, host, declare_indexes(_of(host))).text)
    return 0


def _status(command: Namespace, host: Host) -> int:
    """Say how the server and its capture are; 1 where one of them is not well."""
    from agent.cli.captured import capture_lines, server_lines
    from agent.systems.mongodb import capture_status, status

    server = _did(command, host, status(_of(host)))
    capture = _did(command, host, capture_status(_of(host)))
    language = language_of(command)
    lines = [*server_lines(server, language), *capture_lines(capture, language)]
    _print(command, host, {"server": server, "capture": capture}, lines)
    return int(bool(server.symptoms) or not capture.running or bool(capture.error))


def _points(command: Namespace, host: Host) -> int:
    """Say which moments can be restored; 1 where there is none."""
    from agent.cli.captured import point_lines
    from agent.systems.mongodb import restore_points

    found = _did(command, host, restore_points(_of(host)))
    _print(command, host, {"points": found}, point_lines(found, language_of(command)))
    return int(not found.stretches)


def _base(command: Namespace, host: Host) -> int:
    """Take a base beside the running capture."""
    from agent.cli.captured import based_line
    from agent.systems.mongodb import take_base

    done = _did(command, host, take_base(_of(host)))
    _print(command, host, {"base": done}, [based_line(done, language_of(command))])
    return 0


def _find_damage(command: Namespace, host: Host) -> int:
    """Show what may be damage, and the last moment before it; 1 where nothing was found."""
    from agent.cli.captured import damage_lines
    from agent.systems.mongodb import find_damage, moment

    mongodb = _of(host)
    damage = _did(command, host, find_damage(mongodb, command.since, command.until, command.at_least))
    before = _did(command, host, moment(mongodb, damage)) if damage.found else None
    lines = damage_lines(damage, before, language_of(command))
    _print(command, host, {"damage": damage, "moment": before}, lines)
    return int(not damage.found)


def _dump(command: Namespace, host: Host) -> int:
    """Write the state at a moment as a mongodump folder."""
    from agent.cli.captured import exported_line
    from agent.systems.mongodb import export

    done = _did(command, host, export(_of(host), str(Path(command.folder).absolute()), command.at))
    _print(command, host, {"dump": done}, [exported_line(done, language_of(command))])
    return 0


def _load(command: Namespace, host: Host) -> int:
    """Load a mongodump folder into the spare."""
    from agent.cli.captured import loaded_lines
    from agent.systems.mongodb import load

    guard([host], command.confirm, language=language_of(command))
    folder, replaced = str(Path(command.folder).absolute()), tuple(command.replace)
    done = _did(command, host, load(_of(host), folder, "spare", replaced))
    _print(command, host, {"load": done}, loaded_lines(done, language_of(command)))
    return 0


def _of(host: Host) -> Mongodb:
    from agent.systems.mongodb import Mongodb

    return Mongodb.of(host.service("mongodb"))


_WITH_FOLDER = ("dump", "load")
_ASKED: dict[str, Callable[[Namespace, Host], int]] = {
    "status": _status,
    "points": _points,
    "base": _base,
    "find-damage": _find_damage,
    "dump": _dump,
    "load": _load,
    "indexes": _indexes,
}
ASKED = tuple(_ASKED)
