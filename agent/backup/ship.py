"""Copies of backups sent to the stores, each counted only when its checksum was made at the far end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from agent.backup import catalog
from agent.backup.choose import moment
from agent.backup.model import Backup, Part
from agent.backup.sets import line_of
from agent.backup.store import Store, stores_of
from agent.backup.verify import fault_of
from agent.errors import BackupDamaged, DrillyardError, NotFound
from agent.inventory.model import Service
from agent.naming import did_you_mean
from agent.transport.ask import Action, Clock, Done, Note


@dataclass(frozen=True)
class Shipped:
    """One copy that a store holds: sent now, or found there already with the right checksum."""

    backup: str
    store: str
    bytes: int
    sent: bool


def ship(service: Service, name: str = "", to: str = "", again: bool = False) -> Action[tuple[Shipped, ...]]:
    """Have the stores (or the one called `to`) hold every verified backup (or the one called `name`).

    The newest goes first, and before it what it goes on from: without that it is of no use there.

    What a store is known to hold is not looked at, unless `again` or named: then it is checked there once
    more, and sent again where it is missing or damaged. Where it was verified since, the store is told that,
    and nothing else. One store that fails does not keep a copy from the others.

    Raises:
        NotFound: the service has no store, or none called so.
        BackupDamaged: what lies here is not what was taken, or what arrived is not what was sent.
        StepFailed: the far end did not take it; what was sent before stays there.
    """
    stores = stores_wanted(service, to)
    known = yield from catalog.read(service)
    meant = (catalog.find(service, known, name),) if name else known
    ordered = {part.id: part for each in meant for part in reversed(line_of(known, each))}
    done: list[Shipped] = []
    failed: list[DrillyardError] = []
    for store in stores:
        wanted = [
            each
            for each in ordered.values()
            if each.verified and not each.fault and (each.id == name or again or _due(each, store))
        ]
        try:
            done += yield from _to(service, store, wanted, name, again)
        except DrillyardError as error:
            if store is not stores[-1]:
                yield Note(f"{store.name} is passed over for now: {error.sentence}")
            failed.append(error)
    if failed:
        raise failed[0]
    return tuple(done)


def _due(backup: Backup, store: Store) -> bool:
    """Return whether a store lacks a backup, or does not know yet that it was verified since."""
    sent, verified = moment(backup.shipped.get(store.name, "")), backup.verified
    proved = moment(verified.at) if verified else None
    return sent is None or (proved is not None and proved > sent)


def _to(
    service: Service, store: Store, wanted: Sequence[Backup], name: str, again: bool
) -> Action[list[Shipped]]:
    if wanted:
        made: Done = yield store.make(folder_there(store, service.system, service.host))
        if made.text:
            yield Note(f"{store.name}: {made.text}.")
    done: list[Shipped] = []
    for backup in wanted:
        looks = again or backup.id == name or store.name not in backup.shipped
        sent = (yield from _parts(service, backup, store)) if looks else False
        yield from _enter(service, backup, store)
        done.append(Shipped(backup.id, store.name, backup.total, sent))
    return done


def stores_wanted(service: Service, to: str) -> tuple[Store, ...]:
    """Return the service's stores, or the one of that name.

    Raises:
        NotFound: there is none; the sentence lists what there is.
    """
    stores = stores_of(service)
    found = tuple(store for store in stores if to in ("", store.name))
    if found:
        return found
    names = [store.name for store in stores]
    raise NotFound(
        f"{service.at}: {service.system} on {service.host} has no store {to}.{did_you_mean(to, names)} "
        f"It has: {', '.join(names) or 'none'}.",
        do="Name one in the inventory: ship_to: [/mnt/share, backup@dr1:/srv/backups, s3://bucket].",
    )


def folder_there(store: Store, system: str, host: str) -> str:
    """Return the folder of a store in which the backups of one host's system lie."""
    return f"{store.root}/{system}/{host}"


def name_there(backup: Backup, part: Part) -> str:
    """Return the name of one of a backup's files below a store's folder: a set keeps its own folders."""
    if not backup.parts:
        return part.path.rpartition("/")[2]
    return "/".join(part.path.split("/")[-2 if part.path == backup.path else -3 :])


def _parts(service: Service, backup: Backup, store: Store) -> Action[bool]:
    """Have the store hold each file with its checksum; return whether one had to be sent."""
    folder = folder_there(store, backup.system, backup.host)
    sent = False
    for part in backup.files:
        there = f"{folder}/{name_there(backup, part)}"
        found: Done = yield store.checksum(there)
        if found.text != part.sha256:
            wrong = "" if sent else (yield from fault_of(backup))
            if wrong:
                raise BackupDamaged(
                    f"{service.host}: expected to send {backup.id} as it was taken, found: {wrong}.",
                    do="Run `drillyard backup verify`; it was not sent.",
                )
            sent = True
            yield from _send(service, part, store, there)
        # With the sum in sha256sum's form it can be restored from without us.
        yield store.write(f"{there}.sha256", f"{part.sha256}  {there.rpartition('/')[2]}\n".encode())
    return sent


def _enter(service: Service, backup: Backup, store: Store) -> Action[None]:
    """Write down at both ends that the store holds it, and how it was proved."""
    folder = folder_there(store, backup.system, backup.host)
    now: float = yield Clock()
    at = datetime.fromtimestamp(int(now), UTC).isoformat()
    held = replace(backup, shipped={**backup.shipped, store.name: at})
    entry = backup.id if backup.parts else backup.path.rpartition("/")[2]
    yield store.write(f"{folder}/{entry}.json", msgspec.json.encode(held) + b"\n")
    yield from catalog.change(
        service,
        lambda known: [
            replace(each, shipped={**each.shipped, store.name: at}) if each.id == backup.id else each
            for each in known
        ],
    )


def _send(service: Service, part: Part, store: Store, there: str) -> Action[None]:
    partial = there if store.whole else f"{there}.partial"
    if not store.whole:
        yield store.make(there.rpartition("/")[0])
    arrived: Done = yield store.send(part.path, partial, part.sha256)
    if not store.whole:
        arrived = yield store.checksum(partial, supposing=part.sha256)
    if arrived.text != part.sha256:
        left = "what arrived is not counted"
        if not store.whole:
            yield store.remove(partial)
            left = "what arrived was removed"
        raise BackupDamaged(
            f"{service.host}: expected {there.rpartition('/')[2]} to arrive at {store.name} with the SHA-256 "
            f"{part.sha256[:12]}, found {arrived.text[:12]}; {left}.",
            do="Send it again; where it happens again, test the far end's disk and memory.",
        )
    if not store.whole:
        yield store.name_it(partial, there)
