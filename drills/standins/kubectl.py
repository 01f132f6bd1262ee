"""A stand-in for kubectl: the golden cases' answers, and a container that really is stopped and started.

The Deployment `api` has one container of the engine in the place of its pods. Whatever no golden case has is
refused, so that nothing is proved by an answer that nobody ever saw a cluster give. As a program:

python3 -m drills.standins.kubectl STATE --namespace=chat get deployment api --output ...
"""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

SIMULATED = "kubernetes (kubectl is a stand-in with the answers of the golden cases)"
READY = "pods that are ready and silent are deleted and made anew"
GONE = "scaled to nothing is scaled back"
_ROOT = Path(__file__).parents[2]
_GOLDEN = _ROOT / "tests/golden/kubernetes"
_PLACES = ("--request-timeout=", "--namespace=", "--context=", "--kubeconfig=")
_PATTERNS = ("get deployment api *", "get pods *", "get replicasets *", "logs *")
_REFUSED = 64


@dataclass(frozen=True)
class State:
    """What the cluster would keep: the container in the pods' place, how often it was changed, its replicas.

    `asked` is the file in which every command is written down, a line of JSON each.
    """

    container: str
    asked: str
    generation: int = 4
    replicas: int = 2


@cache
def golden() -> tuple[dict[str, Any], ...]:
    """Return the golden cases of api_down, and those of the supervisor."""
    files = [_GOLDEN / "api_down.yml", _GOLDEN / "cases.yml"]
    return tuple(case for file in files for case in yaml.safe_load(file.read_text()))


def _case(name: str) -> dict[str, Any]:
    return next(case for case in golden() if case["case"] == name)


def changes_of(case: str) -> list[str]:
    """Return the commands by which that golden case changes the cluster, without where the cluster is."""
    return [_plain(line.split()[1:]) for line in _case(case)["changes"]]


def changed(asked: Path) -> list[str]:
    """Return the commands that were carried out and changed something, from the file they were written to."""
    told = [json.loads(line) for line in asked.read_text().splitlines()] if asked.exists() else []
    return [_plain(each["argv"]) for each in told if each["rc"] == 0 and not _asks(_plain(each["argv"]))]


def put_into(folder: Path, state: State) -> Path:
    """Write the program `kubectl` and its state into a folder for PATH, and return the program."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "state.json"
    kept.write_text(json.dumps(asdict(state)))
    words = shlex.join([sys.executable, "-m", "drills.standins.kubectl", str(kept)])
    program = folder / "kubectl"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(_ROOT))} exec {words} "$@"\n')
    program.chmod(0o755)
    return program


def answer(state: State, argv: Sequence[str], running: bool, began: str) -> tuple[State, str]:
    """Return what the cluster is after a command and what it says; `running` since `began` is the container.

    Raises:
        LookupError: no golden case has this command.
    """
    said = _plain(argv)
    if _asks(said):
        return state, _told(state, said, running, began)
    if not any(said == line for line in _known()):
        raise LookupError(f"no golden case has `kubectl {said}`")
    newer = replace(state, generation=state.generation + 1)
    scaled = re.search(r"--replicas=(\d+)", said)
    return replace(newer, replicas=int(scaled[1])) if scaled else newer, ""


def acts(said: str) -> tuple[str, ...]:
    """Return the engine's commands that a change comes to, as far as users notice."""
    match said.split()[:2]:
        case ["delete", "pods"]:
            # The pods are gone at once, and the workload makes others.
            return ("kill", "start")
        case ["rollout", "restart"]:
            return ("restart",)
        case ["scale", _]:
            return ("stop",) if said.endswith("--replicas=0") else ("start",)
    raise LookupError(f"what `kubectl {said}` does to a container is not known")


def _plain(argv: Sequence[str]) -> str:
    return " ".join(word for word in argv if not word.startswith(_PLACES))


def _asks(said: str) -> bool:
    return any(fnmatch.fnmatch(said, pattern) for pattern in _PATTERNS)


@cache
def _known() -> frozenset[str]:
    lines = [line for case in golden() for line in case.get("changes", ()) if line.startswith("kubectl ")]
    return frozenset(_plain(line.split()[1:]) for line in lines)


def _told(state: State, said: str, running: bool, began: str) -> str:
    answers = _case(READY if state.replicas else GONE)["answers"]
    recorded = str(next(text for pattern, text in answers.items() if pattern.strip("* ") in said))
    if said.startswith("get deployment"):
        now = {"generation": str(state.generation), "observed": str(state.generation)}
        if state.replicas:
            now["ready"] = str(state.replicas if running else 0)
        return _with(recorded, now)
    if said.startswith("get pods") and recorded:
        fields = recorded.strip().split("|")
        # A pod that was made anew is another one.
        uid, phase = re.sub(r"\D", "", began), "Running" if running else "Pending"
        return "|".join([f"pod=u{uid}", fields[1], phase, began, *fields[4:]]) + "\n"
    return recorded


def _with(recorded: str, values: Mapping[str, str]) -> str:
    lines = [line.split("=", 1) for line in recorded.splitlines()]
    return "".join(f"{key}={values.get(key, value)}\n" for key, value in lines)


def _engine(*words: str) -> str:
    done = subprocess.run(
        ["docker", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def main(file: Path, argv: Sequence[str]) -> int:
    """Carry a command out on the container, say what kubectl would, and write down that it was asked."""
    state = State(**json.loads(file.read_text()))
    seen = _engine("inspect", "--format", "{{.State.Running}} {{.State.StartedAt}}", state.container)
    running, _, began = seen.partition(" ")
    rc, said = 0, _plain(argv)
    try:
        after, text = answer(state, argv, running == "true", f"{began[:19]}Z")
        for verb in () if _asks(said) else acts(said):
            _engine(verb, *(("--time=5",) if verb in ("stop", "restart") else ()), state.container)
        if said.startswith("logs "):
            prefix = "[pod/api-5c-1/api] "
            lines = _engine("logs", "--tail", _tail(argv), state.container).splitlines()
            text = "".join(f"{prefix}{line}\n" for line in lines)
        file.write_text(json.dumps(asdict(after)))
        sys.stdout.write(text)
    except LookupError as problem:
        rc = _REFUSED
        sys.stderr.write(f"error: {problem.args[0]} (SIMULATED)\n")
    with Path(state.asked).open("a") as out:
        out.write(json.dumps({"at": time.time(), "argv": list(argv), "rc": rc}) + "\n")
    return rc


def _tail(argv: Sequence[str]) -> str:
    return argv[argv.index("--tail") + 1] if "--tail" in argv else "all"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
