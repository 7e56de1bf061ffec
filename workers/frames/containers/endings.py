"""Which container tells of its ending how."""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path

from workers.frames.containers.asf import read_asf
from workers.frames.containers.ebml import read_matroska
from workers.frames.containers.ending import WHOLE, Ending
from workers.frames.containers.flv import read_flv
from workers.frames.containers.riff import read_avi
from workers.frames.containers.transport import read_transport

# By demuxer; mp4 and mov tell much more (`boxes`).
READERS: Mapping[str, Callable[[Path], Ending]] = {
    "matroska": read_matroska,
    "avi": read_avi,
    "mpegts": read_transport,
    "flv": read_flv,
    "asf": read_asf,
}


def read_ending(path: Path, demuxer: str) -> Ending:
    """Never fails on a damaged file: what cannot be read is not there."""
    try:
        return READERS[demuxer](path) if demuxer in READERS else WHOLE
    except (struct.error, ValueError, IndexError, ArithmeticError, OSError):
        return WHOLE
