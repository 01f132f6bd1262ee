"""Take up a run where its journal ends: what is done stays done, what was in flight is settled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.errors import BadJournal, NotFound
from agent.inventory import read_inventory
from agent.record.journal import NAME, Journal, read_journal
from agent.record.past import RunPast, recall
from agent.runbook.load import load_page
from agent.runbook.order import Order
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
    """Return the folder of a run by its id, its folder, or `latest`.

    Raises:
        NotFound: there is no such run; the sentence lists the newest ones.
    """
    for folder in (Path(name), runs / name):
        if (folder / NAME).is_file():
            return folder
    known = sorted((path.parent for path in runs.glob(f"*/{NAME}")), reverse=True)
    if name == "latest" and known:
        return known[0]
    listed = ", ".join(folder.name for folder in known[:5]) or "none"
    raise NotFound(f"There is no run {name!r} below {runs}; the newest are: {listed}.")


def resume(folder: Path, *, yes: bool = False) -> Resumed:
    """Read back the run in `folder`, its page from the copy that lies there, its inventory from its source.

    Raises:
        BadJournal: it came to its end already, or its page copy is not the one that was run.
        NotFound: a host of the run is no longer in the inventory.
    """
    past = recall(read_journal(folder / NAME))
    head = past.head
    if past.outcome == "done":
        raise BadJournal(f"The run {head['run']} is done; there is nothing to resume.")
    page = load_page(folder / head["page_file"], folders=[Path(each) for each in head["pages"]])
    if page.sha256 != head["sha256"]:
        raise BadJournal(
            f"{folder / head['page_file']} is not the page that was run (its SHA-256 differs).",
            do="Put it back, or start a new run.",
        )
    inventory = read_inventory(*(Path(source) for source in head["inventory"]))
    missing = [name for name in head["hosts"] if name not in inventory.hosts]
    if missing:
        raise NotFound(f"{missing[0]} was part of the run and is no longer in the inventory.")
    order = Order(
        page=page,
        hosts=tuple(inventory.hosts[name] for name in head["hosts"]),
        inventory=tuple(head["inventory"]),
        params=head["params"],
        pages=tuple(head["pages"]),
        reason=head["reason"],
        language=head["language"],
        yes=yes,
        forks=head["forks"],
        tags=tuple(head["tags"]),
    )
    take_down(folder)
    journal = Journal(folder / NAME)
    journal.write("resumed", run=head["run"])
    return Resumed(head["run"], folder, order, journal, past)
