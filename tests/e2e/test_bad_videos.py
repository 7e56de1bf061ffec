"""What is no video, or half of one, ends in a clear error and leaves nothing behind."""

from pathlib import Path

import psutil
import pytest

from playhead import ApiError, Client
from standalone.stack import Stack
from tests.videos import make_video


def blobs(whole: Stack) -> set[Path]:
    return {path for path in (whole.data_dir / "blobs").rglob("*") if path.is_file()}


def decoders(whole: Stack) -> list[psutil.Process]:
    """What the decode worker's pool processes have started."""
    return [child for pool in psutil.Process(whole.pid("decode")).children() for child in pool.children()]


def pool_deaths(whole: Stack) -> int:
    """How many of the decode worker's pool processes did not end by themselves."""
    return (whole.logs / "decode.log").read_text().count("exited with 'signal")


@pytest.fixture
def clip(tmp_path: Path) -> bytes:
    make_video(tmp_path / "clip.mp4", duration_s=10)
    return (tmp_path / "clip.mp4").read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("text", b"Dear video,\n" * 100, "not_a_video"),
        ("empty", b"", "empty_upload"),
        ("ffconcat", b"ffconcat version 1.0\nfile clip.mp4\n", "not_a_video"),
    ],
)
def test_what_is_no_video_is_refused_at_the_door(
    client: Client, whole: Stack, tmp_path: Path, clip: bytes, name: str, content: bytes, code: str
) -> None:
    before = blobs(whole), len(list(client.videos()))
    path = tmp_path / f"{name}.mp4"
    path.write_bytes(content)
    with pytest.raises(ApiError) as refused:
        client.upload(path)
    assert (refused.value.status, refused.value.code) == (422, code)
    assert (blobs(whole), len(list(client.videos()))) == before


@pytest.mark.parametrize("disguise", ["without its index", "with nothing but a beginning"])
def test_a_truncated_video_fails_with_the_reason_and_goes_without_a_trace(
    client: Client, whole: Stack, tmp_path: Path, clip: bytes, disguise: str
) -> None:
    before = blobs(whole)
    path = tmp_path / "truncated.mp4"
    path.write_bytes(clip[: len(clip) // 2] if disguise == "without its index" else clip[:100])
    uploaded = client.upload(path)
    job = client.wait(uploaded.job.id, timeout=60)
    assert job.status == "failed"
    assert job.error is not None
    assert job.error.code == "not_a_video"
    assert list(client.events(uploaded.video.id)) == []
    assert decoders(whole) == []
    assert {path.name for path in blobs(whole) - before} == {"source"}  # the upload itself stays until it is deleted
    client.delete_video(uploaded.video.id)
    assert blobs(whole) == before


def test_an_ffconcat_behind_a_video_s_first_bytes_opens_no_other_file(client: Client, whole: Stack, tmp_path: Path, clip: bytes) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(clip)
    path = tmp_path / "x.mp4"
    path.write_bytes(b"\x00\x00\x00\x18ftypisom\n" + f"ffconcat version 1.0\nfile {other}\n".encode() * 50)
    uploaded = client.upload(path)
    job = client.wait(uploaded.job.id, timeout=60)
    assert job.status == "failed"
    assert job.error is not None
    assert job.error.code == "not_a_video"
    client.delete_video(uploaded.video.id)


def test_a_video_with_a_hole_in_the_middle_is_analysed_on_both_sides_and_the_hole_is_named(
    client: Client, whole: Stack, tmp_path: Path
) -> None:
    path = tmp_path / "hole.mp4"
    make_video(path, duration_s=30, gop=10)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 30_000] = bytes(30_000)
    path.write_bytes(content)
    uploaded = client.upload(path, request={"analyzer": "signals"})
    job = client.wait(uploaded.job.id, timeout=60)
    assert job.status == "partial"
    assert job.coverage is not None
    assert [gap.reason for gap in job.coverage.gaps] == ["unreadable"]
    [gap] = job.coverage.gaps
    assert 0 < gap.start_ms < gap.end_ms < 30_000
    client.delete_video(uploaded.video.id)
