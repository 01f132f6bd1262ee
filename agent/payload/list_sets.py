"""Say which sets of backup files lie there, by their manifests: for a history that was lost.

python3 -I - '{"place": {"data": "/data", "backups": "/data/backups"}}'
"""

from __future__ import annotations

import json
import sys
from typing import Any

from agent.payload import durable
from agent.payload.durable import Refuse
from agent.payload.kept_set import Place, load
from agent.payload.take_set import summary
from agent.payload.telling import tell


def listed(spec: dict[str, Any]) -> dict[str, Any]:
    """Return every set with a manifest that can be read, and a sentence for each that cannot."""
    place = Place.of(spec)
    found, wrong = [], []
    for path in sorted((place.backups / "metadata").glob("*.json")):
        if path.name == "backup_history.json" or path.name.startswith("."):
            continue
        try:
            facts = {"path": str(path), "bytes": path.stat().st_size, "sha256": durable.digest(path)}
            kept = load(place, path.stem)
        except (Refuse, FileNotFoundError) as error:
            # One that is gone by now was pruned meanwhile, and is no set any more.
            if durable.seen(path):
                wrong.append(str(error))
            continue
        if set(kept.parts) == set(place.elements):
            found.append({**facts, **summary(place, kept)})
    return {"sets": found, "wrong": wrong}


def main(argv: list[str]) -> int:
    """Do what the JSON in the first argument says; 0, or 1 with a sentence on standard error."""
    try:
        tell(listed(json.loads(argv[0])))
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
