"""What the decoder's process can still do, tried from inside; on a kernel that offers everything, and on one that withholds some of it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.frames.sampling import calm, limited, shown_ms, some, stated_ms
from tests.integration.frames.test_process import decoders
from tests.videos import make_video
from workers.frames.sandbox.process import ENVIRONMENT

ROOT = Path(__file__).parents[3]

# Tries everything once and says what went well. What it needs is imported before, as the decoder does it.
HOSTILE = """
import encodings.idna, json, os, resource, socket, sys, threading
from pathlib import Path
import cv2
from workers.frames.sandbox.isolation import isolate

arguments = json.loads(sys.argv[1])
video, beside, folder, port = Path(arguments["video"]), arguments["beside"], arguments["folder"], arguments["port"]
def connect(kind, family, address):
    with socket.socket(family, kind) as made:
        made.connect(address)
        made.send(b"x")
def run():
    if os.fork() == 0:
        os._exit(0)
    os.wait()
def execute():
    os.posix_spawn("/bin/true", ["true"], {})
    os.wait()
ATTEMPTS = {
    "read /etc/passwd": lambda: open("/etc/passwd").read(),
    "read a video beside": lambda: open(beside, "rb").read(),
    "read of the parent": lambda: open(f"/proc/{os.getppid()}/environ").read(),
    "list a folder": lambda: os.listdir(folder),
    "write a new file": lambda: open(folder + "/new", "w").close(),
    "write to shared memory": lambda: (open("/dev/shm/of-a-test", "w").close(), os.unlink("/dev/shm/of-a-test")),
    "write to the video": lambda: open(video, "r+b").close(),
    "truncate the one beside": lambda: os.truncate(beside, os.stat(beside).st_size),
    "make a folder": lambda: os.mkdir(folder + "/made"),
    "make a link": lambda: os.symlink(beside, folder + "/link"),
    "rename": lambda: (os.rename(beside, beside + ".away"), os.rename(beside + ".away", beside)),
    "change a mode": lambda: os.chmod(beside, 0o644),
    "change a time": lambda: os.utime(beside),
    "change an attribute": lambda: os.setxattr(beside, "user.test", b"x"),
    "connect over TCP": lambda: connect(socket.SOCK_STREAM, socket.AF_INET, ("127.0.0.1", port)),
    "send over UDP": lambda: connect(socket.SOCK_DGRAM, socket.AF_INET, ("127.0.0.1", port)),
    "connect over a Unix socket": lambda: connect(socket.SOCK_STREAM, socket.AF_UNIX, folder + "/socket"),
    "start a process": run,
    "start a program": execute,
    "signal the parent": lambda: os.kill(os.getppid(), 0),
    "change the parent's limits": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE),
}
isolation = isolate(video) if arguments["isolated"] else ((), ())
succeeded = []
for name, attempt in ATTEMPTS.items():
    try:
        attempt()
    except OSError:
        continue
    succeeded.append(name)
thread = threading.Thread(target=lambda: None)
thread.start()
thread.join()
capture, frames = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG), 0
while capture.grab():
    frames += 1
print(json.dumps({"succeeded": succeeded, "tried": list(ATTEMPTS), "frames": frames, "missing": isolation[0], "exposed": isolation[1]}))
"""

# A user namespace in which no further one can be made, as in a container.
WITHOUT_NAMESPACES = ["unshare", "--user", "--map-root-user", "sh", "-c", 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"', "sh"]

# This is a kernel without Landlock to whatever it runs.
WITHOUT_LANDLOCK = """
import ctypes, os, sys
from workers.frames.sandbox.isolation import LANDLOCK_CREATE_RULESET, PR_SET_NO_NEW_PRIVS
from workers.frames.sandbox.syscalls import refuse
ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
refuse([LANDLOCK_CREATE_RULESET])
os.execv(sys.argv[1], sys.argv[1:])
"""
PROBING = """
import sys
from pathlib import Path
from tests.integration.frames.sampling import calm, limited
print(limited(isolation=sys.argv[1]).probe(Path(sys.argv[2]), beat=calm).frames)
"""


@pytest.fixture(scope="module")
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", server.getsockname()[1]))
        yield server.getsockname()[1]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    make_video(tmp_path / "a.mp4", duration_s=1)
    make_video(tmp_path / "beside.mp4", duration_s=1)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        yield tmp_path


def try_everything(folder: Path, port: int, *, isolated: bool = True, under: tuple[str, ...] = (), threads: str = "4") -> dict[str, Any]:
    video, beside = folder / "a.mp4", folder / "beside.mp4"
    arguments = {"video": str(video), "beside": str(beside), "folder": str(folder), "port": port, "isolated": isolated}
    command = [*under, sys.executable, "-B", "-c", HOSTILE, json.dumps(arguments)]
    environment = ENVIRONMENT | {"OPENCV_FFMPEG_THREADS": threads, "PATH": os.environ["PATH"]}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_nothing_is_left_to_it_but_its_file_and_threads(folder: Path, listening: int) -> None:
    free = try_everything(folder, listening, isolated=False)
    assert free["succeeded"] == free["tried"], "the attempts themselves must be right"
    for made in ("new", "link"):
        (folder / made).unlink()
    (folder / "made").rmdir()
    isolated = try_everything(folder, listening)
    assert (isolated["missing"], isolated["exposed"], isolated["succeeded"], isolated["frames"]) == ([], [], [], 10)


def test_without_namespaces_the_filter_alone_keeps_the_network_shut(folder: Path, listening: int) -> None:
    isolated = try_everything(folder, listening, under=tuple(WITHOUT_NAMESPACES))
    assert len(isolated["missing"]) == 1
    assert isolated["missing"][0].startswith("namespaces (")
    assert (isolated["exposed"], isolated["succeeded"], isolated["frames"]) == ([], [], 10)


def test_what_is_missing_without_landlock_is_told(folder: Path, listening: int) -> None:
    isolated = try_everything(folder, listening, under=(sys.executable, "-c", WITHOUT_LANDLOCK))
    assert isolated["missing"] == ["Landlock (Operation not permitted)"]
    assert isolated["exposed"] == ["open other files"]
    assert "read /etc/passwd" in isolated["succeeded"]


@pytest.mark.parametrize(("mode", "frames"), [("auto", "10\n"), ("off", "10\n"), ("require", "")])
def test_where_isolation_is_required_and_not_to_be_had_nothing_is_decoded(folder: Path, mode: str, frames: str) -> None:
    command = [sys.executable, "-c", WITHOUT_LANDLOCK, sys.executable, "-c", PROBING, mode, str(folder / "a.mp4")]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": "."}, capture_output=True, text=True, check=False)
    assert done.stdout == frames
    assert ("could not be isolated: Landlock" in done.stderr) == (mode == "require")


@pytest.mark.parametrize("mode", ["require", "off"])
def test_the_decoder_itself_is_isolated_unless_that_is_off(folder: Path, mode: str) -> None:
    make_video(folder / "long.mp4", duration_s=20)
    windows = limited(isolation=mode).sample(folder / "long.mp4", some(folder / "long.mp4"), fps=2, frame_tokens=144, beat=calm)
    next(windows)
    (decoder,) = decoders()
    isolated = mode == "require"
    status = dict(line.split(":\t") for line in Path(f"/proc/{decoder.pid}/status").read_text().splitlines() if ":\t" in line)
    assert (status["NoNewPrivs"], status["Seccomp"]) == (("1", "2") if isolated else ("0", "0"))
    if isolated:
        assert int(status["CapEff"], 16) == 0
    for namespace in ("user", "net", "ipc"):
        theirs, ours = (Path(f"/proc/{pid}/ns/{namespace}").readlink() for pid in (decoder.pid, os.getpid()))
        assert (theirs != ours) == isolated, namespace
    windows.close()  # type: ignore[attr-defined]  # an iterator for the callers, a generator in truth
    assert not psutil.pid_exists(decoder.pid)


@pytest.mark.parametrize(
    ("codec", "pix_fmt"), [("libx264", "yuv420p"), ("libx265", "yuv420p10le"), ("libsvtav1", "yuv420p"), ("libvpx-vp9", "yuv420p")]
)
def test_every_kind_of_video_still_comes_out_right(tmp_path: Path, codec: str, pix_fmt: str) -> None:
    path = tmp_path / "a.mp4"
    make_video(path, duration_s=2, codec=codec, pix_fmt=pix_fmt)
    (window,) = limited(isolation="require").sample(path, some(path), fps=2, frame_tokens=220, beat=calm)
    assert stated_ms(window) == shown_ms(window) == [0, 500, 1000, 1500, 1900]


@pytest.mark.parametrize("codec", ["libx265", "libsvtav1"])
def test_decoders_may_still_use_threads(folder: Path, listening: int, codec: str) -> None:
    make_video(folder / "a.mp4", duration_s=2, codec=codec)
    assert try_everything(folder, listening, threads="4")["frames"] == 20
