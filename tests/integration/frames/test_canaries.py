"""A worker whose decoder opens what it must not does not start, and says why."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from core.containers import recognise
from core.errors import NotAVideo
from tests.integration.frames.sampling import LIMITS, SAMPLER, limited
from tests.integration.frames.test_isolation import ROOT, WITHOUT_LANDLOCK
from workers.frames.frame import SampledWindow, VideoInfo, WindowPlan
from workers.frames.sampler import Beat, Decoder, Sampler
from workers.frames.sandbox.canaries import FFCONCAT, FILES, GOOD, LUMA, M3U8, OLDEST_FFMPEG, Unsafe, prove
from workers.frames.sandbox.guard import VARIABLE


class Gullible(Sampler):
    """Opens whatever OpenCV opens."""

    def probe(self, path: Path, *, beat: Beat) -> VideoInfo:
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        if not capture.isOpened() or not capture.grab():
            raise NotAVideo("OpenCV itself can't open it.")
        return VideoInfo("?", "?", 64, 64, 0, 1, 1, 0, 1.0, variable_frame_rate=False)


class Aged(Sampler):
    """Says that it has another FFmpeg."""

    def __init__(self, ffmpeg: str | None) -> None:
        super().__init__(LIMITS)
        self._ffmpeg = ffmpeg

    def decoder(self, *, beat: Beat) -> Decoder:
        return super().decoder(beat=beat)._replace(ffmpeg=self._ffmpeg)


class Dim(Sampler):
    """Decodes everything into darkness."""

    def sample(self, path: Path, windows: Sequence[WindowPlan], *, fps: float, frame_tokens: int, beat: Beat) -> Iterator[SampledWindow]:
        for window in super().sample(path, windows, fps=fps, frame_tokens=frame_tokens, beat=beat):
            dark = (replace(frame, signals=frame.signals._replace(luma=0.0)) for frame in window.frames)
            yield replace(window, frames=tuple(dark))


def test_the_decoder_as_it_is_passes_and_says_what_it_is() -> None:
    decoder = prove(SAMPLER, isolated=True)
    assert decoder.ffmpeg is not None
    assert tuple(map(int, decoder.ffmpeg.split("."))) >= OLDEST_FFMPEG
    assert (decoder.missing, decoder.exposed) == ((), ())


def test_the_files_are_what_they_are_said_to_be(tmp_path: Path) -> None:
    """They look like containers at the door, and behind it are what FFmpeg opens when nobody forbids it."""
    for script in (FFCONCAT, M3U8):
        container = recognise(script)
        assert container is not None
        assert container.demuxer == "mpegts"
    for name, codec, frames in (("magicyuv.avi", "magicyuv", 1), (GOOD, "h264", 3)):
        (tmp_path / name).write_bytes(FILES[name])
        with av.open(tmp_path / name) as opened:
            pictures = [frame.to_ndarray(format="gray") for frame in opened.decode(video=0)]
            assert (opened.streams.video[0].codec_context.name, len(pictures)) == (codec, frames)
            assert abs(float(np.mean(pictures)) - LUMA) < 15


def test_a_decoder_that_opens_anything_is_caught_by_each_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "protocol_whitelist;file")
    with pytest.raises(Unsafe) as caught:
        prove(Gullible(LIMITS), isolated=True)
    for what in ("an ffconcat script", "a playlist", "MagicYUV"):
        assert f"The decoder opened {what}" in str(caught.value)


@pytest.mark.parametrize(("version", "said"), [("8.1.1", "is 8.1.1"), ("n7.1", "is n7.1"), (None, "cannot be told"), ("git", "is git")])
def test_an_ffmpeg_that_is_too_old_or_unknown_is_refused(version: str | None, said: str) -> None:
    with pytest.raises(Unsafe, match=rf"{said}.*8\.1\.2 or later"):
        prove(Aged(version), isolated=False)


@pytest.mark.parametrize("version", ["8.1.2", "8.2", "n9.0"])
def test_a_newer_ffmpeg_is_taken(version: str) -> None:
    assert prove(Aged(version), isolated=False).ffmpeg == version


def test_a_decoder_that_refuses_sound_videos_is_no_decoder() -> None:
    with pytest.raises(Unsafe, match=r"can't decode a sound H\.264 video: .*64 x 64"):
        prove(limited(max_side_px=32), isolated=False)


def test_a_decoder_that_gives_wrong_pictures_is_no_decoder() -> None:
    with pytest.raises(Unsafe, match="comes out wrong"):
        prove(Dim(LIMITS), isolated=False)


def test_a_decoder_that_does_not_even_run_is_told_so() -> None:
    with pytest.raises(Unsafe, match="process does not work"):
        prove(limited(memory_bytes=100 * 1024**2), isolated=False)


def worker(mode: str) -> subprocess.Popen[str]:
    """A decode worker on a kernel without Landlock, whose broker is away."""
    celery = ["-m", "celery", "-A", "workers.app", "worker", "-Q", "decode", "--concurrency", "1", "--without-mingle", "--without-gossip"]
    environment = {**os.environ, "PYTHONPATH": ".", "PLAYHEAD_SANDBOX": mode, "PLAYHEAD_REDIS_URL": "redis://127.0.0.1:1/0"}
    command: list[Any] = [sys.executable, "-c", WITHOUT_LANDLOCK, sys.executable, *celery]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def test_a_worker_that_must_isolate_its_decoder_and_can_not_refuses_to_start() -> None:
    with worker("require") as process:
        _, said = process.communicate()
    assert process.returncode == 1
    assert '"reason": "PLAYHEAD_SANDBOX is `require`' in said
    assert "hostile code in the decoder could open other files. Missing: Landlock (Operation not permitted)" in said
    assert "redis" not in said, "it must not have come as far as the broker"


def test_a_worker_that_need_not_isolate_its_decoder_warns_and_starts() -> None:
    with worker("auto") as process:
        assert process.stderr is not None
        end = threading.Timer(60, process.kill)
        end.start()
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "redis" in line:  # it looks for its broker: it has started
                break
        process.kill()
        end.cancel()
    (warning,) = [line for line in lines if "decoder.not_isolated" in line]
    assert "Landlock (Operation not permitted)" in warning
    assert "open other files" in warning
