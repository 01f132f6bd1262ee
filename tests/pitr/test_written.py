"""Whether somebody still writes to a server is told by its capture, whatever of it is sealed."""

from __future__ import annotations

from pathlib import Path

from bson import Timestamp

from agent.pitr.recorder import Recorder
from agent.pitr.store import Store
from agent.pitr.written import last_write
from tests.pitr.history import delete, insert


def test_the_newest_write_that_is_neither_ours_nor_a_delete(tmp_path: Path) -> None:
    """In a sealed segment and in the open one; before the moment asked for there is none."""
    store = Store(tmp_path)
    assert last_write(store, Timestamp(0, 0)) is None
    recorder = Recorder(store.begin("server", "a test"))
    recorder.add(insert((100, 1), 1))
    recorder.seal()
    recorder.add(delete((110, 1), 1))
    recorder.add(insert((120, 1), "drillyard", "dr_agent.heartbeat"))
    recorder.flush()
    assert last_write(store, Timestamp(50, 0)) == Timestamp(100, 1)
    assert last_write(store, Timestamp(100, 1)) is None
    recorder.add(insert((130, 1), 2))
    recorder.flush()
    assert last_write(store, Timestamp(50, 0)) == Timestamp(130, 1)
    recorder.seal()
    # What no base needs any more is removed.
    first = recorder.timeline.segments()[0].path
    first.unlink()
    first.with_suffix(".json").unlink()
    assert last_write(store, Timestamp(50, 0)) == Timestamp(130, 1)
