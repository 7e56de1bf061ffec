"""`docs/reliability.md` names modules and tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_module_and_every_test_that_it_names_is_there() -> None:
    named = re.findall(r"`([\w/]+\.py)`", (ROOT / "docs" / "reliability.md").read_text())
    assert len(named) > 40
    assert [name for name in named if not (ROOT / name).is_file() and not (ROOT / "tests" / name).is_file()] == []
