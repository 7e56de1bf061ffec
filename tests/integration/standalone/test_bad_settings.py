"""A setting that is wrong ends whatever program reads it, with one line that names it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from standalone import parts

ROOT = Path(__file__).parents[3]
PROGRAMS = {
    "up": ("-m", "standalone", "up"),
    "demo": ("-m", "standalone", "demo"),
    "api": parts.api("127.0.0.1", 0),
    "decode": parts.DECODE,
    "model": parts.MODEL,
    "beat": parts.beat(Path("nowhere")),
    "upgrade": parts.UPGRADE,
    "create key": parts.CREATE_KEY,
}


def told(program: str, data_dir: Path, **settings: str) -> str:
    """What a program that can't start writes."""
    done = subprocess.run(
        [sys.executable, *PROGRAMS[program]],
        cwd=ROOT,
        env={**os.environ, "PLAYHEAD_DATA_DIR": str(data_dir / "data"), **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert not (data_dir / "data").exists(), "nothing was started for nothing"
    return done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_part_names_the_setting_that_is_wrong_in_one_line(tmp_path: Path, program: str) -> None:
    assert told(program, tmp_path, PLAYHEAD_MAX_ATTEMPTS="0") == (
        "Playhead can't start: PLAYHEAD_MAX_ATTEMPTS: Input should be greater than 0\n"
    )


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"PLAYHEAD_CORS_ORIGINS": "http://a.example"}, "PLAYHEAD_CORS_ORIGINS: Input should be JSON"),
        (
            {"PLAYHEAD_MAX_ATTEMPTS": "-1", "PLAYHEAD_SANDBOX": "on"},
            "PLAYHEAD_MAX_ATTEMPTS: Input should be greater than 0; PLAYHEAD_SANDBOX: Input should be 'require', 'auto' or 'off'",
        ),
    ],
)
def test_each_that_is_wrong_is_named(tmp_path: Path, settings: dict[str, str], line: str) -> None:
    assert told("upgrade", tmp_path, **settings) == f"Playhead can't start: {line}\n"
