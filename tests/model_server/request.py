"""Checks a request as strictly as the strictest of servers would, and takes out what there is to see and to answer."""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from tests import marks

TIME = re.compile(r"<(-?\d+\.\d{1,3}) seconds>")
# A type's definition in the question: `- mark_3: what it is`.
DEFINITION = re.compile(r"^- ([A-Za-z0-9][\w.-]*)(?:: .*)?$", re.MULTILINE)
JPEG = "data:image/jpeg;base64,"


class BadRequest(Exception):
    """Answered with 400 and this reason."""


@dataclass(frozen=True, slots=True)
class Picture:
    """`time` is the text before it, as printed; `mark` what its pixels say."""

    time: str
    mark: marks.Mark | None
    width: int
    height: int
    size: int

    @property
    def time_ms(self) -> int:
        return round(float(self.time) * 1000)


@dataclass(frozen=True, slots=True)
class Request:
    model: str
    pictures: tuple[Picture, ...]
    question: str
    types: tuple[str, ...]
    forms: tuple[dict[str, Any], ...]
    is_look: bool
    seed: int | None
    temperature: float | None
    max_tokens: int
    text_chars: int


def parse(body: Any) -> Request:
    """Raises BadRequest."""
    if not isinstance(body, dict):
        raise BadRequest("the body is not a JSON object")
    _check_schema(body.get("response_format"))
    max_tokens: Any = body.get("max_tokens")
    _demand(isinstance(max_tokens, int) and max_tokens > 0, "max_tokens is missing")
    _demand(isinstance(body.get("model"), str) and body["model"], "model is missing")
    _demand(not body.get("stream"), "streaming is not supported")
    messages: Any = body.get("messages")
    _demand(isinstance(messages, list) and messages and all(isinstance(message, dict) for message in messages), "messages are missing")
    _demand(messages[-1].get("role") == "user", "the last message is not the user's")
    pictures, question = _pictures(messages[-1].get("content"))
    return Request(
        model=body["model"],
        pictures=pictures,
        question=question,
        types=tuple(DEFINITION.findall(question)),
        forms=_forms(body["response_format"]["json_schema"]["schema"]),
        is_look="visible" in body["response_format"]["json_schema"]["schema"]["properties"],
        seed=body.get("seed"),
        temperature=body.get("temperature"),
        max_tokens=max_tokens,
        text_chars=sum(len(text) for message in messages for text in _texts(message.get("content"))),
    )


def _check_schema(wanted: Any) -> None:
    schema: Any = wanted.get("json_schema") if isinstance(wanted, dict) and wanted.get("type") == "json_schema" else None
    _demand(isinstance(schema, dict), "response_format is not a json_schema")
    _demand(schema.get("strict") is True and schema.get("name"), "json_schema has no name, or is not strict")
    _check_strict(schema.get("schema"), "schema")


def _forms(schema: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The forms that an event may have; none where it is not events that are asked for."""
    if "events" not in schema["properties"]:
        return ()
    event = schema["properties"]["events"]["items"]
    return tuple(event.get("anyOf", [event]))


def _check_strict(schema: Any, where: str) -> None:
    """A strict schema names all members of each object, demands them and allows no other."""
    _demand(isinstance(schema, dict), f"{where} is not a schema")
    if "anyOf" in schema:
        _demand(set(schema) == {"anyOf"} and schema["anyOf"], f"{where} mixes anyOf with something else")
        for number, form in enumerate(schema["anyOf"]):
            _check_strict(form, f"{where}|{number}")
        return
    _demand("type" in schema, f"{where} has no type")
    if schema["type"] == "object":
        members = schema.get("properties", {})
        _demand(schema.get("additionalProperties") is False, f"{where} allows additional properties")
        _demand(sorted(schema.get("required", [])) == sorted(members), f"{where} does not require all its properties")
        for name, member in members.items():
            _check_strict(member, f"{where}.{name}")
    if schema["type"] == "array":
        _check_strict(schema.get("items"), f"{where}[]")


def _pictures(content: Any) -> tuple[tuple[Picture, ...], str]:
    """Time and picture in turn, then the question."""
    _demand(isinstance(content, list) and all(isinstance(part, dict) for part in content), "the content is not a list of parts")
    *shown, question = content
    _demand(question.get("type") == "text", "the question does not come last")
    _demand(shown and len(shown) % 2 == 0, "times and images do not take turns")
    pictures = tuple(_picture(time, image) for time, image in zip(shown[::2], shown[1::2], strict=True))
    times = [picture.time_ms for picture in pictures]
    _demand(times == sorted(set(times)), "the times do not rise")
    return pictures, question["text"]


def _picture(time: dict[str, Any], image: dict[str, Any]) -> Picture:
    found: Any = TIME.fullmatch(str(time.get("text"))) if time.get("type") == "text" else None
    _demand(found, "an image has no time before it")
    url = (image.get("image_url") or {}).get("url", "") if image.get("type") == "image_url" else ""
    _demand(url.startswith(JPEG), "a time has no JPEG after it")
    try:
        jpeg = b64decode(url.removeprefix(JPEG), validate=True)
    except NotBase64 as error:
        raise BadRequest("an image is not base64") from error
    # Grey is all that a mark needs, and eight times faster.
    pixels: Any = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE) if jpeg else None
    _demand(pixels is not None, "an image can't be decoded")
    height, width = pixels.shape
    return Picture(time=found[1], mark=marks.read(pixels), width=width, height=height, size=len(jpeg))


def _texts(content: Any) -> list[str]:
    parts = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    return [part["text"] for part in parts if part.get("type") == "text"]


def _demand(met: Any, reason: str) -> None:
    if not met:
        raise BadRequest(reason)
