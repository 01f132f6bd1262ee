"""`drillyard rehearsals`: a year's dates, the next one's checklists, or a file for a calendar."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli.world import inventory_of, language_of, limited
from agent.errors import NotFound, Usage
from agent.language import Language, say

if TYPE_CHECKING:
    from agent.rehearsals.dates import Appointment


def rehearsals(command: Namespace) -> int:
    """Print the year's rehearsals, and the checklists of the next or of the one that is named.

    Raises:
        NotFound: the inventory has no calendar, or no rehearsal of that name.
    """
    from agent.naming import pages
    from agent.rehearsals.calendar import VARIABLE, calendar_of, zone
    from agent.rehearsals.dates import appointments, next_after
    from agent.rehearsals.ics import ics
    from agent.rehearsals.told import checklists, table

    hosts = limited(command, inventory_of(command))
    calendar = calendar_of(hosts)
    if calendar is None:
        raise NotFound(
            f"None of these {len(hosts)} hosts has a calendar of rehearsals.",
            do=f"Write `{VARIABLE}` into group_vars/all/; inventory/example has the whole of it.",
        )
    now, language = datetime.now(UTC), language_of(command)
    year = command.year or now.astimezone(zone(calendar)).year
    if not 1970 <= year <= 9000:
        raise Usage(f"--year {year}: expected a year such as 2026.")
    found, upcoming = appointments(calendar, year), next_after(calendar, now)
    if command.ics:
        sys.stdout.buffer.write(ics(calendar, found, now, language).encode())
        return 0
    chosen = _named(command.which, found) if command.which else upcoming
    known = pages([Path(each) for each in command.pages])
    if command.json:
        for each in found if upcoming in found else (*found, upcoming):
            sys.stdout.write(json.dumps(_row(each, upcoming, language), ensure_ascii=False) + "\n")
        return 0
    shown = found if chosen in found else (*found, chosen)
    lines = table(shown, upcoming, now, known, language)
    about = f"{chosen.rehearsal.id}, {say(chosen.rehearsal.scenario, language)}"
    lines += ["", about, "", *checklists(calendar, chosen, language)]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _named(name: str, found: tuple[Appointment, ...]) -> Appointment:
    from agent.naming import did_you_mean

    for each in found:
        if each.rehearsal.id.lower() == name.lower():
            return each
    known = [each.rehearsal.id for each in found]
    raise NotFound(f"There is no rehearsal {name}.{did_you_mean(name, known)} There is: {', '.join(known)}.")


def _row(each: Appointment, upcoming: Appointment, language: Language) -> dict[str, Any]:
    return {
        "id": each.rehearsal.id,
        "date": each.day.isoformat(),
        "planned": each.planned.isoformat(),
        "scenario": say(each.rehearsal.scenario, language),
        "owner": say(each.rehearsal.owner, language),
        "pages": list(each.rehearsal.pages),
        "prepare": each.prepare.isoformat(),
        "begins": each.begins.isoformat(),
        "ends": each.ends.isoformat(),
        "follow_up": each.follow_up.isoformat(),
        "next": each == upcoming,
    }
