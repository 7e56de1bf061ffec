"""What an MPEG transport stream says of its own start: the time stamps at the head of its first pictures."""

from collections.abc import Iterator
from pathlib import Path

from core.containers import HEADER_BYTES, transport_packets
from workers.frames.containers.ending import WHOLE, Ending, ending

HEAD_BYTES = 4 * 1024**2
TICKS_MS = 90
STARTS = 64
TAIL_PACKETS = 4096
# An adaptation field that holds a clock and no stuffing: its length and its flags.
CLOCK = b"\x07\x10"
PACKET = 188
PICTURES = range(0xE0, 0xF0)
# AV1, VC-1 and others come as private streams.
PRIVATE = (0xBD, 0xFD)


def read_transport(path: Path) -> Ending:
    """A stream has no end of its own. That it was cut off is told by a packet that is not whole, or by a picture whose last packet is full:
    there is more to come, but for one time in 184.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        packets = transport_packets(head[:HEADER_BYTES])
        if packets is None:
            return WHOLE
        first, step = packets
        file.seek(max(size - (size - first) % step - TAIL_PACKETS * step, first))
        tail = file.read()
        file.seek(first)
        broken = any(_is_broken(part, step) for part in iter(lambda: file.read(HEAD_BYTES // step * step), b""))
    pictures = [packet for packet in _packets(head[first:], step) if list(_stamp(packet))]
    starts = [stamp for packet in pictures for stamp in _stamp(packet)]
    last = [packet for packet in _packets(tail, step) if pictures and _stream(packet) == _stream(pictures[0])][-1:]
    is_full = any(packet[3] >> 4 & 3 == 1 or packet[4:6] == CLOCK for packet in last)
    return ending(cut_off=is_full or (size - first) % step in range(1, PACKET), starts_ms=tuple(starts[:STARTS]), broken=broken)


def _is_broken(part: bytes, step: int) -> bool:
    return any(sync != ord("G") for sync in part[: len(part) // step * step : step])


def _packets(part: bytes, step: int) -> Iterator[bytes]:
    for place in range(0, len(part) - PACKET + 1, step):
        if part[place] == ord("G"):
            yield part[place : place + PACKET]


def _stream(packet: bytes) -> int:
    return int.from_bytes(packet[1:3], "big") & 0x1FFF


def _stamp(packet: bytes) -> Iterator[float]:
    """The time of the picture that begins in this packet, in milliseconds, if one does."""
    begins, adaptation = packet[1] & 0x40, packet[3] >> 4 & 3
    place = 4 if adaptation == 1 else 5 + packet[4]
    head = packet[place : place + 14]
    is_picture = head[:3] == b"\0\0\1" and len(head) == 14 and (head[3] in PICTURES or head[3] in PRIVATE)
    if begins and adaptation in {1, 3} and is_picture and head[7] & 0x80:
        high, middle, low = head[9] >> 1 & 7, int.from_bytes(head[10:12], "big") >> 1, int.from_bytes(head[12:14], "big") >> 1
        yield (high << 30 | middle << 15 | low) / TICKS_MS
