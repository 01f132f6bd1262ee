"""A release is deployed that does not run: the API crashes as soon as it is started, again and again."""

from __future__ import annotations

import time
from dataclasses import dataclass

from agent.errors import NotFound
from drills.rig.fault import Harm, Scene, Wound

# What its developers forgot: a module that is not there, or a setting that only they have.
_BREAKS = {
    "import": "from . import presence as presence\n",
    "start": """

@contextlib.asynccontextmanager
async def _warm(app):
    os.environ["PRESENCE_URL"]
    yield


app.router.lifespan_context = _warm
""",
}
_DEPLOY = """\
set -eu
root=$1 name=$2 unit=$3
now=$(readlink -f "$root/current")
cp -a "$now" "$root/releases/$name"
cat >>"$root/releases/$name/chat/api.py"
ln -s "releases/$name" "$root/current.new"
mv -T "$root/current.new" "$root/current"
systemctl restart --no-block "$unit"
basename "$now"
"""
# Its workers die, its parent ends as if it had been asked to; nobody is called before.
_DYING = """\
for _ in $(seq 600); do
    case $(systemctl show -P ActiveState "$1") in
        failed|inactive) ! journalctl -u "$1" --since=-120s -o cat | grep -q PRESENCE_URL || exit 0 ;;
    esac
    sleep 0.1
done
echo "$1 runs, whatever was deployed" >&2
exit 1
"""


@dataclass(frozen=True)
class Fault(Harm):
    """The release `name` below `root` breaks at its `import`, or when its workers `start`."""

    breaks: str = "import"
    name: str = "3"
    root: str = "/opt/chat"

    def strike(self, scene: Scene) -> Wound:
        """Deploy it, and restart the API on it."""
        if self.breaks not in _BREAKS:
            raise NotFound(f"bad_release: breaks is one of {', '.join(_BREAKS)}, found {self.breaks}.")
        began = time.monotonic()
        before = scene.host.exec(
            *("sh", "-c", _DEPLOY, "sh", self.root, self.name, scene.unit),
            stdin=_BREAKS[self.breaks].encode(),
        ).text
        if self.breaks == "start":
            scene.host.exec("sh", "-c", _DYING, "sh", scene.unit)
        what = f"release {self.name} is deployed in the place of {before}, and does not run"
        return Wound(what, {"release": self.name, "before": before, "breaks": self.breaks}, (began, began))
