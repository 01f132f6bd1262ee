"""The database shipped all the time, by Litestream: set up, watched, and put back to any second it holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from agent.at_rest import sets
from agent.at_rest.model import AtRest
from agent.at_rest.sets import Named, Restored
from agent.errors import StepFailed
from agent.transport.ask import Action, Clock, Done, Note, Put, Sh

_CONFIG = """\
# Ships {database} all the time. Written by Drillyard.
l0-retention: 48h
snapshot: {{interval: 24h, retention: 48h}}
logging: {{level: warn}}
dbs:
  - path: {database}
    meta-path: {folder}/state
    monitor-interval: 500ms
    replica: {{type: file, path: {folder}/log, sync-interval: 500ms}}
"""
_UNIT = """\
[Unit]
Description=Ships {database} all the time, by Litestream

[Service]
ExecStart={litestream} replicate -config {config}
# A restore ends it and puts another database in place: time for that.
Restart=always
RestartSec=15
Nice=5

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Standing:
    """Whether Litestream runs, the moments it holds (seconds since 1970, 0 = none), seconds it is behind."""

    running: bool
    oldest: float
    newest: float
    behind: float


def config(data: AtRest) -> str:
    """Return the path of Litestream's configuration on the host."""
    return data.stream_config


def files(data: AtRest) -> dict[str, str]:
    """Return the text of its configuration and of its systemd unit, by path on the host."""
    said = {"database": f"{data.data_dir}/{data.database}", "folder": data.stream, "config": config(data)}
    unit = _UNIT.format(**said, litestream=data.litestream)
    name = f"drillyard-stream-{data.database.partition('.')[0]}.service"
    return {config(data): _CONFIG.format(**said), f"/etc/systemd/system/{name}": unit}


def install(data: AtRest) -> Action[None]:
    """Put configuration and unit in their place on the host and start the unit."""
    yield Sh("mkdir", "-p", data.stream, sudo=True, changes=f"makes {data.stream}", again="safe")
    for path, text in files(data).items():
        yield Put(path, text.encode(), mode=0o644, sudo=True)
        last = path
    name = last.rpartition("/")[2]
    yield Sh("systemctl", "daemon-reload", sudo=True, changes="has systemd read its units", again="safe")
    yield Sh("systemctl", "enable", "--now", name, sudo=True, changes=f"starts {name}", again="safe")


def standing(data: AtRest) -> Action[Standing]:
    """Look at how the shipping stands."""
    found = yield from data.run("stream", _spec(data, do="state"), timeout=120)
    return Standing(**found)


def restore_newest(data: AtRest, copy: Named, exact: bool = False) -> Action[Restored]:
    """Put the newest database in place: what was shipped up to the last second, else the set `copy`.

    With `exact` it is the set, whatever was shipped.
    """
    if data.stream and not exact:
        try:
            return (yield from _restore(data, 0.0, against=copy.id))
        except StepFailed as error:
            yield Note(f"What was shipped is not used, {copy.id} is: {error.sentence}")
    return (yield from sets.restore(data, copy, ("sqlite",)))


def restore_at(data: AtRest, copy: Named, at: str) -> Action[Restored]:
    """Put everything back to the moment `at`: the set `copy`, its database replaced by that very second's.

    Where nothing was shipped of that moment, it is the set as it stands.
    """
    if data.stream:
        done: Done = yield Sh("date", "--date", at, "+%s.%N")
        try:
            return (yield from _restore(data, float(done.text), base=copy.id if data.chroma else ""))
        except StepFailed as error:
            yield Note(f"What was shipped is not used, {copy.id} is: {error.sentence}")
    return (yield from sets.restore(data, copy))


def _restore(data: AtRest, at: float, *, base: str = "", against: str = "") -> Action[Restored]:
    now: float = yield Clock()
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d_%H%M%S")
    spec = _spec(data, do="restore", at=at, id=base, against=against)
    found = yield from data.run(
        "stream",
        {**spec, "owner": data.owner, "mode": data.mode, "stamp": stamp},
        changes=f"puts the database that was shipped in place, what is there now into drillyard-kept-{stamp}",
        again="safe",
        supposing=Done(0, b"{}"),
    )
    taken = float(found.get("taken", now))
    restored = Restored(
        "stream",
        datetime.fromtimestamp(taken, UTC).isoformat(),
        tuple(found.get("elements", ("sqlite",))),
        found.get("contents", {}),
        found.get("kept", ""),
        round((at or now) - taken, 1),
    )
    yield Note(
        f"{data.host}: the database is as Litestream had it at {restored.at}: "
        f"{restored.contents.get('rows', 0)} rows, {restored.lost_seconds} s before what was asked for; "
        f"the state of before is in {restored.kept}."
    )
    return replace(restored, shipped=True)


def _spec(data: AtRest, **more: Any) -> dict[str, Any]:
    return {"stream": data.stream, "litestream": data.litestream, "config": config(data), **more}
