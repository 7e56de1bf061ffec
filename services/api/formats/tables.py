"""CSV for spreadsheets, JSON Lines for scripts."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from io import StringIO
from typing import Any

from db.resources.events import EventOut
from services.api.formats.text import clock

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 full width: spreadsheets read them alike
"""What a spreadsheet takes a cell for a formula by (OWASP, CSV injection)."""

COLUMNS: dict[str, Callable[[EventOut], Any]] = {
    "id": lambda event: event.id,
    "type": lambda event: event.type,
    "title": lambda event: event.title,
    "description": lambda event: event.description,
    "start": lambda event: clock(event.start_ms),
    "end": lambda event: clock(event.end_ms),
    "start_ms": lambda event: event.start_ms,
    "end_ms": lambda event: event.end_ms,
    "start_uncertainty_ms": lambda event: event.start_uncertainty_ms,
    "end_uncertainty_ms": lambda event: event.end_uncertainty_ms,
    "confidence": lambda event: event.confidence,
    "confidence_source": lambda event: event.confidence_source,
    "verification": lambda event: event.verification.status,
    "recorded_start": lambda event: event.recorded_start,
    "recorded_end": lambda event: event.recorded_end,
    "attributes": lambda event: json.dumps(event.attributes, ensure_ascii=False) if event.attributes else None,
    "provisional": lambda event: event.provisional,
    "analyzer": lambda event: event.source.analyzer,
    "model": lambda event: event.source.model,
    "job_id": lambda event: event.job_id,
    "video_id": lambda event: event.video_id,
    "evidence_pts_ms": lambda event: event.evidence.pts_ms,
    "frame_url": lambda event: event.evidence.frame_url,
}


def rows(events: Iterable[EventOut]) -> Iterator[str]:
    """RFC 4180, with a header. A text that a spreadsheet would run as a formula has `'` before it; JSON Lines have it as it is."""
    yield _line(COLUMNS)
    for event in events:
        yield _line(_cell(value(event)) for value in COLUMNS.values())


def lines(events: Iterable[EventOut]) -> Iterator[str]:
    """One event a line, as the API gives it elsewhere."""
    return (f"{event.model_dump_json()}\n" for event in events)


def _line(cells: Iterable[Any]) -> str:
    out = StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _cell(value: Any) -> Any:
    match value:
        case str() if value.lstrip(" ").startswith(FORMULA):
            return f"'{value}"
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat()
    return value
