"""The ways in which a reply can go wrong: each is a plain dict (`kind` and its settings), so that it can travel in a control request.

Every behaviour takes `delay_s`, the time until the answer begins.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.model_server import erring, seeing
from tests.model_server.request import Request

Behaviour = Mapping[str, Any]
Events = list[dict[str, Any]]

FLOOD_BYTES = 8 * 1024**2
HONEST: Behaviour = {"kind": "honest"}


@dataclass(slots=True)
class Outcome:
    """What goes over the wire. `drip_s`: the pause before each piece of `drip_bytes`; `reset`: break off half way, with a TCP reset."""

    status: int
    payload: dict[str, Any] | str
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0
    drip_s: float = 0
    drip_bytes: int = 1
    reset: bool = False


def slow(seconds: float) -> Behaviour:
    return {"kind": "honest", "delay_s": seconds}


def numbered(*, delay_s: float = 0) -> Behaviour:
    """The truth, each answer with a number of its own in whatever it tells: so that two answers to the same question are told apart."""
    return {"kind": "numbered", "delay_s": delay_s}


def drip(*, every_s: float, size: int = 1) -> Behaviour:
    """The true reply, `size` bytes at a time with a pause before each."""
    return {"kind": "honest", "drip_s": every_s, "drip_bytes": size}


def status(code: int, *, message: str = "as told", **headers: str) -> Behaviour:
    """A refusal; `headers` with underscores for hyphens, such as `retry_after="7"`."""
    return {
        "kind": "status",
        "status": code,
        "message": message,
        "headers": {name.replace("_", "-"): text for name, text in headers.items()},
    }


def page(code: int = 200) -> Behaviour:
    """A page for people, as proxies send it."""
    return {"kind": "page", "status": code}


def error_in_200(*, where: str, code: int | str = 502, message: str = "Provider returned error") -> Behaviour:
    """`where`: `top`, an `error` beside nothing else; or `choice`, an error in the choice with half a text."""
    return {"kind": f"error_{where}", "code": code, "message": message}


def picky(*, images: int | None = None, size: int | None = None, context: int | None = None) -> Behaviour:
    """The truth, of calls with so many images, bytes of them and tokens at the most; a refusal as real servers word it of any other."""
    return {"kind": "picky", "images": images, "size": size, "context": context}


def billed(share: float) -> Behaviour:
    """The truth, for that share of the tokens that it takes: as where frames are dropped on the way."""
    return {"kind": "billed", "share": share}


def broken_from(time_ms: int) -> Behaviour:
    """No JSON where the video's frame of that time, or a later one, is shown; the truth of anything else."""
    return {"kind": "broken_from", "time_ms": time_ms}


def long_winded(*, events: int) -> Behaviour:
    """The truth, cut off within the event after so many, with `finish_reason: length`; whole where there are no more."""
    return {"kind": "long_winded", "events": events}


def errs(*, seed: int = 0, hard: bool = False) -> Behaviour:
    """Events with all the errors of `erring`; with those of second looks that are there called `hard`."""
    return {"kind": "erring", "seed": seed, "hard": hard}


def reset() -> Behaviour:
    return {"kind": "honest", "reset": True}


def jittered(*, ms: int, seed: int = 0) -> Behaviour:
    """True events, their ends moved by up to `ms` either way; the same window gets the same ends each time."""
    return {"kind": "jittered", "ms": ms, "seed": seed}


def outside(*, by_s: float = 1000) -> Behaviour:
    """True events, `by_s` too late."""
    return {"kind": "outside", "by_s": by_s}


def loop(*, every_s: float = 5, until_s: float | None = None) -> Behaviour:
    """One event every few seconds, to the end of the window or to `until_s`."""
    return {"kind": "loop", "every_s": every_s, "until_s": until_s}


def of_kind(kind: str) -> Behaviour:
    """One of those without settings: honest, empty, null, broken, fenced, truncated, mmss, strings, shapeless (JSON without events), flood
    (more than anybody asked for); of second looks alone: blind (they see nothing), unreadable_looks.
    """
    return {"kind": kind}


def outcome(behaviour: Behaviour, request: Request) -> Outcome:
    """What the behaviour makes of the truth. Raises KeyError for a kind that is not known."""
    kind = behaviour["kind"]
    if kind == "status":
        return _status(behaviour)
    if kind == "page":
        return Outcome(behaviour["status"], "<html><body>The gateway is upset</body></html>")
    if kind == "picky" and (refusal := _refusal(request, behaviour)):
        return refusal
    text, finish_reason = _look(request, behaviour) if request.is_look else _told(request, behaviour)
    payload = _payload(request, text, finish_reason)
    if kind in PAYLOADS:
        PAYLOADS[kind](payload, behaviour)
    timing = {name: behaviour[name] for name in ("delay_s", "drip_s", "drip_bytes", "reset") if name in behaviour}
    return Outcome(200, payload, **timing)


def _told(request: Request, behaviour: Behaviour) -> tuple[str | None, str]:
    kind = behaviour["kind"]
    return TEXTS["honest" if kind in PAYLOADS else kind](seeing.events(request), request, behaviour)


def _look(request: Request, behaviour: Behaviour) -> tuple[str | None, str]:
    """What has no meaning for a second look is honest there."""
    answer = seeing.look(request)
    return LOOKS.get(behaviour["kind"], lambda answer, request, how: (json.dumps(answer), "stop"))(answer, request, behaviour)


def _payload(request: Request, text: str | None, finish_reason: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "gen-test",
        "object": "chat.completion",
        "model": request.model,
        "choices": [{"index": 0, "finish_reason": finish_reason, "message": message}],
        "usage": seeing.usage(request, text or ""),
    }


def _status(behaviour: Behaviour) -> Outcome:
    error = {"code": behaviour["status"], "message": behaviour.get("message") or "as told"}
    return Outcome(behaviour["status"], {"error": error}, dict(behaviour.get("headers") or {}), behaviour.get("delay_s", 0))


def _refusal(request: Request, behaviour: Behaviour) -> Outcome | None:
    images, size = behaviour.get("images"), behaviour.get("size")
    if images is not None and len(request.pictures) > images:
        return _status(status(400, message=f"At most {images} image(s) may be provided in one prompt."))
    if size is not None and sum(picture.size for picture in request.pictures) > size:
        return _status(status(413, message="Request Entity Too Large"))
    context, tokens = behaviour.get("context"), seeing.usage(request, "")["prompt_tokens"]
    if context is not None and tokens > context:
        return _status(status(400, message=f"request ({tokens} tokens) exceeds the available context size ({context} tokens)"))
    return None


def _json(events: Events) -> str:
    return json.dumps({"events": events})


def _clock(time_s: float) -> str:
    minutes, seconds = divmod(round(time_s * 1000), 60_000)
    return f"{minutes:02d}:{seconds / 1000:06.3f}"


def _looping(events: Events, request: Request, behaviour: Behaviour) -> str:
    first_s, last_s = (float(picture.time) for picture in (request.pictures[0], request.pictures[-1]))
    kind = request.types[0] if request.types else "mark_0"
    pattern = (
        events[0] if events else {"type": kind, "description": "It goes on", "open_start": False, "open_end": False, "confidence": 0.9}
    )
    every_s, until_s = behaviour.get("every_s", 5), behaviour.get("until_s") or last_s
    rounds = max(int((until_s - first_s) // every_s), 8)
    return _json([{**pattern, "start_s": first_s + every_s * n, "end_s": first_s + every_s * (n + 1)} for n in range(rounds)])


def _jittered(events: Events, request: Request, behaviour: Behaviour) -> str:
    random = Random(f"{behaviour.get('seed', 0)} {[picture.mark for picture in request.pictures]}")
    reach_s = behaviour["ms"] / 1000
    moved = []
    for event in events:
        ends = sorted(round(event[end] + random.uniform(-reach_s, reach_s), 1) for end in ("start_s", "end_s"))
        moved.append({**event, "start_s": ends[0], "end_s": ends[1]})
    return _json(moved)


def _erring(events: Events, request: Request, behaviour: Behaviour) -> str:
    told = erring.events(events, request, behaviour)
    clocks = Random(f"{behaviour.get('seed', 0)} {len(told)} {request.pictures[0].mark}").random() < erring.CLOCKS
    return _each(told, _clock) if clocks else _json(told)


def _each(events: Events, change: Callable[[float], Any]) -> str:
    return _json([{**event, "start_s": change(event["start_s"]), "end_s": change(event["end_s"])} for event in events])


def _broken(events: Events) -> tuple[str, str]:
    return f"The events: {_json(events).translate({ord(char): ' ' for char in '{}[]'})}", "stop"


def _broken_from(events: Events, request: Request, behaviour: Behaviour) -> tuple[str, str]:
    late = any(picture.mark is not None and picture.mark.time_ms >= behaviour["time_ms"] for picture in request.pictures)
    return _broken(events) if late else (_json(events), "stop")


def _long_winded(events: Events, request: Request, behaviour: Behaviour) -> tuple[str, str]:
    if len(events) <= behaviour["events"]:
        return _json(events), "stop"
    return _json(events[: behaviour["events"] + 1])[:-20], "length"


LOOKS: Mapping[str, Callable[[dict[str, Any], Request, Behaviour], tuple[str | None, str]]] = {
    "erring": lambda answer, request, how: (json.dumps(erring.look(answer, request, how)), "stop"),
    "broken": lambda answer, request, how: (f"I think: {answer['reason']}", "stop"),
    "unreadable_looks": lambda answer, request, how: (f"I think: {answer['reason']}", "stop"),
    "fenced": lambda answer, request, how: (f"```json\n{json.dumps(answer)}\n```", "stop"),
    "blind": lambda answer, request, how: (
        json.dumps({"visible": False, "start_s": None, "end_s": None, "reason": "Nothing to be seen"}),
        "stop",
    ),
}


TEXTS: Mapping[str, Callable[[Events, Request, Behaviour], tuple[str | None, str]]] = {
    "honest": lambda events, request, how: (_json(events), "stop"),
    "erring": lambda events, request, how: (_erring(events, request, how), "stop"),
    "empty": lambda events, request, how: ("", "stop"),
    "null": lambda events, request, how: (None, "stop"),
    "picky": lambda events, request, how: (_json(events), "stop"),
    "broken": lambda events, request, how: _broken(events),
    "broken_from": _broken_from,
    "long_winded": _long_winded,
    "fenced": lambda events, request, how: (f"Here they are:\n```json\n{_json(events)}\n```\nI hope this helps.", "stop"),
    "truncated": lambda events, request, how: (_json(events)[: max(len(_json(events)) * 2 // 3, 12)].rstrip("]}"), "length"),
    "loop": lambda events, request, how: (_looping(events, request, how), "stop"),
    "outside": lambda events, request, how: (_each(events, lambda time_s: time_s + how.get("by_s", 1000)), "stop"),
    "mmss": lambda events, request, how: (_each(events, _clock), "stop"),
    "strings": lambda events, request, how: (_each(events, str), "stop"),
    "blind": lambda events, request, how: (_json(events), "stop"),
    "unreadable_looks": lambda events, request, how: (_json(events), "stop"),
    "shapeless": lambda events, request, how: (json.dumps({"answer": len(events)}), "stop"),
    "flood": lambda events, request, how: (_json(events) + " " * FLOOD_BYTES, "stop"),
    "jittered": lambda events, request, how: (_jittered(events, request, how), "stop"),
}


def _error_top(payload: dict[str, Any], behaviour: Behaviour) -> None:
    payload.clear()
    payload["error"] = {
        "code": behaviour.get("code", 502),
        "message": behaviour.get("message") or "Provider returned error",
        "metadata": {},
    }


def _error_choice(payload: dict[str, Any], behaviour: Behaviour) -> None:
    choice = payload["choices"][0]
    choice["message"]["content"] = choice["message"]["content"][:10]
    choice |= {"finish_reason": "error", "error": {"code": behaviour.get("code", 502), "message": "Provider broke off"}}


def _numbered(payload: dict[str, Any], behaviour: Behaviour) -> None:
    message = payload["choices"][0]["message"]
    told = json.loads(message["content"])
    for each in told.get("events", ()):
        each["description"] += f", answer {behaviour['serial']}"
    message["content"] = json.dumps(told)
    payload["id"] = f"gen-{behaviour['serial']}"


def _billed(payload: dict[str, Any], behaviour: Behaviour) -> None:
    payload["usage"]["prompt_tokens"] = round(payload["usage"]["prompt_tokens"] * behaviour["share"])


PAYLOADS: Mapping[str, Callable[[dict[str, Any], Behaviour], None]] = {
    "error_top": _error_top,
    "error_choice": _error_choice,
    "billed": _billed,
    "numbered": _numbered,
}
