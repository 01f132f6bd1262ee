"""ssh with a control master: one process a step and host, over the connection of the first."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

spec = json.loads(Path(sys.argv[1]).read_text())


def ssh(host, *words, first=False):
    keep = ["-o", "ControlMaster=auto", "-o", "ControlPersist=60"] if first else []
    argv = [
        *("ssh", *keep, "-o", f"ControlPath={spec['folder']}/%h-%p", "-o", "StrictHostKeyChecking=yes"),
        *("-o", f"UserKnownHostsFile={host['known']}", "-i", host["key"], "-p", str(host["port"])),
    ]
    subprocess.run([*argv, *words], check=True, capture_output=True, stdin=subprocess.DEVNULL)


with ThreadPoolExecutor(len(spec["hosts"])) as pool:
    for n, step in enumerate(spec["steps"]):
        done = pool.map(
            lambda host, n=n, step=step: ssh(host, f"{host['user']}@{host['address']}", step, first=not n),
            spec["hosts"],
        )
        list(done)
    list(pool.map(lambda host: ssh(host, "-O", "exit", host["address"]), spec["hosts"]))
