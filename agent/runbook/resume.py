"""Take up a run where its journal ends: what is done stays done, what was in flight is settled."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from agent.errors import BadJournal, Locked, NotFound, Refused
from agent.inventory import read_inventory
from agent.record.audit import who
from agent.record.journal import NAME, Journal, born, read_journal
from agent.record.past import RunPast, ended_as, recall
from agent.runbook.load import load_page
from agent.runbook.model import Page
from agent.runbook.order import Order
from agent.runbook.params import as_read
from agent.runbook.stop_sign import take_down


@dataclass(frozen=True)
class Resumed:
    """A run ready to go on: its id, folder, order as first given, journal open for appending, and past."""

    run: str
    folder: Path
    order: Order
    journal: Journal
    past: RunPast


def find_run(name: str, runs: Path) -> Path:
    """Return the folder of a run by its id, its folder, or `latest`: the newest that is not done.

    Raises:
        NotFound: there is no such run; the sentence lists the newest ones.
    """
    for folder in (Path(name), runs / name):
        if (folder / NAME).is_file():
            return folder
    known = sorted((path.parent for path in runs.glob(f"*/{NAME}")), reverse=True)
    if name == "latest" and known:
        for folder in known:
            if ended_as(folder / NAME) != "done":
                return folder
        raise NotFound(
            f"There is no unfinished run below {runs}: all {len(known)} are done, the newest is "
            f"{known[0].name}."
        )
    listed = ", ".join(folder.name for folder in known[:5]) or "none"
    raise NotFound(f"There is no run {name!r} below {runs}; the newest are: {listed}.")


def copied_run(path: Path) -> Path:
    """Return the folder of a copied run, given it or its journal.

    Raises:
        NotFound: there is no journal.
    """
    folder = path.parent if path.name == NAME else path
    if not (folder / NAME).is_file():
        raise NotFound(f"There is no {NAME} in {folder}.", do="Copy the whole folder of the run.")
    return folder.absolute()


def resume(
    folder: Path, *, yes: bool = False, copied: bool = False, inventory: Sequence[Path] = ()
) -> Resumed:
    """Read back the run in `folder`, its pages from the copies there, its inventory from its source.

    `inventory` are other sources, as those of the run may be nowhere on a second controller.
    `copied` says that the folder is a copy, and that whoever worked on the original is dead.

    Raises:
        BadJournal: it came to its end already, or its page copy is not the one that was run.
        Locked: somebody is at work on it.
        NotFound: the inventory is not here, or a host of the run is no longer in it.
        Refused: it is a copy, and nobody said so.
    """
    journal = Journal(folder / NAME)
    try:
        past = recall(read_journal(folder / NAME))
        _refuse_living(folder, journal, past, copied=copied)
        order = _order(folder, past, inventory, yes=yes)
    except BaseException:
        journal.close()
        raise
    take_down(folder)
    return Resumed(past.head["run"], folder, order, journal, past)


def _refuse_living(folder: Path, journal: Journal, past: RunPast, *, copied: bool) -> None:
    """Refuse a run that is done, or whose last life may still be lived where it was copied from."""
    run, life = past.head["run"], past.life
    if past.outcome == "done":
        raise BadJournal(f"The run {run} is done; there is nothing to resume.")
    if life.get("inode", journal.inode) == journal.inode:
        return
    here = life["who"].partition("@")[2] == who().partition("@")[2]
    if here and not past.outcome and life["born"] and life["born"] == born(life["pid"]):
        at_work = f"process {life['pid']} of this machine"
        raise Locked(f"{run} is being worked on by {at_work}.", do="Leave it to that.")
    if not copied:
        raise Refused(
            f"{folder} is a copy: the run {run} was last worked on elsewhere, by {life['who']}.",
            do=f"Where that is dead: drillyard resume --journal {folder} -i INVENTORY",
        )


def _order(folder: Path, past: RunPast, inventory: Sequence[Path], *, yes: bool) -> Order:
    head = past.head
    page = _page(folder, head)
    named = _sources(folder, past, inventory)
    world = read_inventory(*named)
    missing = [name for name in head["hosts"] if name not in world.hosts]
    if missing:
        raise NotFound(f"{missing[0]} was part of the run and is no longer in the inventory.")
    return Order(
        page=page,
        hosts=tuple(world.hosts[name] for name in head["hosts"]),
        inventory=tuple(map(str, named)),
        params=as_read(page, head["params"]),
        pages=tuple(head["pages"]),
        reason=head["reason"],
        language=head["language"],
        yes=yes,
        forks=head["forks"],
        tags=tuple(head["tags"]),
        engine=head.get("engine", ""),
    )


def _page(folder: Path, head: Mapping[str, Any]) -> Page:
    included = head.get("included", ())
    placed = {(str(folder / each["by"]), each["name"]): folder / each["file"] for each in included}
    page = load_page(folder / head["page_file"], [Path(each) for each in head["pages"]], placed)
    found = {(each.by, each.name): each.sha256 for each in page.included}
    # A page's fingerprint has those of the pages inside it: the innermost that differs is the one altered.
    for each in reversed(included):
        if found.get((str(folder / each["by"]), each["name"])) != each["sha256"]:
            raise _altered(folder / each["file"])
    if page.sha256 != head["sha256"]:
        raise _altered(folder / head["page_file"])
    return page


def _altered(path: Path) -> BadJournal:
    return BadJournal(
        f"{path} is not the page that was run (its SHA-256 differs).",
        do="Put it back, or start a new run.",
    )


def _sources(folder: Path, past: RunPast, given: Sequence[Path]) -> list[Path]:
    """Return the inventory's sources: those given, else where they were, else as far from here as then."""
    if given:
        return [each.absolute() for each in given]
    life = past.life if "inventory" in past.life else past.head
    found = []
    for named, relative in zip_longest(life["inventory"], life.get("from_here", ()), fillvalue=""):
        here = next((each for each in (Path(named), folder / relative) if each.exists()), None)
        if here is None:
            raise NotFound(f"The inventory of the run, {named}, is not here.", do="Name it with -i PATH.")
        found.append(Path(os.path.normpath(here.absolute())))
    return found
