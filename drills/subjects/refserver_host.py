"""What must be true of RefServer's host on any good day: asserted before the strike and after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drills.rig.verdict import Claim

# Not `find ! -user`: a file that goes away meanwhile (a SQLite journal) would count as a stranger's.
_FOREIGN = (
    "find /data -path /data/backups -prune -o -name '*drillyard-*' -prune -o -print0 "
    "| xargs -0 stat --format '%u:%g %n' 2>/dev/null | sed -n '/^1000:1000 /!s/^[0-9:]* //p' "
    "| grep -v -e '^/data/lost+found' -e '/.gate$' -e '/.quiesce$' | head -n 3"
)


def claims(host: Any) -> Iterator[Claim]:
    """Look at the host through testinfra's `host` and yield one claim each, held or broken."""
    database = host.file("/data/refserver.db")
    yield _claim("database there", database.is_file, "its database is there", "its database is not there")
    mode = database.mode if database.is_file else 0
    yield _claim(
        "database mode", mode & 0o644 == 0o644, "its database can be read", f"its database's mode is {mode:o}"
    )
    foreign = host.run(_FOREIGN).stdout.split()
    yield _claim(
        "files its own",
        not foreign,
        "all of its files are its own",
        f"not all of its files are its own: {' '.join(foreign)}",
    )
    yield _claim(
        "mounted",
        host.run("findmnt -n /data").rc == 0,
        "/data is a mount of its own",
        "/data is not mounted",
    )
    full = int(host.run("df --output=pcent /data | tail -n 1 | tr -dc 0-9").stdout or 100)
    yield _claim("room", full < 95, f"/data is {full} % full", f"/data is {full} % full")


def _claim(name: str, held: bool, good: str, bad: str) -> Claim:
    sentence = good if held else bad
    return Claim(name, "held" if held else "broken", sentence[0].upper() + sentence[1:] + ".")
