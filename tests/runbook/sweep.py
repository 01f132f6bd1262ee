"""Pages on three hosts, and what must be left of them wherever the controller was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.record.journal import read_journal

KILLER = Path(__file__).with_name("killed_at.py")
HOSTS = ("one", "two", "three")
PAGE = """
title: Twelve steps on three hosts
params: {home: {}}
steps:
  - {id: s1, sh: "echo 1 >> {{ home }}/{{ host.name }}", changes: a line}
  - {id: s2, sh: "wc -l < {{ home }}/{{ host.name }}", reads: true, register: count}
  - {id: s3, when: count.out == '1', sh: "echo 3 >> {{ home }}/{{ host.name }}", changes: a line}
  - {id: s4, when: count.out != '1', sh: "echo 4 >> {{ home }}/{{ host.name }}", changes: a line}
  - id: try
    block:
      - {id: s5, sh: "echo 5 >> {{ home }}/{{ host.name }}", changes: a line}
      - {id: s6, sh: "exit 4", changes: nothing}
    rescue:
      - {id: s7, sh: "echo 7 >> {{ home }}/{{ host.name }}", changes: a line}
    always:
      - {id: s8, sh: "echo 8 >> {{ home }}/{{ host.name }}", changes: a line}
  - id: s9
    sh: "echo 9 >> {{ home }}/{{ host.name }}; grep -c 9 {{ home }}/{{ host.name }}"
    changes: a line
    retry: {times: 3, every: 0.01, until: "result.out == '2'"}
  - {id: s10, serial: 1, sh: "echo 10 >> {{ home }}/{{ host.name }}", changes: a line}
  - {id: s11, sh: "sleep 0.05; echo 11 >> {{ home }}/{{ host.name }}", changes: a line}
prove:
  - {id: s12, sh: "tail -n 1 {{ home }}/{{ host.name }}", reads: true, register: last}
"""
RESCUE = """
title: A rescue, in a block whose failing step has left something
params: {home: {}}
steps:
  - {id: s1, sh: "echo 1 >> {{ home }}/{{ host.name }}", changes: a line}
  - id: outer
    block:
      - {id: s2, sh: "echo 2 >> {{ home }}/{{ host.name }}", changes: a line}
      - id: inner
        block:
          - {id: s3, sh: "echo 3 >> {{ home }}/{{ host.name }}; exit 4", changes: a line}
        rescue:
          - {id: s4, sh: "echo 4 >> {{ home }}/{{ host.name }}; exit 5", changes: a line}
        always:
          - {id: s5, sh: "echo 5 >> {{ home }}/{{ host.name }}", changes: a line}
      - {id: never, sh: "echo never >> {{ home }}/{{ host.name }}", changes: a line}
    rescue:
      - {id: s6, sh: "echo 6 >> {{ home }}/{{ host.name }}", changes: a line}
      - {id: s7, sh: "echo 7 >> {{ home }}/{{ host.name }}", changes: a line}
    always:
      - {id: s8, sh: "echo 8 >> {{ home }}/{{ host.name }}", changes: a line}
  - {id: s9, sh: "echo 9 >> {{ home }}/{{ host.name }}", changes: a line}
"""
UNDO = """
title: An undo, of what hinges on what was learned
params: {home: {}}
steps:
  - id: s1
    sh: "echo 1 >> {{ home }}/{{ host.name }}"
    changes: a line
    undo: {sh: "echo not 1 >> {{ home }}/{{ host.name }}", changes: a line}
  - id: s2
    sh: "echo 2 >> {{ home }}/{{ host.name }}; echo two"
    changes: a line
    register: second
    undo: {when: "second.out == 'two'", sh: "echo not 2 >> {{ home }}/{{ host.name }}", changes: a line}
  - id: s3
    sh: "echo 3 >> {{ home }}/{{ host.name }}"
    changes: a line
    undo: {when: "second.out == 'three'", sh: "echo not 3 >> {{ home }}/{{ host.name }}", changes: a line}
  - id: s4
    sh: "echo 4 >> {{ home }}/{{ host.name }}; [ {{ host.name }} = three ]"
    changes: a line
    retry: {times: 2, every: 0.01}
  - {id: s5, sh: "echo 5 >> {{ home }}/{{ host.name }}", changes: a line}
"""


def ends(lines: Sequence[Mapping[str, object]], whole: bool) -> list[int]:
    """Behind which lines of a journal to kill: each, or the first of each kind and the last."""
    first: dict[object, int] = {}
    for number, line in enumerate(lines, 1):
        first.setdefault((line["kind"], line.get("state"), "step" in line, "job" in line), number)
    return list(range(1, len(lines) + 1)) if whole else sorted({*first.values(), len(lines)})


@dataclass(frozen=True)
class Case:
    """A page, the code that a run of it ends with, and what it leaves on each host."""

    page: str
    code: int
    left: dict[str, str]


_TWELVE = "1 3 5 7 8 9 9 10 11"
_BACK = "1 2 3 4 4 not 2 not 1"
CASES = {
    "twelve": Case(PAGE, 0, dict.fromkeys(HOSTS, _TWELVE)),
    "rescue": Case(RESCUE, 0, dict.fromkeys(HOSTS, "1 2 3 4 5 6 7 8 9")),
    "undo": Case(UNDO, 10, {"one": _BACK, "two": _BACK, "three": "1 2 3 4 5"}),
}


@dataclass(frozen=True)
class World:
    """A folder with an inventory of three local hosts, the page, the runs, and what the steps write."""

    folder: Path
    case: Case

    @classmethod
    def made(cls, folder: Path, case: str = "twelve") -> World:
        """Write inventory and page."""
        hosts = "".join(f"    {name}: {{drillyard_state_dir: {folder}/state-{name}}}\n" for name in HOSTS)
        (folder / "hosts.yml").write_text(f"all:\n  vars: {{ansible_connection: local}}\n  hosts:\n{hosts}")
        (folder / "page.yml").write_text(CASES[case].page)
        return cls(folder, CASES[case])

    @property
    def runs(self) -> list[str]:
        """The arguments that name the folder of runs."""
        return ["--runs", str(self.folder / "runs")]

    @property
    def run(self) -> list[str]:
        """The arguments that run the page from its beginning."""
        page, hosts = str(self.folder / "page.yml"), str(self.folder / "hosts.yml")
        return ["run", page, "-i", hosts, "--set", f"home={self.folder}", *self.runs]

    @property
    def resume(self) -> list[str]:
        """The arguments that take it up."""
        return ["resume", "latest", *self.runs]

    def lines(self) -> int:
        """How many lines the journal of the only run has."""
        (journal,) = self.folder.glob("runs/*/journal.jsonl")
        return len(list(read_journal(journal)))

    def killed_at(self, line: int) -> None:
        """Run the page in a process that dies by SIGKILL right after that line of its journal."""
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        argv = [sys.executable, str(KILLER), str(line), *self.run]
        done = subprocess.run(argv, env=env, capture_output=True, check=False)
        if done.returncode != -signal.SIGKILL:
            raise AssertionError(f"not killed at line {line}: {done.stderr.decode()}")

    def amiss(self) -> str:
        """What is not as it must be when all is done, or nothing."""
        for name in HOSTS:
            written = (self.folder / name).read_text().split()
            expected = self.case.left[name].split()
            if written != expected:
                return f"{name} has {written}, expected {expected}"
            state = self.folder / f"state-{name}"
            if left := [str(path) for path in [*state.glob("locks/*"), *state.glob("jobs/*")]]:
                return f"{name} is left with {left}"
        return ""
