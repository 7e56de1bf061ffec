"""The whole stack as users start it. Each start takes seconds, so those that end well share one."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from playhead import Client
from playhead.terminal import Session
from standalone.demo import analyse
from standalone.part import running, start
from standalone.processes import CannotStart, Leash
from standalone.settings import StandaloneSettings
from standalone.stack import Stack, stack
from standalone.state import held, read_state
from tests.integration.standalone.processes import all_gone, command_line, family
from tests.polling import wait_until

ROOT = Path(__file__).parents[3]
PARTS = {"supervisor", "postgres", "valkey", "api", "decode", "model", "beat"}
START_S = 120  # on a busy machine

# A stack that does not start says why after its own time-outs, which are longer than a test's.
pytestmark = pytest.mark.timeout(300)


@dataclass
class Killed:
    """A stack that was ended by `kill -9`: what it knew, and whether all its processes went with it."""

    data_dir: Path
    api_key: str
    left_nothing: bool


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    first = Stack(tmp_path_factory.mktemp("a stack"))
    with running(first, first.logs) as process:
        everybody = family(process.pid)
        process.signal(signal.SIGKILL)
        return Killed(first.data_dir, first.api_key, all_gone(everybody))


@pytest.fixture(scope="module")
def whole(killed: Killed) -> Iterator[Stack]:
    with stack(killed.data_dir) as made:
        yield made


def test_it_says_in_one_line_that_it_is_ready_when_every_part_is(whole: Stack) -> None:
    """Also of parts that a moment ago, before a `kill -9`, were there."""
    told = httpx.get(f"{whole.url}/readyz").json()
    assert (told["status"], set(told["parts"].values())) == ("ok", {"ok"})
    lines = ["Starting Postgres and Valkey ...", "Starting the API and the workers ...", f"Playhead is ready at {whole.url}"]
    wait_until(lambda: (whole.logs / "stack.log").read_text().splitlines()[-3:] == lines, "the line that says so, and none but these")


def test_the_key_it_wrote_opens_the_api_and_only_its_owner_can_read_it(whole: Stack) -> None:
    assert (whole.data_dir / "api-key").stat().st_mode & 0o777 == 0o600
    assert videos(whole).status_code == 200
    assert httpx.get(f"{whole.url}/v1/videos").status_code == 401


def test_others_can_read_which_processes_run(whole: Stack) -> None:
    pids = {part: whole.pid(part) for part in PARTS}
    assert all(psutil.pid_exists(pid) for pid in pids.values())
    assert "db" not in psutil.Process(pids["api"]).cmdline()


def test_a_second_stack_on_the_same_data_is_refused_and_told_of_the_first(whole: Stack) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "standalone", "up"],
        cwd=ROOT,
        env={**os.environ, "PLAYHEAD_DATA_DIR": str(whole.data_dir), "PLAYHEAD_PORT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert f"already at {whole.url} (process {whole.pid('supervisor')})" in second.stderr
    assert second.stdout == ""
    assert videos(whole).status_code == 200


def test_a_killed_worker_is_replaced_with_all_its_children(whole: Stack) -> None:
    former = family(whole.pid("decode"))
    assert len(former) > 1, "the pool's processes are there"
    whole.kill("decode")
    assert all_gone(former)


def test_a_killed_database_comes_back_at_the_same_address(whole: Stack) -> None:
    whole.kill("postgres")
    wait_until(lambda: videos(whole).status_code == 200, "the API to find its database again", timeout_s=START_S)


def test_a_stack_that_was_killed_left_no_process_and_goes_on_where_it_stopped(whole: Stack, killed: Killed) -> None:
    assert killed.left_nothing
    assert whole.api_key == killed.api_key, "the database knows it still, so no new one was made"
    assert videos(whole).status_code == 200


def test_the_readme_s_first_commands_find_something(whole: Stack) -> None:
    readme = (ROOT / "README.md").read_text()
    (block,) = re.findall(r"```\n(export KEY=.*?)```", readme, re.DOTALL)
    commands = [line for line in block.splitlines() if line.startswith("curl ")]
    answers = []
    for command in commands:
        answers.append(json.loads(shell(whole, command)))
        if "job" in answers[-1]:
            with Client(whole.url, whole.api_key) as client:
                assert client.wait(answers[-1]["job"]["id"], timeout=START_S).status == "succeeded"
    uploaded, jobs, at, between, after = answers
    assert [job["id"] for job in jobs["data"]] == [uploaded["job"]["id"]]
    assert [event["type"] for event in between["data"]] == ["shot_change"] * 2
    assert [event["type"] for event in after["data"]] == ["shot_change"] * 3
    (event,) = at["data"]
    (shown,) = re.findall(r"```json\n(.*?)```", readme, re.DOTALL)
    (sample,) = [json.loads(shown)]
    for name in ("evidence", "source"):  # ids are made anew each time
        assert sample.pop(name).keys() == event[name].keys()
    assert sample == {name: event[name] for name in sample}


def shell(whole: Stack, command: str) -> str:
    environment = {**os.environ, "KEY": whole.api_key, "URL": whole.url}
    return subprocess.run(["/bin/sh", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_demo_of_what_is_no_video_says_so_and_fails(whole: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("This is not a video.\n")
    assert analyse(whole, text, StandaloneSettings(), Session(None)) == 1
    assert "not_a_video" in capsys.readouterr().err


def test_ctrl_c_ends_even_a_start_in_order_and_without_a_traceback(tmp_path: Path) -> None:
    whole = Stack(tmp_path)
    with Leash() as leash:
        process = start(whole, leash, whole.logs)
        wait_until(lambda: "Starting Postgres" in process.last_words(), "the start to begin", timeout_s=START_S)
        process.signal(signal.SIGINT)
        assert process.wait(30)
        assert process.exit_code == 0
    lines = process.last_words().splitlines()
    assert (lines[0], lines[-1]) == ("Starting Postgres and Valkey ...", "Stopping ...")
    assert "Traceback" not in process.last_words()
    assert read_state(tmp_path) is None


@pytest.mark.parametrize("during", ["initdb", "db.upgrade", "db.keys"])
def test_ctrl_c_in_a_terminal_reaches_no_program_that_is_just_helping_to_start(tmp_path: Path, during: str) -> None:
    with starting(tmp_path) as process:
        wait_until(lambda: any(during in command_line(one) for one in family(process.pid)), f"{during} to run", timeout_s=START_S)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out == "" or out.startswith("Playhead is ready at "), "where the signal came late"
    assert err.splitlines()[-1] == "Stopping ..."
    assert set(err.splitlines()) <= {"Starting Postgres and Valkey ...", "Starting the API and the workers ...", "Stopping ..."}


IMPORTED_FOR_EVER = """import os, signal
os.write(2, b"importing")
signal.pause()
"""


@pytest.mark.parametrize("command", ["up", "demo"])
def test_ctrl_c_while_it_is_still_being_imported_just_ends_it(tmp_path: Path, command: str) -> None:
    (tmp_path / "pydantic.py").write_text(IMPORTED_FOR_EVER)
    with starting(tmp_path / "data", command, python_path=tmp_path) as process:
        assert process.stderr
        assert process.stderr.read(9) == "importing"
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == ""
    assert process.returncode == -signal.SIGINT


def test_ctrl_c_in_a_demo_s_start_ends_it_in_order(tmp_path: Path) -> None:
    with starting(tmp_path, "demo") as process:
        wait_until(lambda: any("db.upgrade" in command_line(one) for one in family(process.pid)), "the start", timeout_s=START_S)
        everybody = family(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[1:] == ["Stopping ..."]
    assert all_gone(everybody)


@contextmanager
def starting(data_dir: Path, command: str = "up", *, python_path: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """A launcher that leads a process group, as one that a shell starts does."""
    with subprocess.Popen(
        [sys.executable, "-m", "standalone", command],
        cwd=ROOT,
        env={**os.environ, "PLAYHEAD_DATA_DIR": str(data_dir), "PLAYHEAD_PORT": "0", "PYTHONPATH": str(python_path or "")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_stops_when_whoever_started_it_was_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "PLAYHEAD_DATA_DIR": str(tmp_path), "PLAYHEAD_PORT": "0"}
    # A shell that waits, as `make` does.
    command = f"'{sys.executable}' -m standalone --with-parent up; exit"
    with subprocess.Popen(
        ["/bin/sh", "-c", command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as shell:
        assert shell.stdout
        assert shell.stdout.readline().startswith(b"Playhead is ready at ")
        everybody = family(shell.pid)
        shell.kill()
        assert all_gone(everybody, timeout_s=30)
        assert shell.stdout.read() == b"", "all else goes to standard error"


def test_a_port_that_is_taken_is_named_with_the_setting_that_changes_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(CannotStart, match=rf"Port {port} of 127.0.0.1 can't be had.* PLAYHEAD_PORT names another"),
            stack(tmp_path, port=port),
        ):
            pass


def test_a_setting_that_is_no_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"PLAYHEAD_PORT: Input should be less than or equal to 65535"), stack(tmp_path, port=70_000):
        pass


def test_a_setting_that_is_empty_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PLAYHEAD_PORT", "PLAYHEAD_DATA_DIR", "PLAYHEAD_POSTGRES_BIN"):
        monkeypatch.setenv(name, "")
    settings = StandaloneSettings()
    assert (settings.port, settings.data_dir, settings.postgres_bin) == (8000, Path("var"), None)


def test_a_place_that_can_t_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(CannotStart, match=r"file/data can't be written \(Not a directory\). PLAYHEAD_DATA_DIR"),
        held(tmp_path / "file" / "data"),
    ):
        pass


def videos(whole: Stack) -> httpx.Response:
    return httpx.get(f"{whole.url}/v1/videos", headers={"Authorization": f"Bearer {whole.api_key}"})
