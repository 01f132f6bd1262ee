"""The one service that the API is about: its host, its history, and the order by which it is put back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from agent import naming
from agent.backup import actions, catalog
from agent.backup.alone import leave_alone
from agent.backup.choose import fault_in, moment
from agent.backup.model import Backup, kind_of
from agent.errors import BackupDamaged, BadInventory, Refused, Usage
from agent.inventory import Host, read_inventory
from agent.language import Language
from agent.record import lock
from agent.runbook.check import hosts_of, refuse_bad
from agent.runbook.load import load_page
from agent.runbook.model import Page
from agent.runbook.order import Order
from agent.runbook.params import read_params
from agent.runbook.rails import refuse
from agent.runbook.reach import Reach
from agent.transport import Roads, open_road
from agent.transport.ask import Action
from agent.transport.perform import perform

T = TypeVar("T")

PAGES = {"refserver": "unified_restore"}
"""The page that puts a backup of a system back, by its parameter `backup`."""


@dataclass(frozen=True)
class Ward:
    """One service of one host. The inventory is read anew for each request: what it says now is what holds.

    `sources` are the inventory's, absolute; `page` the page that restores; `pages` the folders of pages
    before ours; `runs` where runs, operations and the audit are kept.
    """

    sources: tuple[str, ...]
    name: str
    system: str
    page: str
    runs: Path
    pages: tuple[str, ...] = ()
    language: Language = "en"
    roads: Roads = open_road
    engine: str = ""
    notify: bool = True

    def host(self) -> Host:
        """Return the host as the inventory has it now.

        Raises:
            BadInventory: the inventory cannot be used, or has it no longer.
        """
        inventory = read_inventory(*map(Path, self.sources))
        if self.name not in inventory.hosts:
            raise BadInventory(f"{self.name} is no longer in the inventory.")
        found = inventory.hosts[self.name]
        found.service(self.system)
        return found

    def ask(self, host: Host, action: Action[T]) -> T:
        """Have something asked of the host."""
        with Reach([host], roads=self.roads) as reach:
            return perform(action, reach.to(host))

    def history(self) -> tuple[Backup, ...]:
        """Return the service's backups, the newest first."""
        host = self.host()
        return self.ask(host, actions.history(host.service(self.system)))

    def to_restore(self, host: Host, name: str) -> Backup:
        """Return the backup of that id, where it could be put back now.

        Raises:
            NoBackup: there is none of that id.
            BackupDamaged: it cannot be relied on, by its history.
            Locked: a run is at work on the service.
        """
        service = host.service(self.system)

        def looked() -> Action[Backup]:
            found = catalog.find(service, (yield from catalog.read(service)), name)
            yield from leave_alone(host, self.system)
            return found

        backup = self.ask(host, looked())
        wrong = fault_in(backup, moment(backup.taken_at), datetime.now(UTC), "restored")
        if wrong:
            raise BackupDamaged(
                f"{host.name}: expected to rely on {name}, found: {wrong}.",
                do="Verify it (drillyard backup verify), or name another one.",
            )
        return backup

    def check_kind(self, host: Host, kind: str) -> str:
        """Return the kind of backup that is meant, once nothing is at work on the service.

        Raises:
            NotFound: the system has no such kind.
            Locked: a run is at work on the service.
        """
        self.ask(host, leave_alone(host, self.system))
        return kind_of(host.service(self.system), kind)

    def take(self, kind: str) -> Backup:
        """Take a backup and verify it as `drillyard backup take` does."""
        host = self.host()
        return self.ask(host, actions.take(host.service(self.system), kind=kind))

    def holder(self) -> lock.Owner | None:
        """Return who holds the service's lock on its host."""
        host = self.host()
        return self.ask(host, lock.holder(host.state_dir, self.system, sudo=host.become))

    def order(self, name: str, reason: str) -> Order:
        """Return the run that puts that backup back, as `drillyard run` would have it."""
        page = self._page()
        inventory = read_inventory(*map(Path, self.sources))
        refuse_bad(page, inventory)
        return Order(
            page=page,
            hosts=hosts_of(page, inventory, self.name),
            inventory=self.sources,
            params=read_params(page, {"backup": name}),
            pages=self.pages,
            reason=reason,
            language=self.language,
            engine=self.engine,
        )

    def check(self) -> None:
        """See that the service is there and that the page can put it back.

        Raises:
            Usage: the page puts no backup of this system back.
            BadInventory, BadPage, NotFound: see what they say.
        """
        page = self._page()
        if "backup" not in page.params or self.system not in page.systems:
            raise Usage(
                f"Expected a page that puts a backup of {self.system} back by its parameter `backup`, "
                f"found {page.name}.",
                do="Name one with --page.",
            )
        self.order("", "")
        self.host()

    def _page(self) -> Page:
        folders = [Path(each) for each in self.pages]
        return load_page(naming.find_page(self.page, folders), folders=folders)


def confirm(host: Host, said: str) -> None:
    """Hold to the guard rail: who restores a production host has named it, and nobody names another one.

    Raises:
        Refused: the production host was not named, or another host was.
    """
    if said and said != host.name:
        raise Refused(f"This is about {host.name}, and {said} was named.", do="Nothing was begun.")
    try:
        refuse([host], [said])
    except Refused as error:
        raise Refused(
            error.sentence, do=f'Where it is meant, send {{"confirm": "{host.name}"}} as the body.'
        ) from None
