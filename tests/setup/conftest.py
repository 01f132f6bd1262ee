"""The set-up program is run from the checkout and never installed, so its folder is put on the path here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
