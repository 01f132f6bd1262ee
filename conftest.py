"""Makes the rig's options, markers and fixtures known to pytest."""

pytest_plugins = ["drills.rig.plugin"]
