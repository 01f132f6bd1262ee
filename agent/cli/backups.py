"""`drillyard backup ...`: taken, listed, verified, pruned, shipped, fetched, put back, scheduled."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agent.cli.world import inventory_of, limited, roads_of
from agent.errors import ContactLost, DrillyardError, NotFound, Usage
from agent.secrets import mask

if TYPE_CHECKING:
    from agent.inventory import Host, Service
    from agent.runbook.reach import Reach
    from agent.transport.ask import Action

VERBS = (
    *("take", "list", "verify", "check", "policy", "prune"),
    *("ship", "fetch", "restore", "accept", "adopt", "schedule"),
)
_NAMED = ("verify", "ship", "restore")
_ALONE = ("take", "prune", "accept", "adopt")
# These do not mean a spare that waits, unless --limit (restore: --to) names it.
_HOME = ("take", "verify", "check", "policy", "prune", "ship", "schedule", "restore")


def backup(command: Namespace) -> int:
    """Do it on every host meant that serves the system.

    One that fails keeps none of the others from it; the end names those that did, with the
    first one's code.
    """
    from agent.runbook.reach import Reach

    if command.backup and command.what not in _NAMED:
        raise Usage(f"`backup {command.what}` is told no id, found {command.backup!r}.")
    command.id = _id(command)
    hosts = _meant(command)
    if command.what == "restore":
        from agent.cli.restores import restore

        return restore(command, hosts)
    if command.what == "schedule":
        from agent.cli import schedules

        return schedules.schedule(command, hosts)
    if command.what == "policy":
        return _policies(command, hosts)
    worst = 0
    failed: dict[str, DrillyardError] = {}
    with roads_of(command) as roads, Reach(hosts, roads=roads) as reach:
        for host in hosts:
            try:
                worst = max(worst, _on(command, host, reach))
            except DrillyardError as error:
                if len(hosts) == 1:
                    raise
                failed[host.name] = error
                sys.stderr.write(mask(f"drillyard: {error}\n"))
    if failed:
        raise _all_of(failed, f"backup {command.what} {command.system}", len(hosts))
    return worst


def _all_of(failed: Mapping[str, DrillyardError], what: str, of: int) -> DrillyardError:
    """Return one error for several hosts: unknown where one of them is, else of the kind of the first."""
    kinds = [type(error) for error in failed.values()]
    kind = ContactLost if ContactLost in kinds else kinds[0]
    return kind(
        f"{what} did not come to a good end on {len(failed)} of {of} hosts: {', '.join(failed)}.",
        do="Above stands why on each; on the others it is done.",
    )


def _on(command: Namespace, host: Host, reach: Reach) -> int:
    """Do it on one host; return how grave what was found is."""
    from agent.backup.alone import leave_alone
    from agent.cli.aloud import Aloud
    from agent.transport.perform import perform

    road, service = reach.to(host), host.service(command.system)
    if command.what in _ALONE:
        perform(leave_alone(host, command.system), road)
    found = perform(_action(command, service), road, Aloud())
    for line in _lines(found, service, as_json=command.json):
        sys.stdout.write(line + "\n")
    # For cron: `drillyard backup check ... || mail`.
    return int(getattr(found, "level", 0))


def _id(command: Namespace) -> str:
    if command.backup and command.id not in ("", command.backup):
        raise Usage(f"Expected one backup, found --id {command.id} and {command.backup}.")
    return str(command.id or command.backup)


def _meant(command: Namespace) -> Sequence[Host]:
    """Return the hosts meant that serve the system."""
    from agent.backup.home import at_home
    from agent.cli.restores import face_of

    inventory = inventory_of(command)
    system = face_of(command.system).serves if command.what == "restore" else command.system
    hosts = [host for host in limited(command, inventory) if system in host.services]
    if not hosts:
        served = sorted({system for host in inventory for system in host.services})
        raise NotFound(
            f"No host that is meant serves {system}; the inventory has: {', '.join(served) or 'nothing'}."
        )
    named = command.limit or (command.what == "restore" and command.to)
    return at_home(hosts) if command.what in _HOME and not named else hosts


def _policies(command: Namespace, hosts: Sequence[Host]) -> int:
    """Print what each host's policy promises, in plain words."""
    from agent.backup.promise import plan, said
    from agent.backup.retention import tiers_of
    from agent.language import choose_language, say

    if command.lifecycle:
        return _lifecycles(command, hosts)
    for host in hosts:
        tiers = tiers_of(host.service(command.system))
        for line in (*plan(tiers), *said(tiers)):
            sys.stdout.write(f"{host.name:<12} {say(line, choose_language(command.lang, os.environ))}\n")
    return 0


def _lifecycles(command: Namespace, hosts: Sequence[Host]) -> int:
    """Print the lifecycle rules of each bucket, as `aws s3api` takes them."""
    from agent.backup.bucket import Bucket
    from agent.backup.lifecycle import rules
    from agent.backup.store import stores_of

    services = [host.service(command.system) for host in hosts]
    found = {
        (store.bucket, store.root): rules(service, store)
        for service in services
        for store in stores_of(service)
        if isinstance(store, Bucket)
    }
    if not found:
        raise NotFound(f"No bucket is named under ship_to of {command.system}.")
    for said in found.values():
        sys.stdout.write(json.dumps(said, indent=2) + "\n")
    return 0


def _action(command: Namespace, service: Service) -> Action[Any]:
    from agent.backup import actions
    from agent.backup.all_of_them import verify_all
    from agent.backup.far import prune_far

    match command.what:
        case "take":
            return actions.take(service, kind=command.kind)
        case "verify":
            if command.all:
                return verify_all(service, command.depth)
            return actions.verify(service, command.id, command.depth)
        case "check":
            return actions.watch(service)
        case "adopt":
            return actions.adopt(service)
        case "prune":
            if command.far:
                return prune_far(service, command.to, dry=command.dry_run)
            return actions.prune(service, dry=command.dry_run)
        case "ship":
            return actions.ship(service, command.id, command.to, command.again)
        case "fetch":
            return actions.fetch(service, origin=command.origin, store=command.store)
        case "accept":
            return actions.accept(service)
    return actions.on(service, command.date)


def _lines(found: Any, service: Service, *, as_json: bool) -> Iterable[str]:
    from agent.backup.alarm import Verdict
    from agent.backup.model import Backup
    from agent.backup.prune import Pruned

    if as_json:
        import msgspec

        each_of = found if isinstance(found, tuple) else (found,)
        return [json.dumps(msgspec.to_builtins(each), ensure_ascii=False) for each in each_of]
    match found:
        case Backup():
            return [_backup(found)]
        case Verdict():
            return [f"{service.host:<12} {('ok', 'WARNING', 'CRITICAL')[found.level]}: {found.reason}"]
        case Pruned():
            return _pruned(found, service)
        case int():
            return [f"{service.host:<12} {found} taken after a loss; they count as in order now"]
    return _listed(found, service)


def _listed(found: Sequence[Any], service: Service) -> list[str]:
    from agent.backup.far import FarPruned
    from agent.backup.ship import Shipped

    if found and all(isinstance(each, FarPruned) for each in found):
        return [f"{each.store}: {line}" for each in found for line in _pruned(each.pruned, service)]
    if all(isinstance(each, Shipped) for each in found):
        said = [
            f"{each.backup:<34} {each.bytes:>12} B  {'sent to' if each.sent else 'held by'} {each.store}"
            for each in found
        ]
        return said or ["nothing to send: the stores hold every verified backup"]
    return [_backup(each) for each in found]


def _backup(backup: Any) -> str:
    proof = f"verified: {backup.verified.depth}" if backup.verified else backup.fault or "not verified"
    held = ", ".join(f"{name} {count}" for name, count in backup.contents.items())
    far = f"  also in {', '.join(backup.shipped)}" if backup.shipped else ""
    broken = f"\n    {backup.breaks}" if backup.breaks else ""
    said = f"{backup.host:<12} {backup.id:<34} {backup.taken_at}  {backup.total:>12} B  {held}  {proof}"
    return said + far + broken


def _pruned(pruned: Any, service: Service) -> list[str]:
    verb = "would remove" if pruned.dry else "removed"
    lines = [
        f"{service.host:<12} keep          {each.backup.id:<34} {each.reasons[0]}" for each in pruned.kept
    ]
    lines += [
        f"{service.host:<12} {verb:<13} {each.backup.id:<34} {each.reasons[0]}" for each in pruned.removed
    ]
    return [*lines, f"{service.host:<12} {verb} {len(pruned.removed)}, {pruned.bytes >> 20} MiB"]
