"""A short run of everything at once; `make chaos` is the long one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHORT = ("--seed", "1", "--jobs", "6", "--faults", "18", "--pause", "0.4", "--settle", "60")


@pytest.mark.timeout(180)
def test_eighteen_faults_change_nothing_but_the_time(tmp_path: Path) -> None:
    """In a process of its own, which adopts whatever loses its parent."""
    command = [sys.executable, "-m", "tests.chaos", *SHORT, "--keep", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
