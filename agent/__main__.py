"""`python -m agent` is `drillyard`."""

import sys

from agent.cli import main

sys.exit(main())
