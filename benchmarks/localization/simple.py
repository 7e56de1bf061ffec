"""The simplest thing that people build: chunks of a minute without overlap, a frame a second by its number, replies taken as they come."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx

from benchmarks.localization.score import Found

CHUNK_S = 60
SIZE = (640, 352)
PROMPT = """\
These are frames of a video, each after its time. Find every event of these types:
{types}
Answer as JSON: {{"events": [{{"type": ..., "start_s": ..., "end_s": ...}}]}}"""
SCHEMA = {
    "type": "object",
    "properties": {
        "events": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"type": {"type": "string"}, "start_s": {"type": "number"}, "end_s": {"type": "number"}},
                "required": ["type", "start_s", "end_s"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["events"],
    "additionalProperties": False,
}


def found(video: Path, *, url: str, key: str, kinds: list[str]) -> list[Found]:
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:
        return [event for start_s, frames in _chunks(video) for event in _events(http, frames, start_s, kinds)]


def _chunks(video: Path) -> Iterator[tuple[float, list[tuple[float, bytes]]]]:
    capture = cv2.VideoCapture(str(video))
    rate = capture.get(cv2.CAP_PROP_FPS)
    frames: list[tuple[float, bytes]] = []
    number, start_s = 0, 0.0
    while True:
        good, picture = capture.read()
        if not good:
            break
        time_s = number / rate
        if number % round(rate) == 0:
            if time_s - start_s >= CHUNK_S:
                yield start_s, frames
                frames, start_s = [], time_s
            frames.append((time_s - start_s, cv2.imencode(".jpg", cv2.resize(picture, SIZE))[1].tobytes()))
        number += 1
    if frames:
        yield start_s, frames


def _events(http: httpx.Client, frames: list[tuple[float, bytes]], start_s: float, kinds: list[str]) -> Iterator[Found]:
    content: list[dict[str, Any]] = []
    for time_s, jpeg in frames:
        content.append({"type": "text", "text": f"<{time_s:.1f} seconds>"})
        content.append({"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"}})
    content.append({"type": "text", "text": PROMPT.format(types="\n".join(f"- {kind}: it is shown" for kind in kinds))})
    body = {
        "model": "any",
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 4096,
        "response_format": {"type": "json_schema", "json_schema": {"name": "events", "strict": True, "schema": SCHEMA}},
    }
    try:
        reply = http.post("/chat/completions", json=body).raise_for_status().json()
        events = json.loads(reply["choices"][0]["message"]["content"])["events"]
        yield from [Found(event["type"], start_s + float(event["start_s"]), start_s + float(event["end_s"])) for event in events]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return
