"""Proof that the drills of RefServer's restores can fail: each night has one thing wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drills.rig.altered import of_text, with_text, without_step
from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.refserver_backups import daily_and_hourly
from drills.subjects.refserver_night import refserver_night

pytestmark = pytest.mark.nightly
PAGE, RESTORE = "sqlite_corruption", "refserver.restore_newest"
BY_RESTART = """\
title: It was restarted, so all is well
system: refserver
on: all
steps:
  - {name: Restart, do: service.restart}
prove:
  - {name: It runs, do: service.status}
"""


def _word(night: Night, page: str, variant: str, **more: Any) -> tuple[str, str]:
    result = night.live(refserver_night(page=page, variant=variant, backups=daily_and_hourly, **more))
    return result.verdict.word, str(result)


def test_without_putting_the_backup_back(night: Night, tmp_path: Path) -> None:
    """A page that forgets to restore: the database is as damaged as before."""
    pages = (without_step(PAGE, RESTORE, tmp_path),)
    harm = fault("sqlite_damaged", kind="header")
    word, said = _word(night, PAGE, "not_restored", harm=harm, pages=pages)
    assert word == "fail", said


def test_a_restart_brings_no_file_back(night: Night, tmp_path: Path) -> None:
    """The agent is content, users are not."""
    pages = (of_text("files_restore", BY_RESTART, tmp_path),)
    harm = fault("pdfs_lost", kind="deleted")
    word, said = _word(night, "files_restore", "restarted", harm=harm, pages=pages)
    assert word == "fail", said


def test_with_an_older_backup_than_there_is(night: Night, tmp_path: Path) -> None:
    """A page that puts the daily one back, not the hour: all is united, and what the hour held is lost."""
    copy = 'with: {whole: true, name: "{{ params.backup }}"}'
    pages = (with_text("unified_restore", copy, copy.replace("whole", "kind: daily, whole"), tmp_path),)
    word, said = _word(night, "unified_restore", "older", harm=fault("both_damaged"), pages=pages)
    assert word == "fail", said
    assert "lost although in the verified backup" in said


def test_with_a_fault_that_does_nothing(night: Night) -> None:
    """A fault without effect proves nothing: unverified."""
    word, said = _word(night, "unified_restore", "noop", harm=fault("noop"))
    assert word == "unverified", said
