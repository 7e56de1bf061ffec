"""What a decode worker proves before it takes work: that its decoder opens what it should, and nothing that it must not.

The files go the way that every video goes. The scripts are made to look like a container (`core.containers`), so that FFmpeg's own
guards must stop them, or else the isolation.
"""

import re
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import decompress

from core.errors import DecoderFailed, PlayheadError, Rejected
from core.spans import Span
from workers.frames.frame import Signals, WindowPlan
from workers.frames.sampler import Decoder, Sampler

OLDEST_FFMPEG = (8, 1, 2)
"""The first with the fix of CVE-2026-8461, an out-of-bounds write in MagicYUV."""

# A transport stream is told by a `G` every 188 bytes; in a comment there may be as many as one likes.
LIKE_MPEGTS = b"#" + b"G" * 2000
FFCONCAT = b"ffconcat version 1.0\nfile good.mp4\n" + LIKE_MPEGTS
M3U8 = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\ngood.mp4\n#EXT-X-ENDLIST\n" + LIKE_MPEGTS

# H.264, 64 x 64, frames at 0, 100 and 200 ms whose left half has the grey value 80 and the right half 200.
TIMES_MS = [0, 100, 200]
LUMA, CONTRAST, TOLERANCE = 140.0, 60.0, 4.0

H264 = decompress(
    b64decode("""
        eNp9VM+PGzUUdnZLVVWVKFWRKrSVTCmoQpvszDSN2q1G2u6qNAeQuFAJ1Grk2J6daezxrO1kk5449IBQzz30xAmJv4ATggMHeuEKRVy4ILiA+AvC59mkmy60
        ju33+f2033sTQgjN/bQundGErJBAsRI25rGuuzEh5ERupYTsgRbMg753/JXZbPvXm39+8/vT/teP1n+mT9/66+9J0uvSNuXGShr3rgD2O2BtfPDhzVvtLr1x
        ewcyITkEO6aeKpl7mkTR5XYSJUG78L7e3NjY39/vjEshjWJVx9jdjeC3U3itoGNqX5rKbVLOBoynEbUyT2Mq5EAZPkyjTfwoq5iaOhlOVMtUlIy60QAoorWb
        Qh17ZkUadyKoYKO6nEiRBV/BIrOs2pVp3KO8sEazDKYx9VYqVTpoXJ1cFdwD8D2NXUgm7ptKpkm8Hsc0Z85ntRuWNYzmDvbqzOS5k8HIFxYGDkJlzJAVOGSH
        PKdKLg8ZEa1sE4KXmvlwjbLy0ioGJfAHamTZNONG16y5EHLjLSsruICiZUEnt0zL4GpflruFr4GGcgpxmlxZwEyXVRpH1HFZST4Kvhr7kBMrXREyzVNuc6oH
        SERIJQ5pcrkT0b0QPo06PcA6+Gkom6S9awDOyzrt0rJGVlE7JL2LCu2lEfkUnfWG/OzB5juXyImPnzz5nKxcPzP66e7BnEB6/MZj+toXDw/Q1pmAVs9rY8bg
        KD0uBHlurP5BSGudtEiYh6P1vNbR8xZ56VjBvIVMDIHv+GETc/W/3hCXvDzO/8bdenaBi1J4B7omlfOHFnO/jW3rW41eBqBaHH37JaxT5KPvm0O7EMouJOFb
        Wta8Hb6tPquEkkGndQ8lywHOjnXjdPmaF8WBbE2gD5aecWpkFZ1f8F3nBwr4S+edWNJ5FP5AXpCK8Ogt0gftv1Dj6Dg3m2Ffh9ed1vZ3J2e/kdd3QX85/fh0
        qEjYWv1/LtxrkWPFj6/+EF6EVp2ncntR5XPON2lexEQpjwV8Frdf5oe1Bh4/wludUwrZ/eXeQ5sUoCfnC/64WbKNsAYj4UP5PtGyoWG8uVwqlNeyulbLz26X
        B/3w9lfeBIfn8RfMFgl7n43zXtKJMaPkX0XgOmI=
    """)
)
# The same picture.
MAGICYUV = decompress(
    b64decode("""
        eNrtmcFKw0AQhv+YtGlCkeBBigftE0jag/SYXtJGbYW2FjxJMZYGWgqtBPHirQcfwLP4DD6Ap76GN8/e7EGps2kihYIIChoyX7I7k83sbNhMljDbcGz7ZQco
        t538odNsZTeAnjvqd3yvVwJwN5EQYWhAdLWQBiyqLawifD0YwPhi1KcS+PI9d1wrNSrLdsKPvqTf0BhzIrpv0UH9u1XSq+FYVmCbQ+DLXB27Vq6c5Emq51mq
        8599orJ/XD/I0bMpob1pumdgGIZhGIZhGIZhGCZRiPyAIgFDd9CnszdL8FyIPM4WSaduHzlNu7Uu2jp+d6+4W6DTLAazNZM5ahgmqSvErQYMhr4nMqkig/tV
        BnaTSlFelHYKuFKBZ9L1NLCdAe4VYEr6lHQZclpS1LVURtJ+REaLOdIv+1O/aSeLStf0vybp7x/SPGbQZy6dknyPGq5D+RTK11D+O4NHsazFcr45RjhG4h4j
        sYmJtzjMpedeFgws9riFFHve4g/tA5x7XIM=
    """)
)

GOOD = "good.mp4"
FILES = {GOOD: H264, "ffconcat.mp4": FFCONCAT, "playlist.m3u8": M3U8, "magicyuv.avi": MAGICYUV}
MUST_NOT = {
    "ffconcat.mp4": "an ffconcat script (and with it another file)",
    "playlist.m3u8": "a playlist (and with it another file)",
    "magicyuv.avi": "MagicYUV, which it must not decode",
}


class Unsafe(Exception):
    """The decoder does what it must not, or not what it should; the message says what."""


def prove(sampler: Sampler, *, isolated: bool) -> Decoder:
    """What the decoder says of itself, once it is proven. `isolated`: it must be. Raises Unsafe, which names all that went wrong."""
    with TemporaryDirectory(prefix="playhead-canaries-") as name, ThreadPoolExecutor() as threads:
        folder = Path(name)
        for file, content in FILES.items():
            (folder / file).write_bytes(content)
        about = threads.submit(sampler.decoder, beat=_calm)
        faults = [*threads.map(lambda file: _refuses(sampler, folder / file), MUST_NOT), _opens(sampler, folder / GOOD)]
    try:
        decoder = about.result()
    except DecoderFailed as error:
        raise Unsafe(f"The decoder's process does not work: {error}") from error
    if isolated and decoder.exposed:
        # Such a decoder refuses everything: nothing else is known of it.
        could, missing = " and ".join(decoder.exposed), ", ".join(decoder.missing)
        raise Unsafe(f"PLAYHEAD_SANDBOX is `require`, but hostile code in the decoder could {could}. Missing: {missing}.")
    faults.append(_is_new(decoder.ffmpeg))
    if any(faults):
        raise Unsafe(" ".join(filter(None, faults)))
    return decoder


def _calm() -> None:
    """There is no lease to keep."""


def _refuses(sampler: Sampler, path: Path) -> str | None:
    try:
        info = sampler.probe(path, beat=_calm)
    except Rejected:
        return None
    except DecoderFailed as error:
        return f"Instead of refusing {MUST_NOT[path.name]} the decoder failed: {error}"
    return f"The decoder opened {MUST_NOT[path.name]} as {info.codec} in {info.container}."


def _opens(sampler: Sampler, path: Path) -> str | None:
    plan = WindowPlan(0, Span(0, TIMES_MS[-1] + 1))
    try:
        (window,) = sampler.sample(path, [plan], fps=10, frame_tokens=4, beat=_calm)
    except PlayheadError as error:
        return f"The decoder can't decode a sound H.264 video: {error}"
    if [frame.pts_ms for frame in window.frames] != TIMES_MS or not all(_is_right(frame.signals) for frame in window.frames):
        return f"A sound H.264 video comes out wrong: {[(frame.pts_ms, *frame.signals) for frame in window.frames]}."
    return None


def _is_right(signals: Signals) -> bool:
    return abs(signals.luma - LUMA) < TOLERANCE and abs(signals.contrast - CONTRAST) < TOLERANCE


def _is_new(ffmpeg: str | None) -> str | None:
    found = re.match(r"n?(\d+)\.(\d+)(?:\.(\d+))?", ffmpeg or "")
    if found and tuple(int(number or 0) for number in found.groups()) >= OLDEST_FFMPEG:
        return None
    oldest = ".".join(map(str, OLDEST_FFMPEG))
    return f"OpenCV's FFmpeg is {ffmpeg or 'of a version that cannot be told'}; it must be {oldest} or later (CVE-2026-8461)."
