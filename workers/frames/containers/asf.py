"""What an ASF (WMV) file says of its own length, in its file properties."""

from pathlib import Path
from struct import unpack_from

from workers.frames.containers.ending import WHOLE, Ending, ending

HEAD_BYTES = 64 * 1024
FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
BROADCAST = 1
TICKS_MS = 10_000


def read_asf(path: Path) -> Ending:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    place = head.find(FILE_PROPERTIES) + 24
    if FILE_PROPERTIES not in head or len(head) < place + 68:
        return WHOLE
    bytes_told, _, _, length, _, preroll_ms, flags = unpack_from("<6QI", head, place + 16)
    if flags & BROADCAST:
        return WHOLE
    return ending(cut_off=bytes_told > path.stat().st_size, promised_ms=length / TICKS_MS - preroll_ms)
