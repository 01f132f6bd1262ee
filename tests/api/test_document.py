"""The lines of docs/operators/admin_api.md, typed as they stand there against a real server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from tests.api.conftest import World
from tests.api.test_restore import wait
from tests.documents import ROOT

DOCUMENT = ROOT / "docs/operators/admin_api.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_the_lines_are_typed(world: World) -> None:
    """Each does what its comment says: at the end the backup is back."""
    world.short_page()
    (backup, *_) = world.known(3)
    world.inventory_of(env="production")
    url = world.serve(*world.short)
    (block,) = re.findall(r"```bash\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    lines = [line for line in block.replace("\\\n", " ").splitlines() if line.startswith("curl")]
    operation, said = "", []
    for line in lines:
        typed = line.replace("http://localhost:8061", url).replace("YOUR_TOKEN", world.text)
        typed = typed.replace("BACKUP_ID", backup.id).replace("OPERATION_ID", operation)
        done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stderr)
        said.append(json.loads(done.stdout))
        if " POST " in line:
            operation = said[-1]["id"]
            assert wait(url, world.holder, operation)["state"] == "done"
    health, newest, daily, taken, ordered, progress = said
    assert health["status"] == "ok"
    assert newest["backups"][0]["id"] == backup.id
    assert {each["kind"] for each in daily["backups"]} == {"daily"}
    assert taken["kind"] == "backup"
    assert (ordered["kind"], ordered["reason"]) == ("restore", "incident 43")
    assert (progress["id"], progress["state"]) == (ordered["id"], "done")
    assert world.restored() == [backup.id]
