"""Remove the backups that the policy does not keep, after everything that stays was looked at again.

What is to go is written down before the history forgets it: whoever prunes after a crash removes the rest.
Only where the disk has no room even for that is it removed first, and forgotten with the room this makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from agent.backup import catalog
from agent.backup.model import Backup, volume
from agent.backup.retention import Decision, Policy, Tiers, decide
from agent.backup.sets import missing
from agent.backup.store import store_names
from agent.backup.verify import fault_of
from agent.errors import BackupDamaged, StepFailed
from agent.inventory.model import Service
from agent.transport.ask import Action, Clock, Done, Note, Sh

_FULL = 28
_INTEND = f"""\
# what is about to be removed
set -eu
umask 027
export LC_ALL=C
if ! said=$({{ cat && sync "$1.new"; }} 2>&1 >"$1.new"); then
  rm -f -- "$1.new"
  case $said in *"No space left"* | *"quota exceeded"*) exit {_FULL} ;; esac
  printf '%s\\n' "$said" >&2
  exit 1
fi
mv "$1.new" "$1"
sync "${{1%/*}}"
"""
_INTENDED = """\
# what was about to be removed
if [ -e "$1" ]; then cat "$1"; fi
"""
_REMOVE = """\
# remove backups and their sidecars
set -eu
intent=$1
shift
for path; do rm -f -- "$path" "$path.sha256"; done
rm -f -- "$intent" "$intent.new"
"""


@dataclass(frozen=True)
class Pruned:
    """What was kept and what was removed (with `dry`: would be), each with its reasons; bytes set free."""

    kept: tuple[Decision, ...]
    removed: tuple[Decision, ...]
    bytes: int
    dry: bool = False


def prune(service: Service, policy: Policy | Tiers, *, dry: bool = False) -> Action[Pruned]:
    """Remove what the policy does not keep; with `dry` only say what that would be.

    Everything that stays is compared with its checksum first. Where one is damaged this enters the history,
    and the next prune decides without it.

    Raises:
        BackupDamaged: something that stays is not what it was; nothing was removed.
    """
    if not dry:
        yield from _finish(service)
    now: float = yield Clock()
    known = yield from catalog.read(service)
    when = datetime.fromtimestamp(now, UTC)
    decided = decide(_relied_on(known), policy, when, store_names(service))
    kept = tuple(each for each in decided if each.keep)
    removed = tuple(each for each in decided if not each.keep)
    if removed:
        damaged = yield from _damaged(each.backup for each in kept)
        if damaged:
            yield from _refuse(service, damaged, dry)
        if not dry:
            yield from _remove(service, [each.backup for each in removed], [each.backup for each in kept])
    return Pruned(kept, removed, sum(each.backup.total for each in removed), dry)


def _relied_on(known: Sequence[Backup]) -> list[Backup]:
    """Return the backups, one whose line is broken being no proof of anything: it pushes no other one out."""
    return [replace(each, verified=None) if missing(known, each) else each for each in known]


def _damaged(kept: Iterable[Backup]) -> Action[dict[str, str]]:
    """Return by id what is wrong with backups in the trust of which others would be removed."""
    found = {}
    for each in kept:
        wrong = "" if each.fault else (yield from fault_of(each))
        if wrong:
            found[each.id] = wrong
    return found


def _refuse(service: Service, damaged: Mapping[str, str], dry: bool) -> Action[None]:
    told = "; ".join(f"{name}: {wrong}" for name, wrong in damaged.items())
    if not dry:
        try:
            yield from catalog.change(
                service,
                lambda known: [
                    replace(each, fault=damaged[each.id], verified=None)
                    if each.id in damaged and catalog.is_ours(service, each)
                    else each
                    for each in known
                ],
            )
        except StepFailed as error:
            told += f"; this could not be written down: {error.sentence}"
    raise BackupDamaged(
        f"{service.host}: expected what stays to be what was taken, found {told}; nothing was removed.",
        do="Take a new backup now. The next prune decides without what is damaged.",
    )


def _intent(service: Service) -> str:
    return f"{volume(service)}/metadata/.removing_{service.system}_{service.host}"


def _finish(service: Service) -> Action[None]:
    """Remove what one that was killed had taken out of the history already."""
    done: Done = yield Sh(_INTENDED, _intent(service), script=True, sudo=True, keep=64_000_000)
    pairs = [line.split("\t", 1) for line in done.text.splitlines() if "\t" in line]
    if pairs:
        known = {each.id for each in (yield from catalog.read(service))}
        below = f"{volume(service)}/"
        yield _removal(
            service,
            [
                path
                for name, path in pairs
                if name not in known and path.startswith(below) and "/../" not in path
            ],
            "what was being removed when the one before was killed",
        )


def _remove(service: Service, backups: Sequence[Backup], kept: Iterable[Backup]) -> Action[None]:
    # Whatever a history says, a file of what stays is not removed.
    stays = {part.path for each in kept for part in each.files}
    names = [
        (each.id, part.path) for each in backups for part in reversed(each.files) if part.path not in stays
    ]
    done: Done = yield Sh(
        *(_INTEND, _intent(service)),
        script=True,
        sudo=True,
        stdin="".join(f"{name}\t{path}\n" for name, path in names).encode(),
        ok=(0, _FULL),
        changes="writes down what is removed",
        again="safe",
        supposing=Done(0),
    )
    removal = _removal(service, [path for _, path in names], ", ".join(each.id for each in backups))
    if done.rc == _FULL:
        yield Note(f"{service.host}: the disk has no room to write to: files go first, the history follows")
        yield removal
    # First out of the history, so that nobody chooses a file that is about to go.
    yield from catalog.forget(service, [each.id for each in backups])
    if not done.rc:
        yield removal


def _removal(service: Service, paths: Sequence[str], what: str) -> Sh:
    return Sh(
        *(_REMOVE, _intent(service), *paths),
        script=True,
        sudo=True,
        changes=f"removes {what}",
        again="safe",
        supposing=Done(0),
    )
