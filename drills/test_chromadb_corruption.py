"""RefServer's vectors are damaged under load; the index is built anew, or put back and made whole."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.refserver_backups import daily, daily_and_hourly
from drills.subjects.refserver_night import refserver_night

pytestmark = pytest.mark.nightly
FILES = ("header.bin", "data_level0.bin", "length.bin", "link_lists.bin", "index_metadata.pickle")
INDEX: dict[str, dict[str, Any]] = {
    "segment_gone": {"kind": "segment_gone"},
    **{
        f"{file.partition('.')[0]}_{kind}": {"kind": kind, "file": file}
        for file, kind in itertools.product(FILES, ("deleted", "zeroed", "flipped"))
    },
}
# The first ones need a backup; an index is built anew from Chroma's own queue.
DAMAGE: dict[str, dict[str, Any]] = {
    **{kind: {"kind": kind} for kind in ("database_page", "database_gone", "live_tar")},
    **INDEX,
}


@pytest.mark.parametrize("variant", DAMAGE)
def test_chromadb_corruption(night: Night, variant: str) -> None:
    """Every document is found by its words again; nothing is lost, as each has its row and its file."""
    night.prove(
        refserver_night(
            page="chromadb_corruption",
            variant=variant,
            harm=fault("chroma_damaged", **DAMAGE[variant]),
            backups=daily if variant in INDEX else daily_and_hourly,
            rpo=0,
        )
    )
