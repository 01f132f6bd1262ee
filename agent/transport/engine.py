"""What carries a run: this process by itself, or an engine whose workers hold the roads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import Usage
from agent.transport.choose import Roads, open_road
from agent.transport.road import Road

if TYPE_CHECKING:
    from agent.inventory.model import Host

HERE = "threads"
_DASK = "dask://"


@contextmanager
def engine(named: str, *, insecure: bool = False) -> Iterator[Roads]:
    """Yield what opens roads: from here (`threads` or ""), or from the workers of `dask://HOST:PORT`.

    Raises:
        Usage: there is no such engine, or its library is not installed.
        Unreachable: it does not answer.
        Refused: it is spoken to in the clear over a network, and `insecure` does not allow that.
    """
    if named in ("", HERE):
        yield open_road
        return
    if not named.startswith(_DASK) or not named.removeprefix(_DASK).rpartition(":")[2].isdecimal():
        raise Usage(f"--engine {named}: expected dask://HOST:PORT (of Dask's scheduler), or {HERE}.")
    # Dask takes a second to import, and few runs need it.
    from agent.transport.far.dask_post import DaskPost
    from agent.transport.far.place import stays
    from agent.transport.far.road import FarRoad
    from agent.transport.ssh_login import known_keys

    post = DaskPost(named.removeprefix(_DASK), insecure=insecure)

    def from_a_worker(host: Host, spill: Path | None = None) -> Road:
        return open_road(host, spill) if stays(host) else FarRoad(host, spill, post, known_keys)

    try:
        yield from_a_worker
    finally:
        post.close()
