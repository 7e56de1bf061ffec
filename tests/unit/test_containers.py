"""What a file is by its first bytes."""

import pytest

from core.containers import SUPPORTED, media_type, recognise
from core.errors import NotAVideo
from workers.frames.sandbox.guard import DEMUXERS

TRANSPORT = (b"G" + bytes(187)) * 6
BLURAY = (bytes(4) + b"G" + bytes(187)) * 6


HEADERS = [
    (b"\0\0\0\x20ftypisom\0\0\2\0", "mp4", "mov"),
    (b"\0\0\0\x14ftypqt  \0\0\2\0", "mov", "mov"),
    (b"\0\0\0\x08wide\0\0\0\0mdat", "mov", "mov"),
    (b"\0\0\0\x2csidx\0\0\0\0", "mp4", "mov"),
    (bytes.fromhex("1a45dfa3") + b"\x9fB\x86\x81\x01B\x82\x84webm", "webm", "matroska"),
    (bytes.fromhex("1a45dfa3") + b"\x9fB\x86\x81\x01B\x82\x88matroska", "matroska", "matroska"),
    (b"RIFF\0\0\0\0AVI LIST", "avi", "avi"),
    (b"FLV\x01\x05", "flv", "flv"),
    (TRANSPORT, "mpegts", "mpegts"),
    (b"junk" + TRANSPORT, "mpegts", "mpegts"),
    (BLURAY, "mpegts", "mpegts"),
    (bytes.fromhex("3026b2758e66cf11") + bytes(20), "asf", "asf"),
]


@pytest.mark.parametrize(("header", "name", "demuxer"), HEADERS)
def test_real_containers_are_recognised(header: bytes, name: str, demuxer: str) -> None:
    found = recognise(header)
    assert found is not None
    assert (found.name, found.demuxer) == (name, demuxer)


NONE = [
    b"",
    b"x",
    b"Hello, I am a text.\n" * 50,
    b"ffconcat version 1.0\nfile 'other.mp4'\n",
    b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n",
    b"<?xml version='1.0'?><MPD></MPD>",
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
    b"RIFF\0\0\0\0WAVEfmt ",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0\0\x10JFIF",
    b"GIF89a",
    b"OggS" + bytes(40),
    bytes.fromhex("000001ba") + bytes(20),
    bytes.fromhex("060e2b34") + bytes(20),
    b"G" * 100,
    bytes(4096),
]


@pytest.mark.parametrize("header", NONE)
def test_all_else_is_no_video(header: bytes) -> None:
    assert recognise(header) is None


def test_the_door_lets_in_what_the_decoder_opens_and_nothing_else() -> None:
    assert {container.demuxer for container in SUPPORTED} == set(DEMUXERS.split(","))
    assert {container.name for container in SUPPORTED} == {name for _, name, _ in HEADERS}
    for header, name, _ in HEADERS:
        assert media_type(header) == next(container.media_type for container in SUPPORTED if container.name == name)
    for header in NONE:
        with pytest.raises(NotAVideo):
            media_type(header)
