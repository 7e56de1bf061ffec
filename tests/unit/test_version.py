"""One version: the wheel's, the command line's and the server's."""

import tomllib
from pathlib import Path

import playhead
from services.api import hello

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_the_wheel_and_the_server_have_the_version_that_the_command_line_tells() -> None:
    project = tomllib.loads(PYPROJECT.read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == str(Path(playhead.version.__file__).relative_to(PYPROJECT.parent))
    assert playhead.__version__ == hello.VERSION
