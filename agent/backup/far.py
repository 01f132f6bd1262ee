"""Copies off-site thinned out by the policy, by whoever holds a key that may: never by the one that sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from agent.backup import catalog
from agent.backup.bucket import Bucket
from agent.backup.fetch import entries_in, name_in
from agent.backup.model import Backup
from agent.backup.prune import Pruned
from agent.backup.retention import Decision, decide, tiers_of
from agent.backup.sets import line_of
from agent.backup.ship import folder_there, stores_wanted
from agent.backup.store import OverSsh, Store
from agent.errors import Refused
from agent.inventory.model import Service
from agent.payload.bundle import program
from agent.secrets import Secret
from agent.transport.ask import Action, Clock, Done, Note, Sh

_KEYS = {"AWS_ACCESS_KEY_ID": "s3_prune_key_id", "AWS_SECRET_ACCESS_KEY": "s3_prune_secret"}


@dataclass(frozen=True)
class FarPruned:
    """What became of the copies in one store."""

    store: str
    pruned: Pruned


def prune_far(service: Service, to: str = "", *, dry: bool = False) -> Action[tuple[FarPruned, ...]]:
    """Remove from the stores (or the one called `to`) what the policy does not keep; with `dry` say what.

    Whatever others are removed in the trust of, the newest verified of each kind with all it goes on from, is
    read there first and held to its checksums: where it is damaged, it counts for nothing, and everything is
    decided again. What no entry of ours names is not touched.

    Raises:
        NotFound: the service has no store, or none called so.
        Refused: a bucket, and no key of its own for removing.
    """
    done = []
    for store in stores_wanted(service, to):
        secrets = _secrets(service, store) if isinstance(store, Bucket) and not dry else {}
        decided = yield from _decided(service, store)
        kept = tuple(each for each in decided if each.keep)
        removed = tuple(each for each in decided if not each.keep)
        if not dry:
            held = {path for each in kept for path in _paths(service, store, each.backup)}
            # The newest first: an increment goes before what it goes on from.
            for each in removed:
                paths = [path for path in _paths(service, store, each.backup) if path not in held]
                yield _removal(service, store, paths, each.backup.id, secrets)
        size = sum(each.backup.total for each in removed)
        done.append(FarPruned(store.name, Pruned(kept, removed, size, dry)))
    return tuple(done)


def _decided(service: Service, store: Store) -> Action[tuple[Decision, ...]]:
    listed: Done = yield store.entries(folder_there(store, service.system, service.host))
    here = {each.id: each for each in (yield from catalog.read(service))}
    there = [_as_known(each, here) for each in entries_in(listed.out) if catalog.is_ours(service, each)]
    now: float = yield Clock()
    sound: set[str] = set()
    while True:
        decided = decide(there, tiers_of(service), datetime.fromtimestamp(now, UTC))
        if all(each.keep for each in decided):
            return decided
        bad = yield from _damaged(service, store, decided, sound)
        if bad is None:
            return decided
        yield Note(f"{bad.id} in {store.name}: {bad.fault}; what is removed was decided again without it")
        there = [bad if each.id == bad.id else each for each in there]


def _as_known(entry: Backup, here: dict[str, Backup]) -> Backup:
    """Return an entry with what has been found since it was sent: its data was lost, accepted, it is bad."""
    known = here.get(entry.id)
    return replace(entry, breaks=known.breaks, fault=known.fault or entry.fault) if known else entry


def _damaged(
    service: Service, store: Store, decided: Sequence[Decision], sound: set[str]
) -> Action[Backup | None]:
    """Return the first copy that the removing of others relies on and that is not what was sent."""
    kept = [each.backup for each in decided if each.keep]
    trusted = [
        line
        for each in decided
        if each.keep and any(reason.startswith("the newest verified") for reason in each.reasons)
        for line in line_of(kept, each.backup)
    ]
    for each in trusted:
        if each.id in sound:
            continue
        for part in each.files:
            name = name_in(each, part, store)
            found: Done = yield store.checksum(
                f"{folder_there(store, service.system, service.host)}/{name}", supposing=part.sha256
            )
            if found.text != part.sha256:
                return replace(each, fault=f"{name} is not there as it was sent", verified=None)
        sound.add(each.id)
    return None


def _paths(service: Service, store: Store, backup: Backup) -> list[str]:
    """Return where all of a backup lies, its entry first: without that nobody chooses it."""
    folder = folder_there(store, service.system, service.host)
    entry = backup.id if backup.parts else backup.path.rpartition("/")[2]
    names = [name_in(backup, part, store) for part in reversed(backup.files)]
    return [f"{folder}/{entry}.json", *(f"{folder}/{name}{end}" for name in names for end in ("", ".sha256"))]


def _removal(
    service: Service, store: Store, paths: Sequence[str], what: str, secrets: dict[str, Secret]
) -> Sh:
    if isinstance(store, Bucket):
        spec = {"bucket": store.bucket, "endpoint": store.endpoint, "region": store.region}
        spec |= {"keys": [path.lstrip("/") for path in paths]}  # type: ignore[dict-item]
        return Sh(
            *(store.python, "-I", "-", msgspec.json.encode(spec).decode()),
            stdin=program("bucket_prune"),
            secrets=secrets,
            sudo=True,
            changes=f"removes {what} from {store.name}",
            again="safe",
            timeout=600,
            supposing=Done(0),
        )
    if isinstance(store, OverSsh):
        store = replace(store, key=service.text("ship_prune_key", store.key))
    return store.remove(*paths)


def _secrets(service: Service, store: Store) -> dict[str, Secret]:
    found = {name: value for name, key in _KEYS.items() if (value := service.secret(key))}
    sends = {(each.kind, each.where) for each in (service.secret("s3_secret"),) if each}
    if len(found) == len(_KEYS) and not sends & {(each.kind, each.where) for each in found.values()}:
        return found
    raise Refused(
        f"{service.at}: expected a key of its own for removing copies from {store.name}, found none: the one "
        "that sends them cannot delete, and is not to.",
        do="Name s3_prune_key_id and s3_prune_secret as !env, and set these only where you prune from.",
    )
