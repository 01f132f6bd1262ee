"""The samples that are there to be copied are sound: a workflow, systemd units."""

import json
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs/examples"
UNITS = sorted([*EXAMPLES.glob("*.service"), *EXAMPLES.glob("*.timer")])


def test_there_are_units():
    """The tests below have something to test."""
    assert {"drillyard-nightly.service", "drillyard-nightly.timer"} <= {path.name for path in UNITS}


def targets() -> set[str]:
    """What make can be asked for."""
    return set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_workflow_runs_what_is_there():
    """It is YAML, runs at night and by hand, asks make for what it has, uploads the JUnit this writes."""
    text = (EXAMPLES / "nightly.yml").read_text()
    flow = yaml.safe_load(text)
    when = flow[True]  # to YAML 1.1, which GitHub does not speak, `on` is a truth value
    assert "workflow_dispatch" in when
    minute, hour, *rest = when["schedule"][0]["cron"].split()
    assert (int(minute) < 60, int(hour) < 24, rest) == (True, True, ["*", "*", "*"])
    (job,) = flow["jobs"].values()
    commands = [step["run"].split() for step in job["steps"] if step.get("run", "").startswith("make ")]
    assert {words[1] for words in commands} <= targets()
    uploads = {
        step["with"]["name"]: step for step in job["steps"] if "upload-artifact" in step.get("uses", "")
    }
    assert uploads["junit"]["if"] == "always()"
    folder = uploads["junit"]["with"]["path"].removesuffix("/*.xml")
    assert len(re.findall(rf"--junitxml={folder}/\w+\.xml", (ROOT / "Makefile").read_text())) == 2
    actions = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", action) for action in actions)


def test_the_workflows_summary_reads_our_junit(tmp_path):
    """Its few lines of Python make a table of what pytest writes, figures and failures."""
    steps = yaml.safe_load((EXAMPLES / "nightly.yml").read_text())["jobs"]["drills"]["steps"]
    script = next(step["run"] for step in steps if "GITHUB_STEP_SUMMARY" in step.get("run", ""))
    (tmp_path / "runs/nightly").mkdir(parents=True)
    (tmp_path / "runs/nightly/drills.xml").write_text(
        "<testsuites><testsuite><testcase name='a'><properties><property name='verdict' value='pass'/>"
        "<property name='rto_seconds' value='1.5'/><property name='rpo_seconds' value='0'/></properties>"
        "</testcase><testcase name='b'><failure>no</failure></testcase><testcase name='c'/>"
        "</testsuite></testsuites>"
    )
    env = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    subprocess.run(["bash", "-ec", script], cwd=tmp_path, env=env, check=True)
    assert (tmp_path / "summary").read_text().splitlines()[2:] == [
        "| a | pass | 1.5 | 0 |",
        "| b | failed |  |  |",
        "| c | passed |  |  |",
    ]


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_accepts_a_unit(unit, tmp_path):
    """`systemd-analyze verify` finds nothing wrong, and does find what is."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze on this machine")
    for each in UNITS:
        shutil.copy(each, tmp_path)
    assert complaints(tmp_path / unit.name) == ""
    broken = tmp_path / f"broken-{unit.name}"
    broken.write_text(unit.read_text().replace("[Unit]", "[Unit]\nOnFlailure=x", 1))
    assert "OnFlailure" in complaints(broken)


def complaints(unit: Path) -> str:
    """What systemd says of a unit, leaving out units of the machine that it is to run on."""
    argv = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)
    return "\n".join(line for line in done.stderr.splitlines() if unit.name in line)


class Hook(BaseHTTPRequestHandler):
    """A webhook that keeps what it is told."""

    told: ClassVar[list[tuple[str, dict]]] = []

    def do_POST(self):
        """Keep a message."""
        self.told.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
def test_a_red_night_is_told(tmp_path):
    """The sample posts what a webhook reads, and fails where there is none."""
    (tmp_path / "runs/latest").mkdir(parents=True)
    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hook = f"http://127.0.0.1:{server.server_port}/services/T1"
    argv = ["sh", str(EXAMPLES / "tell-of-a-red-night.sh")]
    env = {"PATH": "/usr/bin:/bin", "SLACK_WEBHOOK": hook}
    subprocess.run(argv, cwd=tmp_path, env=env, check=True)
    server.shutdown()
    server.server_close()
    ((path, said),) = Hook.told
    assert (path, list(said)) == ("/services/T1", ["text"])
    assert said["text"].endswith(f"the newest evidence is in {tmp_path}/runs/latest")
    assert subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, check=False).returncode != 0
