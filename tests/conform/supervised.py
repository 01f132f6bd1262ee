"""The ways to a supervised service from this machine: a real engine, a real systemd in it, a real Compose."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import EngineMissing
from agent.inventory.model import Host, Service, Where
from agent.transport import open_road
from agent.transport.ask import Sh
from agent.transport.perform import perform
from agent.transport.road import Road
from drills.rig import compose, engine, images

BASE = "debian:bookworm-slim"
SERVE = """#!/bin/sh
# Serves nothing, honestly: says what it is started with, fails where it is told to, is ready when it may be.
trap 'exit 0' TERM
echo started >>"$1/starts"
printenv >"$1/env"
printf %s "$URI" | sha256sum >"$1/digest"
if [ -e "$1/broken" ]; then echo "the data in $1 are broken" >&2; exit 3; fi
if [ -n "$NOTIFY_SOCKET" ]; then
  until [ -e "$1/ready" ]; do sleep 0.05; done
  systemd-notify --ready
fi
echo "serving in mode ${MODE-unset}"
sleep 1000 &
wait
"""
HEALTH = 'healthcheck: {test: ["CMD", "test", "-e", "/ctl/ready"], interval: 0.2s, retries: 1000}'


@dataclass
class Way:
    """One supervisor and its services `api` (starts at once) and `slow` (is ready when it is let)."""

    name: str
    to: Host
    folder: str
    settings: dict[str, object] = field(default_factory=dict)
    prefix: str = ""

    @functools.cached_property
    def road(self) -> Road:
        """The road to the host that everything but a second thread goes along."""
        return open_road(self.to)

    def service(self, unit: str = "api") -> Service:
        """The service as an inventory has it."""
        at = Where("hosts.yml", 7)
        return Service("redis", self.to.name, self.name, self.prefix + unit, self.settings, at)

    def control(self, text: str, unit: str = "api") -> str:
        """Run a command in the folder through which a service is told what to do."""
        return self._sh('cd "$1" && ' + text, f"{self.folder}/{unit}")

    def environment(self, unit: str = "api") -> dict[str, str]:
        """The environment the service was last started with, as it wrote it down."""
        lines = self.control("cat env", unit).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def _sh(self, text: str, *words: str) -> str:
        def action():
            done = yield Sh(text, *words, script=True, sudo=True)
            return done.text

        return perform(action(), self.road)


@functools.cache
def engine_here() -> bool:
    """Whether an engine on this machine answers that has the images."""
    try:
        found = engine.connect()
        return found.endpoint.local and {BASE, host_image()} <= {
            tag for image in found.client.images.list() for tag in image.tags
        }
    except EngineMissing:
        return False


def host_image() -> str:
    """The image of a small server with systemd."""
    return images.tag(images.IMAGES / "redis_host")


def cluster() -> bool:
    """Whether KUBECONFIG names a cluster that answers."""
    if not os.environ.get("KUBECONFIG") or not shutil.which("kubectl"):
        return False
    argv = ["kubectl", "--request-timeout=5s", "version"]
    return subprocess.run(argv, capture_output=True, check=False, timeout=60).returncode == 0


def ways() -> list[str]:
    """The supervisors that can be tried for real from here."""
    return list(MAKE) if shutil.which("docker") and engine_here() else []


def run(*argv: str | Path) -> str:
    """Run a command here and return what it says."""
    done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextlib.contextmanager
def systemd(folder: Path) -> Iterator[Way]:
    """A systemd that is process 1 of a container."""
    traits = engine.connect().traits
    own = ["--cgroupns=host", "--volume=/sys/fs/cgroup:/sys/fs/cgroup"] if traits.cgroup == 1 else []
    own += ["--security-opt=apparmor=unconfined"] if traits.apparmor else []
    own += ["--security-opt=label=disable"] if traits.selinux else []
    name = run(
        *("docker", "run", "--detach", "--rm", "--label", "drillyard=1", "--cap-add", "SYS_ADMIN"),
        *("--tmpfs", "/run", "--tmpfs", "/run/lock", *own, host_image()),
    )[:12]
    try:
        way = Way("systemd", Host("box", road="docker", address=name), "/srv/conform", prefix="conform-")
        unit = "[Unit]\nStartLimitBurst=4\n[Service]\n{}\nExecStart=/bin/sh {}/serve {}\n"
        always = "Restart=always\nRestartSec=0.1"
        notify = "Type=notify\nNotifyAccess=all"
        for each, kind in (("api", always), ("slow", notify)):
            text = (
                unit.format(kind, way.folder, f"{way.folder}/{each}")
                + "[Install]\nWantedBy=multi-user.target\n"
            )
            way._sh(
                'mkdir -p "/srv/conform/$1" && printf %s "$3" >/srv/conform/serve && '
                'printf %s "$2" >"/etc/systemd/system/conform-$1.service"',
                *(each, text, SERVE),
            )
        # Before systemd answers there is nobody to reload.
        way._sh("until systemctl daemon-reload 2>/dev/null; do sleep 0.05; done")
        yield way
    finally:
        run("docker", "rm", "--force", name)


@contextlib.contextmanager
def docker(folder: Path) -> Iterator[Way]:
    """Two containers of this machine's engine."""
    prefix = f"drillyard-conform-{uuid.uuid4().hex[:8]}-"
    try:
        for unit in ("api", "slow"):
            _control_folder(folder, unit)
            health = ["--health-cmd", "test -e /ctl/ready", "--health-interval", "0.2s"]
            health = health if unit == "slow" else []
            run(
                *("docker", "create", "--name", prefix + unit, "--label", "drillyard=1", *health),
                *("--restart", "always", "--env", "KEPT=as it was", "--volume", "/anonymous", "--init"),
                *("--volume", f"{folder}/{unit}:/ctl", BASE, "sh", "/ctl/serve", "/ctl"),
            )
        yield Way("docker", Host("here", road="local"), str(folder), prefix=prefix)
    finally:
        left = run("docker", "ps", "--all", "--quiet", "--filter", f"name={prefix}").split()
        if left:
            run("docker", "rm", "--force", "--volumes", *left)


@contextlib.contextmanager
def composed(folder: Path) -> Iterator[Way]:
    """A Compose project with two services."""
    project = f"drillyard-conform-{uuid.uuid4().hex[:8]}"
    text = "services:\n"
    for unit in ("api", "slow"):
        _control_folder(folder, unit)
        text += f"""\
  {unit}:
    image: {BASE}
    init: true
    restart: always
    labels: {{drillyard: "1"}}
    command: [sh, /ctl/serve, /ctl]
    volumes: ["{folder}/{unit}:/ctl"]
    env_file: [{{path: chat.env, required: false}}]
    environment: {{FIXED: "in the file"}}
    network_mode: none
    {HEALTH if unit == "slow" else ""}
"""
    (folder / "chat.yml").write_text(text)
    settings = {"project_dir": str(folder), "file": "chat.yml", "project": project, "env_file": "chat.env"}
    try:
        yield Way("compose", Host("here", road="local"), str(folder), settings)
    finally:
        compose.find().down(folder / "chat.yml", project, {})


def _control_folder(folder: Path, unit: str) -> None:
    (folder / unit).mkdir()
    (folder / unit / "serve").write_text(SERVE)


MAKE: dict[str, Callable[[Path], contextlib.AbstractContextManager[Way]]] = {
    "systemd": systemd,
    "docker": docker,
    "compose": composed,
}


def with_compose_on_path() -> str:
    """A PATH on which the Compose beside our python is found, as on a host that has one."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
