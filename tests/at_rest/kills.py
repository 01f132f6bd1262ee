"""A backup verb killed at its N-th change of a disk: what it leaves, and whether the next run succeeds.

Needs a C compiler. The process that calls `World.killed` must run under `environment()`.
"""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.backup import actions
from agent.backup.model import Backup
from agent.payload.check_set import check
from agent.payload.kept_set import Place, chain, faults
from agent.systems import refserver
from agent.systems.refserver import Refserver
from tests.at_rest.conftest import Shelf
from tests.at_rest.library import Library

OLD, NEW, BETWEEN = "old", "new", "between, finished by the next"
# Not a kill that was survived: the verb ended before that call.
UNREACHED = "never reached"
SOURCE = Path(__file__).with_name("kill_point.c")
Verb = Callable[["World"], None]


def environment(folder: Path) -> dict[str, str]:
    """Compile what counts and kills, and return the variables under which it does so below `folder`/data*."""
    library, counter = folder / "kill_point.so", folder / "counter"
    words = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(words, check=True, capture_output=True)
    counter.write_bytes(bytes(16))
    return {
        "LD_PRELOAD": str(library),
        "KILL_FILE": str(counter),
        "KILL_BELOW": str(folder / "here/data"),
    }


class World:
    """A RefServer with a weekly, a daily and two hourly sets, a far end, and a document since."""

    def __init__(self, folder: Path, far: dict[str, object] | None = None) -> None:
        self.home, self.kept = folder / "here", folder / "kept"
        self.settings = {"keep": {"last": 1}, "ship_to": [str(self.home / "data-far")], **(far or {})}
        self.quiet: Callable[[], None] = lambda: None
        self._made()

    def _made(self) -> None:
        shelf = Shelf(self.home)
        (self.home / "data-far").mkdir()
        self._say(shelf)
        for number, kind in enumerate(("weekly", "daily", "hourly", "hourly")):
            shelf.library.fill(2, 10 * number)
            shelf.take(kind)
        shelf.do(actions.ship(shelf.service))
        shelf.take("daily")
        shelf.library.fill(2, 90)
        shelf.take("hourly")
        shelf.library.upload("doc0", b"%PDF changed")
        shelf.library.delete("doc1")
        self.now = shelf.now
        shutil.copytree(self.home, self.kept)
        self.shelf = shelf

    def _say(self, shelf: Shelf) -> None:
        shelf.service.settings.update(self.settings)  # type: ignore[attr-defined]

    def reset(self) -> None:
        """Make everything as it was."""
        shutil.rmtree(self.home)
        shutil.copytree(self.kept, self.home)
        self.shelf = Shelf(self.home, anew=False)
        self.shelf.now = self.now + 7200
        self._say(self.shelf)

    def killed(self, verb: Verb, number: int) -> bool:
        """Do a verb in a process that dies with all it began at that call; return whether it came so far."""
        with _counter() as counter:
            counter[:] = struct.pack("<qq", 0, number)
            child = os.fork()
            if not child:
                try:
                    null = os.open(os.devnull, os.O_WRONLY)
                    os.dup2(null, 2)
                    verb(self)
                except BaseException:  # noqa: BLE001 - a process of ours ends here, whatever happened
                    os._exit(1)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            self.quiet()
            count, _ = struct.unpack("<qq", counter[:])
            counter[:] = bytes(16)
        if count < number and status:
            raise AssertionError(f"it failed by itself before call {number}")
        return count >= number

    def history(self) -> dict[str, Backup]:
        """The backups by id."""
        return {each.id: each for each in self.shelf.do(actions.history(self.shelf.service))}

    def whole(self) -> str:
        """Hold every backup to its sums, and the newest to its manifest; return what is wrong."""
        spec = {"place": {"data": str(self.shelf.library.data), "backups": str(self.shelf.backups)}}
        place = Place.of(spec)
        known = self.history()
        for name in known:
            wrong = next((found for each in chain(place, name) if (found := faults(place, each))), "")
            if wrong:
                return f"{name}: {wrong}"
        newest = max(known, key=lambda name: known[name].taken_at)
        found = check({**spec, "id": newest, "depth": "restored"})
        return self.litter() if found["sound"] else str(found["detail"])

    def litter(self) -> str:
        """Return files that no backup owns, and what was made for a moment only."""
        owned = {part.path for each in self.history().values() for part in each.files}
        lost = [
            str(path.relative_to(self.home))
            for path in self.shelf.backups.rglob("*")
            if path.is_file() and "metadata" not in path.parts and path.suffix != ".sha256"
            if str(path) not in owned
        ]
        lost += [
            str(path) for path in self.shelf.backups.rglob("*.sha256") if not path.with_suffix("").exists()
        ]
        for pattern in (".drillyard-*", ".taking.json", ".removing*", "*.partial", "*.new"):
            lost += [str(path.relative_to(self.home)) for path in self.home.rglob(pattern)]
        return f"left behind: {', '.join(lost[:4])}" if lost else ""


@contextmanager
def _counter() -> Iterator[mmap.mmap]:
    with Path(os.environ["KILL_FILE"]).open("r+b") as file, mmap.mmap(file.fileno(), 16) as shared:
        yield shared


def take_full(world: World) -> None:
    """A full set."""
    world.shelf.do(actions.take(world.shelf.service, None, "daily"))


def take_hourly(world: World) -> None:
    """An increment."""
    world.shelf.do(actions.take(world.shelf.service, None, "hourly"))


def ship(world: World) -> None:
    """What the far end does not hold yet."""
    world.shelf.do(actions.ship(world.shelf.service))


def prune(world: World) -> None:
    """All but the newest of each kind and what it needs."""
    world.shelf.do(actions.prune(world.shelf.service))


def restore(world: World) -> None:
    """The newest set in the data's place."""
    newest = max(world.history().values(), key=lambda each: each.taken_at)
    world.shelf.do(refserver.restore(Refserver.of(world.shelf.service), newest))


class Sweep:
    """One verb, and what must hold after it was killed and after it ran again."""

    def __init__(self, world: World, verb: Verb) -> None:
        self.world, self.verb = world, verb
        world.reset()
        self.before, self.data = world.history(), world.shelf.library.state()
        verb(world)
        self.after, self.result = world.history(), world.shelf.library.state()

    def calls(self) -> int:
        """How many calls the verb makes in peace."""
        self.world.reset()
        number = 1 << 40
        with _counter() as counter:
            counter[:] = struct.pack("<qq", 0, number)
            child = os.fork()
            if not child:
                self.verb(self.world)
                os._exit(0)
            os.waitpid(child, 0)
            count, _ = struct.unpack("<qq", counter[:])
            counter[:] = bytes(16)
        return int(count)

    def at(self, number: int) -> tuple[str, str]:
        """Kill at one call; return the state that was left, and what went wrong then or in the next run.

        UNREACHED where the verb ended before it: nothing was killed, and nothing is known.
        """
        world = self.world
        world.reset()
        if not world.killed(self.verb, number):
            return UNREACHED, ""
        left = self._left()
        if not left:
            return "", "neither the old nor the new state was left"
        world.shelf.now += 60
        try:
            self.verb(world)
        except Exception as error:  # noqa: BLE001 - the next run must succeed
            return left, f"the next run failed: {error}"
        return left, self._amiss() or world.whole()

    def _left(self) -> str:
        world = self.world
        if self.verb is restore:
            if (world.shelf.library.data / ".drillyard-swap.json").exists():
                return BETWEEN
            state = world.shelf.library.state()
            return OLD if state == self.data else NEW if state == self.result else ""
        if world.shelf.library.state() != self.data:
            return ""
        known = world.history()
        if any(not _there(each) for each in known.values()):
            return ""
        if self.verb is ship:
            held = [far_faults(world, each) for each in known.values()]
            done = all(each.shipped for each in known.values())
            return "" if any(held) else NEW if done else OLD
        if set(known) == set(self.before):
            return OLD
        if self.verb is prune:
            return NEW if set(known) == set(self.after) else ""
        return NEW if len(known) == len(self.before) + 1 else ""

    def _amiss(self) -> str:
        world = self.world
        if self.verb is restore:
            if world.shelf.library.state() != self.result:
                return "the next run did not restore it"
            kept = [
                Library(folder, anew=False).state()
                for folder in world.shelf.library.data.glob("drillyard-kept-*")
                if (folder / "refserver.db").exists()
            ]
            return "" if self.data in kept else "the state of before is not kept"
        if self.verb is ship:
            return next((f for each in world.history().values() if (f := far_faults(world, each, True))), "")
        if self.verb is prune and set(world.history()) != set(self.after):
            return "the next run kept something else"
        newer = len(set(world.history()) - set(self.before))
        return "" if newer or self.verb is prune else "the next run took none"


def _there(backup: Backup) -> bool:
    return all(Path(part.path).is_file() for part in backup.files)


def far_faults(world: World, backup: Backup, needed: bool = False) -> str:
    """Return what is wrong with a backup's copy at the far end, which may be missing unless it is needed."""
    folder = world.home / "data-far/refserver/here"
    if not (folder / f"{backup.id}.json").exists():
        return f"{backup.id} is not there" if needed or backup.shipped else ""
    for part in backup.files:
        found = [path for path in folder.rglob(Path(part.path).name) if path.read_bytes()]
        if not any(path.read_bytes() == Path(part.path).read_bytes() for path in found):
            return f"{part.path} is not what was sent"
    return ""
