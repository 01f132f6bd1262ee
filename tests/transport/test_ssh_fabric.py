"""What the SSH road loads, and what it leaves out: the start of every command waits for it."""

import subprocess
import sys

PROGRAM = """
import sys
import agent.transport.ssh
print(*(name for name in ("unittest.mock", "asyncio", "fabric", "invoke.context") if name in sys.modules))
import unittest.mock
print(unittest.mock.Mock(return_value=7)())
"""


def test_the_road_loads_no_tools_for_tests():
    """Neither unittest.mock nor asyncio below it; and whoever wants them afterwards gets the real ones."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["fabric invoke.context", "7"], done.stderr
