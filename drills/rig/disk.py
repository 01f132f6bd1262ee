"""A data volume that is a disk of its own, so that its power can be cut: what was not fsynced is gone.

A volume is made an ext4 file system on a loop device. Its image file holds exactly what the file system has
handed down to the device: what was fsynced or written back by the kernel, never what only stood in the page
cache. A copy of it taken while every process stands still is the disk after a power cut. kill -9 proves
nothing of the kind: the page cache outlives the process.

Only the volume loses what was not on the disk; the host's other files are kept by the engine.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from agent.errors import EngineMissing, StepFailed
from drills.rig import toolbox
from drills.rig.adapt import LABEL, STACK_LABEL
from drills.rig.engine import Engine
from drills.rig.host import StackHost

SIZE = 512 << 20  # bytes; the image is sparse

_MAKE = """
truncate -s "$1" "$2"
mkfs.ext4 -q -F -m 0 -N 8192 -E lazy_itable_init=0,lazy_journal_init=0 "$2"
loop=$(losetup -f --show "$2")
# An empty root lets the engine give it the owner and mode that the image's folder has.
mkdir -p /mnt/new
if ! mount "$loop" /mnt/new; then losetup -d "$loop"; exit 1; fi
rmdir /mnt/new/lost+found
umount /mnt/new
echo "$loop"
"""

# A copy counts only if the kernel wrote nothing back meanwhile: else it mixes two moments.
_COPY = """
stat=/sys/block/${1#/dev/}/stat
for try in $(seq 100); do
    before=$(cat "$stat")
    cp --sparse=always "$2" "$2.cut"
    set -- "$1" "$2" $before
    if [ "$before" = "$(cat "$stat")" ] && [ "${11}" = 0 ]; then exit 0; fi
done
echo "the disk did not come to rest in 100 copies" >&2
exit 1
"""

_PUT_BACK = """
python3 - "$1" <<'END'
import errno, os, sys, time
limit = time.monotonic() + 20
while True:
    try:
        os.close(os.open(sys.argv[1], os.O_RDWR | os.O_EXCL))
        break
    except OSError as error:
        if error.errno != errno.EBUSY or time.monotonic() > limit:
            sys.exit(f"{sys.argv[1]} is still mounted: {error.strerror}")
        time.sleep(0.02)
END
cp --sparse=always "$2.cut" "$2"
rm "$2.cut"
blockdev --flushbufs "$1"
"""


@dataclass(frozen=True)
class Cut:
    """When everything stood still, on our monotonic clock: not before `before`, and surely at `after`.

    What was acknowledged between the two may or may not be on the disk: `after` is the strike.
    """

    before: float
    after: float


class Disk:
    """One volume's disk, and the toolbox it is made with."""

    def __init__(self, engine: Engine, stack: str, volume: str, size: int = SIZE) -> None:
        """`stack` is the compose project and `volume` the volume's name in its compose file."""
        self._engine = engine
        self._stack = stack
        self._size = size
        self._image = f"{toolbox.DISKS}/{stack}.{volume}.img"
        self._store = f"{stack}_{volume}-disk"
        self._toolbox: StackHost | None = None
        self.device = ""

    def make(self) -> str:
        """Make the disk and return its block device on the engine's machine, such as `/dev/loop3`.

        Raises:
            EngineMissing: the engine has no loop devices or ext4 for us; the sentence says what it said.
        """
        labels = {LABEL: "1", STACK_LABEL: self._stack, "drillyard.disk": "1"}
        self._engine.client.volumes.create(self._store, labels=labels)
        self._toolbox = toolbox.start(self._engine, self._stack, {self._store: toolbox.DISKS})
        try:
            made = self._toolbox.exec("sh", "-ec", _MAKE, "sh", str(self._size), self._image)
        except StepFailed as error:
            raise EngineMissing(
                f"Expected an ext4 disk on a loop device, the engine's kernel did not make one: {error}",
                do="Drills that cut the power need an engine on Linux that grants loop devices.",
            ) from None
        self.device = made.text
        return self.device

    def cut_power(self, host: StackHost) -> Cut:
        """Cut the host's power and leave it switched off, its disk as it was at that moment.

        Every process is stopped first, so nothing is acknowledged after the moment the disk is from.
        Switch it on again with `host.power_on`.

        Raises:
            StepFailed: a step did not work; the sentence names it.
        """
        made = self._made()
        before = time.monotonic()
        host.exec("kill", "-STOP", "-1", ok=())
        after = time.monotonic()
        made.exec("sh", "-ec", _COPY, "sh", self.device, self._image)
        host.power_off()
        made.exec("sh", "-ec", _PUT_BACK, "sh", self.device, self._image)
        return Cut(before, after)

    def remove(self) -> None:
        """Let go of the loop device (at the latest when its mount goes); the rest goes with the stack."""
        if self._toolbox is not None:
            toolbox.let_go(self._toolbox, self._image.rpartition("/")[2])

    def _made(self) -> StackHost:
        if self._toolbox is None or not self.device:
            raise StepFailed("This disk has not been made: give the stack `disks=` before it starts.")
        return self._toolbox
