"""What the pictures show: one event for each run of pictures whose mark has the bit, at the times that were printed before them."""

from itertools import groupby
from math import ceil
from typing import Any

from tests.model_server.request import Picture, Request

BITS = 8
DOLLARS_IN, DOLLARS_OUT = 0.08e-6, 0.50e-6
CHARS_A_TOKEN = 4


def events(request: Request) -> list[dict[str, Any]]:
    """The truth, in the order of its beginnings, of the types defined in the question: `mark_k` for bit k. Without any, all."""
    wanted = [bit for bit in range(BITS) if not request.types or f"mark_{bit}" in request.types]
    found = [event for bit in wanted for event in _runs(bit, request.pictures)]
    return [{**event, **_details(event["type"], request)} for event in sorted(found, key=lambda event: (event["start_s"], event["type"]))]


def look(request: Request) -> dict[str, Any]:
    """The true answer to a second look at an event of the one type that is defined in the question."""
    bit = int(request.types[0].removeprefix("mark_"))
    runs = [
        list(run)
        for shows, run in groupby(request.pictures, key=lambda picture: picture.mark is not None and picture.mark.shows(bit))
        if shows
    ]
    last, first = ("the last time alone" in request.question, "the first time alone" in request.question)
    showing: list[Picture] = runs[-1] if runs and last else runs[0] if runs and first else max(runs, key=len, default=[])
    times = {"start_s": float(showing[0].time), "end_s": float(showing[-1].time)} if showing else {"start_s": None, "end_s": None}
    return {"visible": bool(showing), **times, "reason": f"Mark {bit} is {'' if showing else 'not '}shown"}


def _details(kind: str, request: Request) -> dict[str, Any]:
    """The attributes that the form of such an event demands; nothing where it has none."""
    forms = (form["properties"] for form in request.forms if kind in form["properties"]["type"].get("enum", [kind]))
    demanded = next(forms, {}).get("attributes", {}).get("properties", {})
    return {"attributes": {name: _value(kind, value) for name, value in demanded.items()}} if demanded else {}


def _value(kind: str, value: dict[str, Any]) -> Any:
    """By the bit's number k: the k-th of an enum's values (from 0, null beyond), whether k is odd, k itself, or `sign k`."""
    bit = int(kind.removeprefix("mark_"))
    if "enum" in value:
        return value["enum"][min(bit, len(value["enum"]) - 1)]
    return {"number": bit, "boolean": bit % 2 == 1, "string": f"sign {bit}"}[value["type"][0]]


def _runs(bit: int, pictures: tuple[Picture, ...]) -> list[dict[str, Any]]:
    runs = []
    for shows, group in groupby(pictures, key=lambda picture: picture.mark is not None and picture.mark.shows(bit)):
        run = list(group)
        if shows:
            runs.append(_event(bit, run[0], run[-1], pictures))
    return runs


def _event(bit: int, first: Picture, last: Picture, pictures: tuple[Picture, ...]) -> dict[str, Any]:
    return {
        "type": f"mark_{bit}",
        "description": f"Mark {bit} is shown",
        "start_s": float(first.time),
        "end_s": float(last.time),
        "open_start": first is pictures[0],
        "open_end": last is pictures[-1],
        "confidence": 0.9,
    }


def usage(request: Request, reply: str) -> dict[str, Any]:
    """As the real model is billed: a token for each 32 x 32 pixels of a picture, sides rounded to multiples of 32."""
    pixels = sum(round(picture.width / 32) * round(picture.height / 32) for picture in request.pictures)
    prompt, answered = pixels + ceil(request.text_chars / CHARS_A_TOKEN), ceil(len(reply) / CHARS_A_TOKEN)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answered,
        "total_tokens": prompt + answered,
        "cost": prompt * DOLLARS_IN + answered * DOLLARS_OUT,
    }
