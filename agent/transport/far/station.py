"""What a worker does with a controller's letters: it holds the roads and answers, whatever goes wrong."""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from agent import __version__
from agent.transport.ask import Get, Put
from agent.transport.choose import open_road
from agent.transport.far.letter import Clock, Close, Forget, Learn, Letter, Open, Piece, Reply, Run
from agent.transport.road import Road

LEASE = 900.0
"""Seconds after which a road that nobody asks anything of is closed: its controller may be dead."""


async def answer(letter: Letter) -> Reply:
    """Do what a letter says; whatever goes wrong is part of the reply, as a worker logs what is raised."""
    try:
        return await _here().take(letter)
    except Exception as error:  # noqa: BLE001 - see above
        return Reply.failed(error)


def version() -> str:
    """Return what must be the same here and there, as values are pickled."""
    return f"drillyard {__version__} on Python {sys.version_info.major}.{sys.version_info.minor}"


@dataclass
class Held:
    """One road, the work under way on it, and when its controller was last heard."""

    road: Road
    folder: Path
    shown: str
    heard: float
    n: int = 0
    work: asyncio.Future[Any] | None = None


class Station:
    """The roads that one worker holds for controllers, each with a folder of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        """It holds none yet."""
        self._folder = folder
        self._held: dict[str, Held] = {}
        self._reaping: asyncio.TimerHandle | None = None

    async def take(self, letter: Letter) -> Reply:
        """Do what a letter says, and wait no longer for its end than it says.

        Raises:
            DrillyardError: what the road raised.
        """
        match letter.work:
            case Learn():
                return self._learn(letter.work)
            case Open():
                if not self._open(letter.road, letter.work):
                    return Reply("no keys")
            case Close():
                self._close(letter.road)
                return Reply("done")
        held = self._held.get(letter.road)
        if held is None:
            return Reply("no road")
        held.heard = time.monotonic()
        if letter.work is not None:
            if held.work is not None:
                return Reply("no road")
            held.n, held.work = letter.n, _in_thread(lambda: _done(held, letter.work))
        if held.work is None or held.n != letter.n:
            return Reply("no road")
        return await self._outcome(letter, held)

    async def _outcome(self, letter: Letter, held: Held) -> Reply:
        assert held.work is not None
        await asyncio.wait({held.work}, timeout=letter.wait)
        if not held.work.done():
            return Reply("at it")
        work, held.work = held.work, None
        spilled = tuple((path.name, path.stat().st_size) for path in sorted(held.folder.glob("*")))
        error = work.exception()
        if error is None:
            return Reply("done", work.result(), spilled=spilled)
        if letter.n == 0:
            self._close(letter.road)
        failed = Reply.failed(error if isinstance(error, Exception) else RuntimeError(repr(error)))
        # The file of keys is the controller's, under another name here.
        keys = str(self._keys)
        sentence, do = (_renamed(text, keys, held.shown) for text in (failed.sentence, failed.do))
        return replace(failed, sentence=sentence, do=do, spilled=spilled)

    @property
    def _keys(self) -> Path:
        return self._folder / "keys"

    def _learn(self, work: Learn) -> Reply:
        if hashlib.sha256(work.content).hexdigest() != work.digest:
            raise ValueError("the keys are not those of their digest")
        self._keys.mkdir(parents=True, exist_ok=True)
        (self._keys / work.digest).write_bytes(work.content)
        return Reply("done")

    def _open(self, name: str, work: Open) -> bool:
        keys = self._keys / work.digest
        if work.digest and not keys.is_file():
            return False
        folder = self._folder / hashlib.sha256(name.encode()).hexdigest()[:16]
        host = replace(work.host, known_hosts=str(keys)) if work.digest else work.host
        road = open_road(host, spill=folder if work.spills else None)
        self._held[name] = Held(road, folder, work.shown, time.monotonic())
        if self._reaping is None:
            self._reaping = asyncio.get_running_loop().call_later(LEASE / 3, self._reap)
        return True

    def _close(self, name: str) -> None:
        held = self._held.pop(name, None)
        if held is not None:
            _in_thread(lambda: _closed(held))

    def _reap(self) -> None:
        """Close the roads of controllers that died, and look again later while any is held."""
        late = time.monotonic() - LEASE
        for name in [name for name, held in self._held.items() if held.heard < late and held.work is None]:
            self._close(name)
        again = bool(self._held)
        self._reaping = asyncio.get_running_loop().call_later(LEASE / 3, self._reap) if again else None


_station: Station | None = None


def _here() -> Station:
    global _station  # noqa: PLW0603 - a worker has one, for as long as it lives
    if _station is None:
        folder = Path(mkdtemp(prefix="drillyard-worker-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _station = Station(folder)
    return _station


def _done(held: Held, work: Any) -> Any:
    road = held.road
    match work:
        case Open():
            return road.open()
        case Run():
            return road.run(work.ask, job=work.job)
        case Put():
            return road.put(work)
        case Get():
            return road.get(work)
        case Clock():
            return road.clock()
        case Forget():
            return road.forget(work.run)
        case Piece():
            return _piece(held.folder / Path(work.name).name, work)
    raise ValueError(f"{type(work).__name__} is nothing to be done on a road")


def _piece(path: Path, work: Piece) -> bytes:
    if not work.size:
        path.unlink(missing_ok=True)
        return b""
    with path.open("rb") as file:
        file.seek(work.offset)
        return file.read(work.size)


def _closed(held: Held) -> None:
    held.road.close()
    shutil.rmtree(held.folder, ignore_errors=True)


def _renamed(text: str, folder: str, shown: str) -> str:
    """Return a text with whatever stands for a file of keys in `folder` as `shown`."""
    return re.sub(re.escape(folder) + "/[0-9a-f]{64}", lambda _: shown, text)


def _in_thread(do: Callable[[], Any]) -> asyncio.Future[Any]:
    """Do something that blocks, in a thread that does not keep its process from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def tell(result: Any, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
            future.exception()  # an error that nobody asks for any more is no news for the log

    def go() -> None:
        result, error = None, None
        try:
            result = do()
        except BaseException as problem:  # noqa: BLE001 - it is the answer
            error = problem
        try:
            loop.call_soon_threadsafe(tell, result, error)
        except RuntimeError:
            return  # the worker is ending

    threading.Thread(target=go, name="road", daemon=True).start()
    return future
