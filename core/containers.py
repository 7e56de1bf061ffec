"""The containers that are supported, told by a file's first bytes: for the door and for the decoder alike.

A container comes in once every frame in it was seen to carry its own time (`tests/matrix.py`). MPEG program streams are not here: they do
not say the time of each frame, and FFmpeg's guesses differ between reading and decoding.
"""

from typing import NamedTuple

from core.errors import NotAVideo

HEADER_BYTES = 4096


class Container(NamedTuple):
    """`name` is for people, `demuxer` is FFmpeg's name of the only demuxer that may open the file."""

    name: str
    demuxer: str
    media_type: str


MP4 = Container("mp4", "mov", "video/mp4")
MOV = Container("mov", "mov", "video/quicktime")
WEBM = Container("webm", "matroska", "video/webm")
MATROSKA = Container("matroska", "matroska", "video/x-matroska")
AVI = Container("avi", "avi", "video/x-msvideo")
MPEGTS = Container("mpegts", "mpegts", "video/mp2t")
FLV = Container("flv", "flv", "video/x-flv")
ASF = Container("asf", "asf", "video/x-ms-asf")

SUPPORTED = (MP4, MOV, WEBM, MATROSKA, AVI, MPEGTS, FLV, ASF)
NAMES = "MP4, QuickTime, WebM, Matroska, AVI, MPEG-TS, FLV, ASF (WMV)"

MP4_BOXES = frozenset({b"ftyp", b"styp", b"moof", b"sidx"})
EBML = bytes.fromhex("1a45dfa3")
MAGIC = (
    (0, b"FLV\x01", FLV),
    (0, bytes.fromhex("3026b2758e66cf11"), ASF),
    # QuickTime files from before there was `ftyp`.
    *((4, box, MOV) for box in (b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")),
)


def recognise(header: bytes) -> Container | None:
    """The container that begins with these bytes; None for all else: text, playlists, concat scripts, pictures, sound."""
    if header[4:8] in MP4_BOXES:
        return MOV if header[4:12] == b"ftypqt  " else MP4
    if header.startswith(EBML):
        return WEBM if b"webm" in header[:64] else MATROSKA
    if header.startswith(b"RIFF") and header[8:12] == b"AVI ":
        return AVI
    for place, magic, container in MAGIC:
        if header[place : place + len(magic)] == magic:
            return container
    return MPEGTS if transport_packets(header) else None


def media_type(header: bytes) -> str:
    """The media type of a video that begins with these bytes, so that a text is refused at once; whether a video can be decoded, a worker
    finds out. Raises `NotAVideo`.
    """
    container = recognise(header)
    if container is None:
        raise NotAVideo(f"This is not a video that can be read: it begins like none of {NAMES}.")
    return container.media_type


def transport_packets(header: bytes) -> tuple[int, int] | None:
    """Where the first transport packet begins and how far it is to the next: plain, with a time code before each (Blu-ray), or with parity
    after. Told by five sync bytes.
    """
    for size in (188, 192, 204):
        for first in range(min(size, len(header))):
            if all(header[first + place * size : first + place * size + 1] == b"G" for place in range(5)):
                return first, size
    return None
