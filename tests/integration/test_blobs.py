"""Object storage, the same over a folder and over a real S3 server."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.blobs import Blobs, source_key, video_prefix
from core.errors import BlobsUnavailable, NotFound
from core.frames import pack, pick
from tests.polling import wait_until

KEY = source_key("01")
MB = 1024**2


@pytest.fixture(params=["file", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Blobs:
    if request.param == "file":
        return Blobs(f"file://{tmp_path / 'blobs'}")
    for name, value in request.getfixturevalue("s3").items():
        monkeypatch.setenv(name, value)
    made = Blobs(f"s3://playhead/{tmp_path.name}", scratch=tmp_path)
    wait_until(lambda: _works(made), "the bucket to be there", timeout_s=60)
    return made


def _works(blobs: Blobs) -> bool:
    try:
        blobs.check()
    except BlobsUnavailable:
        return False
    return True


def write(blobs: Blobs, key: str, pieces: Iterator[bytes]) -> None:
    async def run() -> None:
        async with blobs.writer(key) as file:
            for piece in pieces:
                await file.write(piece)

    asyncio.run(run())


def test_what_is_written_piece_by_piece_is_read_whole_and_in_parts(blobs: Blobs, tmp_path: Path) -> None:
    pieces = [bytes([number]) * MB for number in range(20)]
    write(blobs, KEY, iter(pieces))
    whole = b"".join(pieces)
    assert blobs.size(KEY) == len(whole)
    assert blobs.get(KEY) == whole
    assert b"".join(blobs.stream(KEY, start=3 * MB - 5, end=5 * MB + 7)) == whole[3 * MB - 5 : 5 * MB + 7]
    with blobs.local(KEY) as path:
        assert path.read_bytes() == whole


def test_a_write_that_breaks_off_leaves_nothing(blobs: Blobs) -> None:
    def pieces() -> Iterator[bytes]:
        yield from (bytes(MB) for _ in range(20))
        raise InterruptedError

    with pytest.raises((InterruptedError, BlobsUnavailable)):
        write(blobs, KEY, pieces())
    assert blobs.keys(video_prefix("01")) == []
    with pytest.raises(NotFound):
        blobs.get(KEY)


def test_a_prefix_is_deleted_with_all_that_is_below_and_nothing_beside(blobs: Blobs) -> None:
    for key in (KEY, f"{video_prefix('01')}/frames/1fps/000001.zip", source_key("011")):
        blobs.put(key, b"x")
    blobs.delete_prefix(video_prefix("01"))
    assert blobs.keys("videos") == [source_key("011")]
    blobs.delete_prefix(video_prefix("01"))


def test_what_is_not_there_is_not_found(blobs: Blobs) -> None:
    for ask in (blobs.get, blobs.size):
        with pytest.raises(NotFound):
            ask(KEY)
    with pytest.raises(NotFound), blobs.local(KEY):
        pass


def test_keys_lead_nowhere_outside(tmp_path: Path) -> None:
    blobs = Blobs(f"file://{tmp_path / 'blobs'}")
    (tmp_path / "secret").write_text("x")
    with pytest.raises(NotFound), blobs.local("../secret"):
        pass


def test_an_s3_server_that_is_away_is_unavailable(monkeypatch: pytest.MonkeyPatch, s3: dict[str, str]) -> None:
    for name, value in {**s3, "AWS_SECRET_ACCESS_KEY": "wrong"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BlobsUnavailable):
        Blobs("s3://playhead/x").check()


def test_one_frame_is_read_without_the_others(blobs: Blobs) -> None:
    frames = [(number * 1000, os.urandom(60_000)) for number in range(64)]
    blobs.put("frames.zip", pack(frames))
    file = blobs.open("frames.zip")
    read, inner = [], file._read_range

    def counting(start: int, end: int) -> bytes:
        read.append((start, end))
        return inner(start, end)

    file._read_range = counting  # type: ignore[method-assign]
    assert pick(file, 31_000) == frames[31][1]
    assert len(read) == 1, "beside the one for the end"
    assert sum(end - start for start, end in read) < 70_000
    assert pick(blobs.open("frames.zip"), 63_000) == frames[63][1]
    with pytest.raises(NotFound):
        pick(blobs.open("frames.zip"), 31_001)
    with pytest.raises(NotFound):
        blobs.open("nowhere.zip")


def test_a_window_of_one_small_frame_is_read_too(blobs: Blobs) -> None:
    blobs.put("frames.zip", pack([(0, b"jpeg")]))
    assert pick(blobs.open("frames.zip"), 0) == b"jpeg"


def test_folders_are_told_and_one_blob_of_many_is_deleted(blobs: Blobs) -> None:
    for key in (source_key("01"), "videos/01/frames-0/a/000000.zip", "videos/01/frames-0/a/000001.zip", source_key("02")):
        blobs.put(key, b"there")
    assert blobs.folders("videos") == {"videos/01", "videos/02"}
    assert blobs.folders("nothing") == set()
    blobs.delete("videos/01/frames-0/a/000001.zip")
    blobs.delete("videos/01/frames-0/a/000001.zip")
    assert sorted(blobs.keys("videos/01")) == ["videos/01/frames-0/a/000000.zip", "videos/01/source"]
