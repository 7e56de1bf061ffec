"""Public annotations of moments in videos, in the forms in which they are published.

| data set             | file                          | form                                                                  |
|----------------------|-------------------------------|-----------------------------------------------------------------------|
| QVHighlights         | `highlight_val_release.jsonl` | a JSON object a line: `vid`, `query`, `relevant_windows` in seconds     |
| Charades-STA         | `charades_sta_test.txt`       | a line each: `VIDEO START END##SENTENCE`, in seconds                   |
| ActivityNet Captions | `val_1.json`                  | one JSON object: by video, `timestamps` in seconds and `sentences`      |
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

CHARADES = re.compile(r"(?P<video>\S+) (?P<start>[\d.]+) (?P<end>[\d.]+)##(?P<query>.+)")


class Moment(NamedTuple):
    """What is asked of one video, and where it is to be found: spans in seconds, at least one."""

    video: str
    query: str
    spans: tuple[tuple[float, float], ...]


def read(path: Path) -> dict[str, list[Moment]]:
    """The moments of each video, in the file's order. Raises ValueError for a file that has none of the forms."""
    text = path.read_text(encoding="utf-8")
    moments = [moment for moment in _moments(text) if moment.spans and all(start < end for start, end in moment.spans)]
    if not moments:
        raise ValueError(f"No moments in {path}: its form is none of QVHighlights', Charades-STA's and ActivityNet Captions'.")
    videos: dict[str, list[Moment]] = defaultdict(list)
    for moment in moments:
        videos[moment.video].append(moment)
    return dict(videos)


def _moments(text: str) -> Iterator[Moment]:
    try:
        found = json.loads(text)
    except ValueError:
        lines = text.splitlines()
        return _qvhighlights(lines) if text.startswith("{") else _charades(lines)
    # A file of one line is one object in either form.
    return _qvhighlights([text]) if "relevant_windows" in found else _activitynet(found)


def _qvhighlights(lines: list[str]) -> Iterator[Moment]:
    for line in filter(None, lines):
        found = json.loads(line)
        yield Moment(found["vid"], found["query"], _spans(found.get("relevant_windows", ())))


def _charades(lines: list[str]) -> Iterator[Moment]:
    for told in filter(None, map(CHARADES.fullmatch, lines)):
        yield Moment(told["video"], told["query"], _spans([(told["start"], told["end"])]))


def _activitynet(found: Mapping[str, Any]) -> Iterator[Moment]:
    for video, told in found.items():
        for span, sentence in zip(told["timestamps"], told["sentences"], strict=True):
            yield Moment(video, sentence.strip(), _spans([span]))


def _spans(found: Any) -> tuple[tuple[float, float], ...]:
    return tuple((float(start), float(end)) for start, end in found)
