"""What the decoder's process answers: what a video is, and its sampled frames."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2

from core.frame_size import fit
from core.spans import Span
from workers.frames.decode import Missing
from workers.frames.index import Index
from workers.frames.picture import encode, shrink
from workers.frames.probe import Bounds, Source, probe
from workers.frames.reach import frames
from workers.frames.saved import load, save
from workers.frames.signals import measure
from workers.frames.timeline import near_grid, sampled_before, wanted

Alive = Callable[[], None]
Answer = tuple[dict[str, Any], bytes]


def answer(request: dict[str, Any], *, alive: Alive, known: bytes = b"") -> Iterator[Answer]:
    """The messages, the last one of kind `end`. `known`: what an earlier call has `saved` of the file.

    Raises NotAVideo, UnsupportedVideo, MemoryError.
    """
    try:
        path, bounds = Path(request["path"]), Bounds(**request["bounds"])
        # What is taken on is limited by settings, which may have changed since.
        edition = f"{request['edition']} {bounds}" if request.get("edition") else None
        source = load(known, path, edition) if known and edition else None
        if source is None:
            source = probe(path, bounds, alive=alive)
            if edition and (saved := save(source, edition)):
                yield {"kind": "saved"}, saved
        if request["ask"] == "info":
            yield {"kind": "info", **asdict(source.info())}, b""
        else:
            yield from _samples(source, request, alive=alive)
        yield {"kind": "end"}, b""
    except cv2.error as error:
        if error.code == cv2.Error.STS_NO_MEM:
            raise MemoryError from error
        raise


def _samples(source: Source, request: dict[str, Any], *, alive: Alive) -> Iterator[Answer]:
    """First the holes, then frame by frame in order of time. The frame before each span comes too: it is what the first one is
    compared with, and where a gap may begin.
    """
    spans, fps = [Span(*span) for span in request["spans"]], request["fps"]
    yield from (({"kind": "hole", "span": hole}, b"") for hole in source.index.holes if any(map(hole.overlaps, spans)))
    size, look = fit(source.width, source.height, tokens=request["frame_tokens"]), None
    times = _times(source.index, spans, fps, request["tolerance_ms"])
    for found in frames(source, times, tolerance_ms=round(500 / fps), alive=alive):
        if isinstance(found, Missing):
            yield {"kind": "missing", "pts_ms": found.pts_ms}, b""
            continue
        small = shrink(found.pixels, size)
        signals, look = measure(small, look)
        yield {"kind": "frame", "pts_ms": found.pts_ms, "signals": signals}, encode(small, quality=request["jpeg_quality"])


def _times(index: Index, spans: Iterable[Span], fps: float, tolerance_ms: int) -> tuple[int, ...]:
    """By the whole video alone, so that every part of it samples the same frames."""
    presented = set(index.pts_ms)
    keys = near_grid([time for time in index.key_ms if time in presented], fps=fps, tolerance_ms=tolerance_ms)
    times: set[int] = set()
    for span in spans:
        before = sampled_before(span.start_ms, fps=fps, pts_ms=index.pts_ms, key_ms=keys)
        times.update(() if before is None else (before,), wanted(span, fps=fps, pts_ms=index.pts_ms, key_ms=keys))
    return tuple(sorted(times))
