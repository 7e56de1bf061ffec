"""How many tokens a prompt should cost, to be held against the bill: a server that drops or resizes frames on the way bills fewer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.estimate import CHARS_A_TOKEN
from core.frame_size import TOKEN_PIXELS

FAR = 2.0
"""Servers round sizes, and add words of their own. Frames that were left out, or shown in another size, make more of a difference."""

SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})


def predicted(messages: Iterable[Mapping[str, Any]], frames: Sequence[tuple[int, bytes]]) -> int:
    """For models that take a token for each 32 x 32 pixels, as Qwen3-VL does."""
    return of_frames(frames) + of_texts(messages)


def at_most(messages: Iterable[Mapping[str, Any]], frames: Sequence[tuple[int, bytes]]) -> int:
    """The same, and never less than what is billed: byte pairs make no more tokens of a text than it has bytes."""
    return of_frames(frames) + sum(len(text.encode()) for text in _texts(messages))


def of_texts(messages: Iterable[Mapping[str, Any]]) -> int:
    """Of their words alone."""
    return sum(map(len, _texts(messages))) // CHARS_A_TOKEN


def of_frames(frames: Sequence[tuple[int, bytes]]) -> int:
    """Of their pixels alone. The frames of a window are all of one size."""
    width, height = jpeg_size(frames[0][1])
    return len(frames) * width * height // TOKEN_PIXELS


def are_unexpected(billed: int, expected: int) -> bool:
    """Whether a bill is far from what was expected; none at all (0) tells nothing."""
    return billed > 0 and not expected / FAR <= billed <= expected * FAR


def jpeg_size(jpeg: bytes) -> tuple[int, int]:
    """Width and height, from the frame header (ITU T.81, B.2.2). Raises ValueError where there is none."""
    at = 2
    while at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        if jpeg[at + 1] in SOF:
            return int.from_bytes(jpeg[at + 7 : at + 9]), int.from_bytes(jpeg[at + 5 : at + 7])
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    raise ValueError("no frame header in a JPEG")


def _texts(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    return [part["text"] for message in messages for part in _parts(message["content"]) if part["type"] == "text"]


def _parts(content: str | Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
