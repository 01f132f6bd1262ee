"""The JSON Schema of the events that `--json` writes, one a line, made from the events themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import msgspec

from agent.naming import HERE
from agent.runbook.events import Event, UnlockEvent

SHIPPED: Path = HERE / "screen" / "events.schema.json"


def events_schema() -> dict[str, Any]:
    """Return the schema of one event, in the dialect of 2020-12; each kind with what it promises.

    A later release may add kinds and fields, never take one away: readers pass over what they do not know.
    """
    kinds = (*get_args(Event), UnlockEvent)
    refs, parts = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    for kind in kinds:
        part = parts[kind.__name__]
        part["description"] = " ".join((kind.__doc__ or "").split())
        # We write every field of every event: a reader need not think of defaults.
        part["required"] = list(part["properties"])
        for each in part["properties"].values():
            each.pop("default", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An event of a Drillyard run",
        "description": "One line of `drillyard run --json`. The first is `run`; after `end` only messages "
        "about the end (`notify`, `last`) follow. `drillyard unlock --json` writes `unlock`, one a host.",
        "oneOf": list(refs),
        "$defs": parts,
    }


def schema_text() -> str:
    """Return the schema as it is shipped and as `drillyard runbooks schema events` prints it."""
    return json.dumps(events_schema(), indent=2, ensure_ascii=False) + "\n"
