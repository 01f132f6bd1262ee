"""Somebody deletes most documents: RefServer goes back to the last backup before that moment."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drills.rig.altered import with_text
from drills.rig.backups import Bench
from drills.rig.fault import fault
from drills.rig.ledger import read
from drills.rig.plugin import Night
from drills.subjects.refserver_backups import daily_and_hourly, take
from drills.subjects.refserver_night import refserver_night

pytestmark = pytest.mark.nightly
PAGE = "point_in_time"


def test_point_in_time(night: Night, tmp_path: Path) -> None:
    """The hour before is restored, rows, vectors and files; a backup from after the moment is not taken."""
    wanted: list[float] = []

    @contextlib.contextmanager
    def before_and_after(bench: Bench) -> Iterator[str]:
        with daily_and_hourly(bench) as told:
            at = datetime.datetime.now(datetime.UTC).isoformat(sep=" ", timespec="seconds")
            with_text(PAGE, "params:\n  at:\n", f'params:\n  at:\n    default: "{at}"\n', tmp_path)
            wanted.append(time.monotonic())
            take(bench, "hourly")
            bench.held.pop()
            yield f"{told}, and another one after the moment that is wanted"

    result = night.prove(
        refserver_night(page=PAGE, harm=fault("rows_deleted"), backups=before_and_after, pages=(tmp_path,))
    )
    assert result.recovery is not None
    notes = [told.event.get("sentence", "") for told in result.recovery.told if told.is_step(state="note")]
    assert any("is the last one before" in note for note in notes)
    assert result.findings.struck is not None
    later = {
        write.seq
        for write in read(result.folder / "ledger.jsonl")
        if write.kind == "upload" and write.acked and wanted[0] < write.acked < result.findings.struck
    }
    assert result.findings.account is not None
    there = later - {write.seq for write in result.findings.account.lost}
    assert later, "nothing was written between the moment and the strike"
    assert not there, f"written after the moment that was asked for, and there: {sorted(there)[:5]}"
