"""Makes the harness importable: it is a script too, and its workers import the app by name."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
