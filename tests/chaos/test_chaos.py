"""A short run of everything at once; `make chaos` is the long one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

KINDS = (
    "killed",
    "pool process killed",
    "frozen past the lease",
    "broker frozen",
    "broker wiped",
    "database restarted",
    "connections cut",
    "link silent",
    "disk full",
    "message 50 times",
)
SHORT = ("--seed", "1", "--jobs", "5", "--faults", str(len(KINDS)), "--pause", "0.4", "--settle", "90", "--broker-uploads", "1")


@pytest.mark.timeout(240)
def test_ten_faults_change_nothing_but_the_time(tmp_path: Path) -> None:
    """In a process of its own, which adopts whatever loses its parent."""
    command = [sys.executable, "-m", "tests.chaos", "--with-parent", *SHORT, *(f"--kind={kind}" for kind in KINDS), "--keep", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print(ended.stdout)
    assert ended.returncode == 0, ended.stderr
