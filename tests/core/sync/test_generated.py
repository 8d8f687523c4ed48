"""The committed sync face is what the generator writes."""

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "omniq-core" / "scripts" / "generate_sync.py"


def test_the_sync_face_is_up_to_date():
    spec = importlib.util.spec_from_file_location("generate_sync", SCRIPT)
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)

    assert generator.generate() == generator.TARGET.read_text()
