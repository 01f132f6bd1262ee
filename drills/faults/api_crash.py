"""The API is killed as often as its supervisor starts it again, until the supervisor gives it up."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound

# Each life is ended as soon as it begins, so the supervisor's limit of starts is reached.
_PROGRAM = """
import json, subprocess, sys, time
unit, seconds = sys.argv[1], float(sys.argv[2])
end, killed = time.monotonic() + seconds, []
while time.monotonic() < end:
    asked = ["-P", "MainPID", "-P", "ControlPID", "-P", "ActiveState", unit]
    shown = subprocess.run(["systemctl", "show", *asked], capture_output=True, text=True).stdout.split()
    pids = [int(word) for word in shown if word.isdigit() and word != "0"]
    if pids and pids[0] not in killed:
        subprocess.run(["systemctl", "kill", "--signal", "KILL", unit], check=False)
        killed.append(pids[0])
    elif "failed" in shown:
        print(json.dumps({"killed": killed}))
        sys.exit(0)
    time.sleep(0.02)
sys.exit(f"{unit} was killed {len(killed)} times in {seconds:g} s and is still being started")
"""


@dataclass(frozen=True)
class Fault(Harm):
    """For at most `seconds` it is killed again and again."""

    seconds: float = 30.0

    def strike(self, scene: Scene) -> Wound:
        """Kill it until systemd calls it failed; a container without a unit is not started again."""
        began = time.monotonic()
        if not scene.unit:
            scene.host.container.kill()
            return Wound("the API's container was killed", {}, (began, began))
        done = scene.host.exec("python3", "-", scene.unit, str(self.seconds), stdin=_PROGRAM.encode())
        facts = json.loads(done.text)
        what = f"the API was killed {len(facts['killed'])} times, and systemd has given it up"
        return Wound(what, facts, (began, began))
