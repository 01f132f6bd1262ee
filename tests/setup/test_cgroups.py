"""What is told from the kernel's own tables."""

import pytest

from setup import cgroups

TABLE = """#subsys_name	hierarchy	num_cgroups	enabled
cpu	1	1	1
devices	5	1	1
memory	4	12	0
"""


def test_disabled_controllers_are_left_out() -> None:
    """A controller switched off at boot cannot be mounted."""
    assert cgroups.controllers(TABLE) == ["cpu", "devices"]


@pytest.mark.parametrize(
    ("mounts", "enough"),
    [
        ("cgroup2 /sys/fs/cgroup cgroup2 rw,relatime 0 0\n", True),
        ("cgroup /sys/fs/cgroup/devices cgroup rw,relatime,devices 0 0\n", True),
        ("cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n", False),
        ("cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\n", False),
        ("tmpfs /sys/fs/cgroup tmpfs rw 0 0\n", False),
        ("", False),
    ],
)
def test_an_engine_needs_devices_or_version_2(mounts: str, enough: bool) -> None:
    """A tree without the devices controller is not one dockerd can start with."""
    assert cgroups.mounted(mounts) is enough
