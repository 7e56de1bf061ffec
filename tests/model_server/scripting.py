"""What the server is told to do with the next calls, and the book that it keeps of those that came."""

from collections import deque
from itertools import count
from random import Random
from threading import Lock
from time import time
from typing import Any

from tests.model_server.misbehaving import HONEST, Behaviour
from tests.model_server.request import Request

# Frames' times are rounded to whole milliseconds once; so may the time in a mark be.
ROUNDING_MS = 2
# How much a printed time, by its decimals, may be off.
PRINT_MS = {1: 50, 2: 5, 3: 0}


class Script:
    """What is told for the next calls comes first, one behaviour a call; then chance; then what is told for always; then the truth."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._next: deque[Behaviour] = deque()
        self._always: Behaviour = HONEST
        self._chances: list[tuple[float, Behaviour]] = []
        self._prices: dict[str, Any] = {}
        self._asked_for_prices: list[bool] = []
        self._random = Random(0)

    def change(self, told: dict[str, Any]) -> None:
        """Members that are missing leave what was told before."""
        with self._lock:
            if "next" in told:
                self._next = deque(told["next"] or ())
            if "always" in told:
                self._always = told["always"] or HONEST
            if "prices" in told:
                self._prices, self._asked_for_prices = told["prices"] or {}, []
            if "chance" in told:
                chance = told["chance"] or {}
                self._random = Random(chance.get("seed", 0))
                self._chances = [(each["p"], each["behaviour"]) for each in chance.get("of", ())]

    def prices(self, *, authorized: bool) -> dict[str, Any]:
        """How the list of prices is to be answered; see `Control.prices`."""
        with self._lock:
            self._asked_for_prices.append(authorized)
            return self._prices

    def pick(self) -> Behaviour:
        with self._lock:
            return self._next.popleft() if self._next else self._drawn()

    def state(self) -> dict[str, Any]:
        with self._lock:
            told = {"next": list(self._next), "always": self._always, "chances": len(self._chances)}
            return {**told, "asked_for_prices": list(self._asked_for_prices)}

    def _drawn(self) -> Behaviour:
        point = self._random.random()
        for share, behaviour in self._chances:
            if point < share:
                return behaviour
            point -= share
        return self._always


class Book:
    """An entry for each call, made when it arrives and completed when its answer is out; its `serial` is given to no other call."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._serials = count(1)
        self._entries: list[dict[str, Any]] = []

    def open(self, *, auth_ok: bool, headers: dict[str, str], body: Any) -> dict[str, Any]:
        known = {"model", "messages", "seed", "temperature", "max_tokens", "response_format"}
        extras = {name: member for name, member in body.items() if name not in known} if isinstance(body, dict) else {}
        entry = {"auth_ok": auth_ok, "headers": headers, "extras": extras, "arrived_at": time(), "finished_at": None, "answered": False}
        with self._lock:
            entry["serial"] = next(self._serials)
            self._entries.append(entry)
        return entry

    def entries(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


def described(request: Request) -> dict[str, Any]:
    """What of a request goes into the book. `offset_ms` is where the window starts by the marks: a frame's own time less the time in its
    text, the same for every frame of a call whose times are right (`times_ok`); None without marks.
    """
    places = max((len(picture.time.partition(".")[2]) for picture in request.pictures), default=1)
    offsets = [picture.mark.time_ms - picture.time_ms for picture in request.pictures if picture.mark is not None]
    return {
        "model": request.model,
        "is_look": request.is_look,
        "seed": request.seed,
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "types": list(request.types),
        "question": request.question,
        "offset_ms": min(offsets) if offsets else None,
        "times_ok": len(offsets) == len(request.pictures) and max(offsets) - min(offsets) <= ROUNDING_MS + 2 * PRINT_MS[places],
        "frames": [
            {
                "time": picture.time,
                "mark_ms": picture.mark.time_ms if picture.mark else None,
                "bits": picture.mark.bits if picture.mark else None,
                "width": picture.width,
                "height": picture.height,
                "bytes": picture.size,
            }
            for picture in request.pictures
        ],
    }
