"""Everything Redis keeps is gone, append-only file and dump.rdb: it starts empty and looks healthy."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.crash import crash
from drills.rig.fault import Harm, Scene, Wound

_DAMAGE = r"""
def damage():
    import shutil
    gone = []
    for name in sorted(os.listdir(order["data_dir"])):
        path = os.path.join(order["data_dir"], name)
        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
        gone.append(name)
    return {"folder": order["data_dir"], "gone": gone}
"""


@dataclass(frozen=True)
class Fault(Harm):
    """With `stays_down` it does not come back by itself either, as where its disk has to be replaced."""

    stays_down: bool = False

    def strike(self, scene: Scene) -> Wound:
        """Freeze, remove, kill."""
        if self.stays_down:
            scene.host.exec("sh", "-c", _NO_RESTART, "sh", scene.unit)
        return crash(scene, "the append-only file and dump.rdb are gone", _DAMAGE)

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Let it come back by itself again."""
        del wound
        if self.stays_down:
            scene.host.exec("sh", "-c", _RESTART, "sh", scene.unit)


_NO_RESTART = """\
mkdir -p "/run/systemd/system/$1.service.d"
printf '[Service]\\nRestart=no\\n' >"/run/systemd/system/$1.service.d/drill.conf"
systemctl daemon-reload
"""
_RESTART = 'rm -f "/run/systemd/system/$1.service.d/drill.conf"; systemctl daemon-reload'
