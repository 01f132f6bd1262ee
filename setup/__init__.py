"""Everything a drill or a test needs, made ready on this machine: `python3 -m setup --help`."""

import sys

# This file stays readable to old Pythons: everything behind it is not.
if sys.version_info < (3, 11):  # noqa: UP036 - run by whatever python3 is there
    found = ".".join(map(str, sys.version_info[:3]))
    sys.stderr.write(
        f"setup: Expected Python 3.11 or newer, found {found} ({sys.executable}). "
        "Install a newer one and name it: `make PYTHON=python3.12 test`.\n"
    )
    sys.exit(65)
