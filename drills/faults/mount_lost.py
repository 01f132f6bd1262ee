"""A host's data folder is no longer mounted, neither for the host nor for the service that uses it."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import StepFailed
from drills.rig.adapt import LABEL, STACK_LABEL
from drills.rig.fault import Harm, Scene, Wound

# With the service's own image, whose Python has ctypes: a host need not have umount.
_DETACH = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
space = os.open("/proc/1/ns/mnt", os.O_RDONLY)
if libc.setns(space, 0x20000) or libc.umount2(sys.argv[1].encode(), 2):
    sys.exit(os.strerror(ctypes.get_errno()))
"""


@dataclass(frozen=True)
class Fault(Harm):
    """`folder` is what is unmounted; with `forgotten` fstab does not know of it either."""

    folder: str = "/data"
    forgotten: bool = False

    def strike(self, scene: Scene) -> Wound:
        """Unmount it in both; whoever has a file open there keeps it open, as with `umount --lazy`."""
        for host in (scene.host, scene.stack.hosts[scene.unit]):
            self._unmount(scene, str(host.container.id))
        if self.forgotten:
            scene.host.exec("sed", "-i", f"\\#{self.folder}#d", "/etc/fstab")
        return Wound(f"{self.folder} is not mounted", {"forgotten": self.forgotten})

    def _unmount(self, scene: Scene, container: str) -> None:
        from docker.errors import ContainerError

        engine = scene.stack.engine
        try:
            engine.client.containers.run(
                str(scene.stack.hosts[scene.unit].container.attrs["Image"]),
                ["python3", "-c", _DETACH, self.folder],
                remove=True,
                user="root",
                network_mode="none",
                pid_mode=f"container:{container}",
                cap_add=["SYS_ADMIN", "SYS_PTRACE", "SYS_CHROOT"],
                security_opt=["apparmor=unconfined"] if engine.traits.apparmor else [],
                labels={LABEL: "1", STACK_LABEL: scene.stack.name},
            )
        except ContainerError as error:
            raise StepFailed(f"{self.folder} could not be unmounted: {error}") from None
