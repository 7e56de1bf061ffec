"""Marks in the pixels: a picture that says when it is shown and what is going on in it.

A grid of large black and white cells, placed by fractions of the picture, so that it can be read again after lossy coding, resizing (also
out of proportion) and JPEG. From the first cell, row by row: four known cells, 28 bits of time, 8 event bits, 16 bits of CRC.
"""

from binascii import crc_hqx
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

COLUMNS, ROWS = 8, 7
LEFT, TOP, RIGHT, BOTTOM = 0.10, 0.12, 0.90, 0.88
KNOWN = (1, 0, 0, 1)
TIME_BITS, EVENT_BITS, CRC_BITS = 28, 8, 16
CRC_START = 0x5A17
# Cells nearer to grey than this share of the distance between black and white are not believed.
DOUBT = 0.15


class Mark(NamedTuple):
    """`time_ms`: the frame's own time; bit k of `bits`: event k is going on."""

    time_ms: int
    bits: int

    def shows(self, bit: int) -> bool:
        return bool(self.bits >> bit & 1)


def draw(image: Image, *, time_ms: int, bits: int) -> None:
    """Put the mark into the picture (rows, columns, colours in any order), in place."""
    if not (0 <= time_ms < 1 << TIME_BITS and 0 <= bits < 1 << EVENT_BITS):
        raise ValueError(f"does not fit into a mark: {time_ms} ms, bits {bits:#x}")
    payload = time_ms << EVENT_BITS | bits
    word = payload << CRC_BITS | _crc(payload)
    width = TIME_BITS + EVENT_BITS + CRC_BITS
    flags = (*KNOWN, *(word >> place & 1 for place in reversed(range(width))))
    cells = np.array(flags, np.uint8).reshape(ROWS, COLUMNS) * 255
    ys, xs = _edges(image.shape[0], TOP, BOTTOM, ROWS), _edges(image.shape[1], LEFT, RIGHT, COLUMNS)
    rows = cells.repeat(np.diff(xs), axis=1)[..., None].repeat(3, axis=2)
    for row, start, end in zip(rows, ys, ys[1:], strict=False):
        image[start:end, xs[0] : xs[-1]] = row


def read(image: Image) -> Mark | None:
    """The mark in the picture; None where there is none, or none that can be trusted."""
    grey = image.mean(axis=2) if image.ndim == 3 else image
    levels = _levels(grey)
    low, high = levels.min(), levels.max()
    if high - low < 64:
        return None
    shares = (levels - low) / (high - low)
    if (abs(shares - 0.5) < DOUBT).any():
        return None
    flags = [int(share > 0.5) for share in shares]
    if tuple(flags[: len(KNOWN)]) != KNOWN:
        return None
    word = int("".join(map(str, flags[len(KNOWN) :])), 2)
    payload, crc = word >> CRC_BITS, word & (1 << CRC_BITS) - 1
    if crc != _crc(payload):
        return None
    return Mark(payload >> EVENT_BITS, payload & (1 << EVENT_BITS) - 1)


def _levels(grey: NDArray[Any]) -> NDArray[np.float64]:
    """The mean brightness of the inner half of every cell, row by row."""
    ys, xs = _edges(grey.shape[0], TOP, BOTTOM, ROWS), _edges(grey.shape[1], LEFT, RIGHT, COLUMNS)
    return np.array([grey[_inner(ys, row), _inner(xs, column)].mean() for row in range(ROWS) for column in range(COLUMNS)])


def _inner(edges: Sequence[int], cell: int) -> slice:
    start, end = edges[cell], edges[cell + 1]
    quarter = (end - start) // 4
    return slice(start + quarter, max(end - quarter, start + quarter + 1))


def _edges(length: int, first: float, last: float, cells: int) -> list[int]:
    return [round(length * (first + (last - first) * cell / cells)) for cell in range(cells + 1)]


def _crc(payload: int) -> int:
    return crc_hqx(payload.to_bytes((TIME_BITS + EVENT_BITS + 7) // 8, "big"), CRC_START)
