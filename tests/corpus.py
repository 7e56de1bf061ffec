"""Hostile and broken files, made by code: what arrives at an upload that anyone can reach.

Every file comes from a sound video whose pixels carry their own time, or from none at all; the same ones each time.
"""

import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import av

from tests.matrix import FRAGMENTS
from tests.videos import make_video

SEED = 20_261_123
SOUND: dict[str, dict[str, Any]] = {
    "h264.mp4": {"bframes": 2},
    "faststart.mp4": {"bframes": 2, "container_options": {"movflags": "faststart"}},
    "fragmented.mp4": {"container_options": FRAGMENTS},
    "hevc.mov": {"codec": "libx265", "bframes": 2, "container_options": {"movflags": "faststart"}},
    "h264.mkv": {"bframes": 2},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "av1.webm": {"codec": "libsvtav1"},
    "h264.avi": {"bframes": 2},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "h264.ts": {"bframes": 2},
    "mpeg2.ts": {"codec": "mpeg2video", "fps": 25},
    "h264.flv": {},
    "wmv2.wmv": {"codec": "wmv2", "fps": 25},
}
GOP_MS = 1000
EIGHT_SECONDS: dict[str, Any] = {"duration_s": 8, "fps": 10, "gop": 10, "size": (128, 96)}
SMALL: dict[str, Any] = {"duration_s": 1, "fps": 10, "size": (128, 96)}


class Specimen(NamedTuple):
    """`kind` groups specimens; `codes` are the verdicts that are right when the file is refused; () where it must not be. `last_ms`: of
    the last frame of the sound video.
    """

    kind: str
    name: str
    content: bytes
    codes: tuple[str, ...]
    last_ms: int = 0

    def write(self, folder: Path) -> Path:
        path = folder / self.name.replace(" ", "-")
        path.write_bytes(self.content)
        return path


REFUSED = ("not_a_video", "unsupported_video")


def corpus(folder: Path) -> list[Specimen]:
    """All of it. The folder is for the videos that specimens are made of."""
    sound = {name: _made(folder / name, **EIGHT_SECONDS | options) for name, options in SOUND.items()}
    return [
        *(specimen for name, content in sound.items() for specimen in _damaged(name, content)),
        *_disguised(folder, sound["h264.mp4"]),
        *_absurd(folder, sound),
        *_lengths(folder),
        *_bombs(folder),
    ]


def _made(path: Path, **options: Any) -> bytes:
    make_video(path, **options)
    return path.read_bytes()


# Of a packet of a transport stream: its first byte, and the flag that a new frame begins in it.
SYNC, BEGINS = 0x47, 0x40


def _damaged(name: str, content: bytes) -> Iterator[Specimen]:
    stem, suffix = name.split(".")
    ends = sorted({round(len(content) * share) for share in (0.02, 0.1, 0.35, 0.5, 0.8, 0.95, 0.999)} | set(_borders(suffix, content)))
    for end in ends:
        if suffix == "ts" and content[end] == SYNC and content[end + 1] & BEGINS:
            continue  # cut between two frames it is whole, and shorter
        last_ms = 8000 - round(1000 / SOUND[name].get("fps", 10))
        yield Specimen("truncated", f"{stem} cut off at {end}.{suffix}", content[:end], REFUSED, last_ms)
    for first, last in ((0.001, 0.05), (0.3, 0.35), (0.4, 0.6), (0.9, 0.95), (0.97, 1.0)):
        yield Specimen("zeroed", f"{stem} zeroed from {first}.{suffix}", _zeroed(content, first, last), REFUSED)
    chance = random.Random(f"{SEED} {name}")
    for number, share in enumerate((0.0001, 0.0001, 0.001, 0.001, 0.01)):
        yield Specimen("flipped", f"{stem} flipped {number}.{suffix}", _flipped(content, share, chance), REFUSED)


def _borders(suffix: str, content: bytes) -> Iterator[int]:
    """In the middle of each kind of box."""
    if suffix in {"mp4", "mov"}:
        for kind in (
            b"moov",
            b"mvhd",
            b"trak",
            b"tkhd",
            b"mdia",
            b"stbl",
            b"stsd",
            b"stts",
            b"stsz",
            b"stco",
            b"mdat",
            b"moof",
            b"trun",
            b"mfra",
        ):
            if kind in content:
                yield content.index(kind) + 10
    elif suffix == "avi":
        for kind in (b"avih", b"strh", b"strf", b"movi", b"00dc", b"idx1"):
            yield content.index(kind) + 6
    elif suffix in {"mkv", "webm"}:
        for kind in ("1549a966", "1654ae6b", "1f43b675", "1c53bb6b"):
            yield content.index(bytes.fromhex(kind)) + 9


def _zeroed(content: bytes, first: float, last: float) -> bytes:
    start, end = round(len(content) * first), round(len(content) * last)
    return content[:start] + bytes(end - start) + content[end:]


def _flipped(content: bytes, share: float, chance: random.Random) -> bytes:
    """Some bytes changed; the first 16 stay, so that it still looks like what it was."""
    changed = bytearray(content)
    for _ in range(max(1, round(len(content) * share))):
        changed[chance.randrange(16, len(content))] = chance.randrange(256)
    return bytes(changed)


def _disguised(folder: Path, video: bytes) -> Iterator[Specimen]:
    """Scripts that make players open other files, texts, pictures, archives; under a video's name, some with a video's first bytes."""
    other = folder / "h264.mp4"
    scripts = {
        "ffconcat": f"ffconcat version 1.0\nfile {other.name}\n",
        "ffconcat absolute": f"ffconcat version 1.0\nfile 'file://{other}'\n",
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{other.name}\n#EXT-X-ENDLIST\n",
        "hls absolute": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "hls network": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:1/x.ts\n#EXT-X-ENDLIST\n",
        "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>h264.mp4</BaseURL></MPD>',
        "sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n",
        "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "text": "Dear video,\n" * 200,
        "subtitles": "1\n00:00:00,000 --> 00:00:09,000\nHello\n",
    }
    for name, text in scripts.items():
        yield Specimen("disguised", f"{name}.mp4", text.encode(), ("not_a_video",))
        yield Specimen("disguised", f"{name} as mpegts.mp4", text.encode() + b"#" + b"G" * 2000, ("not_a_video",))
        yield Specimen("disguised", f"{name} behind ftyp.mp4", b"\0\0\0\x18ftypisom\n" + text.encode() * 20, ("not_a_video",))
    png, jpeg, gif, wave, archive = (
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0\0\x10JFIF\0",
        b"GIF89a",
        b"RIFF\xff\0\0\0WAVEfmt ",
        b"PK\x03\x04",
    )
    for name, magic in {
        "png": png,
        "jpeg": jpeg,
        "gif": gif,
        "wave": wave,
        "zip": archive,
        "elf": b"\x7fELF",
        "zeros": b"",
        "g": b"G" * 187,
    }.items():
        yield Specimen("disguised", f"{name}.mp4", magic + bytes(5000), ("not_a_video",))
    for name, shell in {
        "mp4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41",
        "mkv": bytes.fromhex("1a45dfa3"),
        "avi": b"RIFF\xff\xff\xff\xffAVI LIST",
        "flv": b"FLV\x01\x05\0\0\0\x09\0\0\0\0",
        "wmv": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
    }.items():
        yield Specimen("shell", f"{name} with nothing.{name}", shell, ("not_a_video",))
        yield Specimen("shell", f"{name} of zeros.{name}", shell + bytes(20_000), ("not_a_video",))
        yield Specimen("shell", f"{name} of noise.{name}", shell + random.Random(f"{SEED} {name}").randbytes(20_000), REFUSED)
    yield Specimen("shell", "ts with nothing.ts", (b"G" + bytes(187)) * 200, ("not_a_video",))
    yield Specimen("fake extension", "a video.jpg", video, ())
    yield Specimen("fake extension", "a video.m3u8", video, ())


def _absurd(folder: Path, sound: dict[str, bytes]) -> Iterator[Specimen]:
    """Headers that say what cannot be."""
    big = b"\xff\xff\xff\xff"
    for kind, offset in ((b"stsz", 12), (b"stts", 8), (b"stsc", 8), (b"stco", 8), (b"ctts", 8), (b"elst", 8), (b"stss", 8)):
        for value in (big, b"\x7f\xff\xff\xff", b"\0\0\0\0"):
            yield Specimen("absurd", f"{kind.decode()} of {value.hex()}.mp4", _set(sound["faststart.mp4"], kind, offset, value), REFUSED)
    for kind, offset in ((b"mvhd", 16), (b"mdhd", 16), (b"tkhd", 24)):
        for value in (big, b"\0\0\0\0", b"\0\0\0\1"):
            yield Specimen(
                "absurd", f"{kind.decode()} clock of {value.hex()}.mp4", _set(sound["faststart.mp4"], kind, offset, value), REFUSED
            )
    for name, offset in (("moov", -4), ("trak", -4), ("stbl", -4), ("mdat", -4)):
        for value in (big, b"\0\0\0\0", b"\0\0\0\1", b"\0\0\0\7"):
            yield Specimen("absurd", f"{name} size {value.hex()}.mp4", _set(sound["faststart.mp4"], name.encode(), offset, value), REFUSED)
    yield Specimen("absurd", "half a moof.mp4", _set(sound["fragmented.mp4"], b"trun", 8, big), REFUSED)
    for value in (float("inf"), float("nan"), -1.0, 1e300, 1e15):
        content = _set(sound["h264.mkv"], bytes.fromhex("448988"), 3, struct.pack(">d", value))
        yield Specimen("absurd", f"duration {value}.mkv", content, ())
        yield Specimen("absurd", f"duration {value} cut off.mkv", content[: len(content) // 2], ())
    yield Specimen("absurd", "scale of zero.mkv", _set(sound["h264.mkv"], bytes.fromhex("2ad7b183"), 4, bytes(3)), REFUSED)
    for offset in (20, 24, 28, 32, 36):
        for value in (big, b"\0\0\0\0"):
            yield Specimen(
                "absurd", f"stream header {offset} of {value.hex()}.avi", _set(sound["mpeg4.avi"], b"vids", offset, value), REFUSED
            )
    yield Specimen("absurd", "nested boxes.mp4", b"\0\0\0\x14ftypisom\0\0\2\0isom" + _nested(b"moov", 2000), ("not_a_video",))
    yield Specimen("absurd", "a million boxes.mp4", b"\0\0\0\x14ftypisom\0\0\2\0isom" + b"\0\0\0\x08free" * 200_000, ("not_a_video",))


def _nested(kind: bytes, depth: int) -> bytes:
    return b"".join((8 * (depth - level)).to_bytes(4, "big") + kind for level in range(depth))


def _set(content: bytes, mark: bytes, offset: int, value: bytes) -> bytes:
    place = content.index(mark) + offset
    return content[:place] + value + content[place + len(value) :]


def _lengths(folder: Path) -> Iterator[Specimen]:
    yield Specimen("length", "empty.mp4", b"", ("not_a_video", "empty_upload"))
    yield Specimen("length", "one byte.mp4", b"\0", ("not_a_video",))
    for suffix in ("mp4", "mkv", "avi", "ts", "flv"):
        yield Specimen("length", f"one frame.{suffix}", _made(folder / f"one.{suffix}", **SMALL | {"times_ms": [0]}), ())
        yield Specimen("length", f"no frames.{suffix}", _without_frames(folder / f"none.{suffix}"), ("not_a_video",))
    for suffix in ("mp4", "mkv", "ts"):
        yield Specimen("length", f"sound alone.{suffix}", _sound(folder / f"sound.{suffix}"), ("not_a_video",))
    day = [0, 3_600_000, 25 * 3_600_000]
    yield Specimen("length", "longer than a day.mp4", _made(folder / "day.mp4", **SMALL | {"times_ms": day}), ("unsupported_video",))


def _without_frames(path: Path) -> bytes:
    """A header and an end, as a recorder leaves them that never got a picture."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        container.start_encoding()
    return path.read_bytes()


def _sound(path: Path) -> bytes:
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        for number in range(50):
            frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.sample_rate, frame.pts = 48_000, number * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


def _bombs(folder: Path) -> Iterator[Specimen]:
    """Little to send and much to decode: pictures larger than any limit, in the header or in the stream alone."""
    mjpeg = _made(folder / "m.avi", codec="mjpeg", pix_fmt="yuvj420p", **SMALL)
    for width, height in ((16_000, 16_000), (8193, 16), (8000, 8000), (1, 1), (0, 0), (65_535, 65_535), (2**31 - 1, 2**31 - 1)):
        size = struct.pack("<II", width, height)
        header = _set(_set(mjpeg, b"avih", 40, size), b"strf", 12, size)
        yield Specimen("bomb", f"mjpeg header {width} x {height}.avi", header, REFUSED)
        if min(width, height) >= 16 and max(width, height) <= 65_535:
            both = _with_jpeg_size(header, width, height)
            yield Specimen("bomb", f"mjpeg all through {width} x {height}.avi", both, REFUSED)
            inside = _with_jpeg_size(mjpeg, width, height)
            yield Specimen("bomb", f"mjpeg inside {width} x {height}.avi", inside, (*REFUSED, "decoder_failed"))
    blank = _made(folder / "blank.mkv", **SMALL | {"size": (8448, 16)})
    yield Specimen("bomb", "h264 8448 x 16.mkv", blank, ("unsupported_video",))
    large = _made(folder / "large.mp4", times_ms=[0, 100], size=(7680, 4800), codec="mjpeg", pix_fmt="yuvj420p", black=[(0, 1)])
    yield Specimen("bomb", "7680 x 4800.mp4", large, ("unsupported_video",))


def _with_jpeg_size(content: bytes, width: int, height: int) -> bytes:
    """Each picture's own header, too."""
    changed, place = bytearray(content), content.find(b"\xff\xc0")
    while place >= 0:
        changed[place + 5 : place + 9] = struct.pack(">HH", height, width)
        place = content.find(b"\xff\xc0", place + 1)
    return bytes(changed)
