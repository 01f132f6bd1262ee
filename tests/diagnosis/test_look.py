"""A check holds the data against the newest verified backup; it says what was changed by nobody."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agent.diagnosis import look
from agent.systems.refserver import symptoms
from tests.at_rest.conftest import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Thirty documents and a verified backup of them."""
    found = Shelf(tmp_path)
    found.library.fill(30)
    found.take()
    settings = {**found.service.settings, "owner": f"{os.getuid()}:{os.getgid()}"}
    found.service = replace(found.service, settings=settings)
    return found


def ids(shelf: Shelf) -> dict[str, str]:
    """The symptoms that a look at the service names, with their evidence."""
    found = look._look(shelf.service, shelf.road)
    assert found.data != "?", found.unseen
    return {each.id: each.evidence for each in found.symptoms}


def change(path: Path, words: str) -> None:
    """Change a database behind the application's back."""
    with closing(sqlite3.connect(path)) as database:
        database.execute(words)
        database.commit()


def test_rows_that_nobody_changed_are_sound(shelf: Shelf) -> None:
    """Uploads and deletions since the backup are the application's own."""
    shelf.library.fill(2, 100)
    shelf.library.delete("doc3")
    assert not {each for each in ids(shelf) if each.startswith("refserver.sqlite")}


def test_a_backup_is_old_by_the_policy_of_its_service(shelf: Shelf) -> None:
    """Three hours are nothing where one is taken a day, and two too many where one is taken an hour."""
    shelf.now = time.time() - 4 * 3600
    shelf.take()
    assert "backup.old" not in ids(shelf)
    shelf.service.settings["keep"] = {"hourly": {"within": 2}, "daily": {"within": 7}}  # type: ignore[index]
    assert ids(shelf)["backup.old"] == "3 h old, restored; by its policy 2 h at most"
    shelf.service.settings["alarm"] = {"hourly": 6}  # type: ignore[index]
    assert "backup.old" not in ids(shelf)


def test_rows_that_were_changed_silently_are_a_symptom(shelf: Shelf) -> None:
    """SQLite's own checks call them sound."""
    change(shelf.library.database, "UPDATE documents SET name = 'x' WHERE id = 'doc7'")
    assert "1 rows differ from" in ids(shelf)["refserver.sqlite-changed"]


def test_a_database_too_large_is_not_compared_row_by_row(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a check costs is bounded."""
    monkeypatch.setattr(symptoms, "COMPARED", 1)
    change(shelf.library.database, "UPDATE documents SET name = 'x' WHERE id = 'doc7'")
    assert "refserver.sqlite-changed" not in ids(shelf)


def test_data_that_began_anew_is_a_symptom(shelf: Shelf) -> None:
    """Rows and vectors both: the page that answers it puts a whole set back."""
    change(shelf.library.database, "DELETE FROM documents")
    change(shelf.library.chroma / "chroma.sqlite3", "DELETE FROM embeddings_queue")
    assert "it began anew" in ids(shelf)["refserver.several-damaged"]


def test_a_chroma_that_purges_its_queue_is_a_symptom(shelf: Shelf) -> None:
    """It cannot be backed up."""
    words = "UPDATE embeddings_queue_config SET config_json_str = '{\"automatically_purge\": true}'"
    change(shelf.library.chroma / "chroma.sqlite3", words)
    assert "refserver.chromadb-purges" in ids(shelf)
