"""`make demo`, as a newcomer runs it: without a model."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from playhead import parse_timecode
from standalone.demo import how_to_ask
from standalone.settings import StandaloneSettings

ROOT = Path(__file__).parents[3]
# Where shots of samples/bikes.mp4 change, in ms: seen by two independent detectors.
CUTS_MS = (1200, 3040, 5480, 7480, 9680)

# A stack that does not start says why after its own time-outs, which are longer than a test's.
pytestmark = pytest.mark.timeout(300)


def test_the_demo_shows_what_happens_when_and_how_to_ask_again(tmp_path: Path) -> None:
    done = demo(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "No model key is set (OPENROUTER_API_KEY): the signals analyser looks" in done.stderr
    assert done.stderr.endswith("Stopping ...\n")
    shown = re.findall(r"^(\S+) +\S+ +(\S+) s +shot_change", done.stdout, re.MULTILINE)
    found = [(parse_timecode(start), float(uncertainty) * 1000) for start, uncertainty in shown]
    for cut_ms in CUTS_MS:
        assert any(abs(at_ms - cut_ms) <= uncertainty_ms for at_ms, uncertainty_ms in found), (cut_ms, found)
    assert re.search(r"playhead events [0-9a-f-]{36} --at ", done.stdout)
    assert f"Bearer $(cat {tmp_path / 'api-key'})" in done.stdout


@pytest.mark.parametrize(
    ("data_dir", "port", "commands"),
    [
        ("var", 8000, ["make up", ".venv/bin/playhead events v1 --at 0:01.250"]),
        ("var", 0, ["make up", ".venv/bin/playhead events v1 --at 0:01.250"]),
        (
            "/data/a b",
            9000,
            [
                "PLAYHEAD_DATA_DIR='/data/a b' PLAYHEAD_PORT=9000 make up",
                "PLAYHEAD_DATA_DIR='/data/a b' .venv/bin/playhead --url http://127.0.0.1:9000 events v1 --at 0:01.250",
            ],
        ),
    ],
)
def test_what_it_says_to_type_works_wherever_the_stack_is(data_dir: str, port: int, commands: list[str]) -> None:
    said = how_to_ask(StandaloneSettings(data_dir=Path(data_dir), port=port), "v1", at_ms=1250)
    typed = [line.strip() for line in said.splitlines() if line.startswith("  ")]
    assert [line.removeprefix("PLAYHEAD_PORT=8000 ") for line in typed[:2]] == commands
    [curl] = typed[2:]
    shown = ["curl", "-H", "Authorization: Bearer K", f"http://127.0.0.1:{port or 8000}/v1/videos/v1/events?at_ms=1250"]
    assert shlex.split(curl.replace(f"$(cat {shlex.quote(data_dir + '/api-key')})", "K")) == shown


def demo(data_dir: Path) -> subprocess.CompletedProcess[str]:
    without_model = {name: value for name, value in os.environ.items() if name != "OPENROUTER_API_KEY" and not name.startswith("PLAYHEAD_")}
    return subprocess.run(
        [sys.executable, "-m", "standalone", "demo"],
        cwd=ROOT,
        env={**without_model, "PLAYHEAD_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
