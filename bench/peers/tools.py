"""How each tool is installed, what is written for it, and the command line that carries out the steps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.hosts import Target

HERE = Path(__file__).resolve().parent
VENVS = HERE.parent.parent / ".cache" / "bench"
CHANGES = {0: "makes the folder", 1: "writes a", 4: "writes b"}
"""Which of the steps alter the host; only the agent is told, as it keeps them from being done twice."""

PACKAGES = {
    "ansible-pipelining": ["ansible-core==2.19.14"],
    "pyinfra": ["pyinfra==3.10.0"],
    "fabric": ["fabric==3.2.3"],
    "paramiko": ["fabric==3.2.3"],
    "fabric-tuned": ["fabric==3.2.3"],
    "asyncssh": ["asyncssh==2.24.1"],
}
TOOLS = ("drillyard", "ansible-pipelining", "pyinfra", "fabric", "paramiko", "ssh-controlmaster")
ALSO = ("fabric-tuned",)


@dataclass(frozen=True)
class Job:
    """The ten steps, on which hosts, and an empty folder for whatever the tool wants to write."""

    hosts: Sequence[Target]
    steps: Sequence[str]
    folder: Path
    forks: int


def command(tool: str, job: Job) -> tuple[list[str], dict[str, str]]:
    """Write what a tool needs into the job's folder; return its argv and environment."""
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    # Installed packages have their bytecode; in a checkout Python writes it at the first run, if it may.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    spec = job.folder / "spec.json"
    spec.write_text(
        json.dumps(
            {
                "hosts": [host.data() for host in job.hosts],
                "steps": list(job.steps),
                "folder": str(job.folder),
            }
        )
    )
    match tool:
        case "drillyard":
            return _drillyard(job), env
        case "ansible-pipelining":
            return _ansible(job, env)
        case "pyinfra":
            return _pyinfra(job), env
        case "ssh-controlmaster":
            return [sys.executable, str(HERE / "run_ssh.py"), str(spec)], env
        case "fabric-tuned":
            return [python_of(tool), str(HERE / "run_fabric.py"), str(spec), "tuned"], env
        case _:
            return [python_of(tool), str(HERE / f"run_{tool}.py"), str(spec)], env


def python_of(tool: str) -> str:
    """Return the Python of a tool's environment, made now where it is not there."""
    (package,) = PACKAGES[tool]
    venv = VENVS / package
    python = venv / "bin" / "python"
    if not (venv / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", package], check=True)
        (venv / "ready").touch()
    return str(python)


def _drillyard(job: Job) -> list[str]:
    page = {
        "title": "Ten steps",
        "steps": [
            {
                "id": f"step{n}",
                "sh": text,
                **({"changes": CHANGES[n]} if n in CHANGES else {"reads": True}),
            }
            for n, text in enumerate(job.steps)
        ],
    }
    (job.folder / "ten.yml").write_text(json.dumps(page))
    (job.folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": _ansible_hosts(job)}}))
    return [
        str(Path(sys.executable).with_name("drillyard")),
        *("run", str(job.folder / "ten.yml"), "-i", str(job.folder / "hosts.yml")),
        *("--runs", str(job.folder / "runs"), "--forks", str(job.forks)),
    ]


def _ansible_hosts(job: Job) -> dict[str, dict[str, object]]:
    return {
        host.name: {
            "ansible_host": host.address,
            "ansible_port": host.port,
            "ansible_user": host.user,
            "ansible_ssh_private_key_file": host.key,
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={host.known}",
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        for host in job.hosts
    }


def _ansible(job: Job, env: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    tasks = [{"name": f"step{n}", "ansible.builtin.shell": text} for n, text in enumerate(job.steps)]
    play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
    (job.folder / "ten.yml").write_text(json.dumps([play]))
    (job.folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": _ansible_hosts(job)}}))
    (job.folder / "ansible.cfg").write_text(
        f"[defaults]\nforks = {job.forks}\nlocal_tmp = {job.folder}/tmp\n"
        f"[connection]\npipelining = True\n[ssh_connection]\ncontrol_path_dir = {job.folder}/cp\n"
    )
    env = {**env, "ANSIBLE_CONFIG": str(job.folder / "ansible.cfg")}
    playbook = Path(python_of("ansible-pipelining")).with_name("ansible-playbook")
    return [str(playbook), "-i", str(job.folder / "hosts.yml"), str(job.folder / "ten.yml")], env


def _pyinfra(job: Job) -> list[str]:
    hosts = [
        (
            host.name,
            {
                "ssh_hostname": host.address,
                "ssh_port": host.port,
                "ssh_user": host.user,
                "ssh_key": host.key,
                "ssh_known_hosts_file": host.known,
                "ssh_strict_host_key_checking": "yes",
            },
        )
        for host in job.hosts
    ]
    (job.folder / "inventory.py").write_text(f"hosts = {hosts!r}\n")
    deploy = "from pyinfra.operations import server\n"
    deploy += "".join(
        f"server.shell(name='step{n}', commands=[{text!r}])\n" for n, text in enumerate(job.steps)
    )
    (job.folder / "deploy.py").write_text(deploy)
    pyinfra = Path(python_of("pyinfra")).with_name("pyinfra")
    return [
        *(str(pyinfra), "-y", "--parallel", str(job.forks)),
        *(str(job.folder / "inventory.py"), str(job.folder / "deploy.py")),
    ]
