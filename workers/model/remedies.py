"""What is done about each kind of reply that can't be used: the table, in one place. What the server refuses is `policy`'s.

A window is asked about in one call. Whatever comes back is stored before it is read; then, in order, as long as nothing helps:

| remedy  | what it is                                                                                                     |
|---------|----------------------------------------------------------------------------------------------------------------|
| SALVAGE | keep the whole events before the place where the reply breaks off, and ask again for what comes from there on    |
| AGAIN   | ask the same once more, with another seed and a temperature                                                      |
| HALVE   | ask for the two halves of the frames, each from the top of this list; their answers are joined                   |
| (gap)   | the part stays without an answer, and the job says so                                                           |
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from workers.model.kinds import BadKind

TRIES = 2
"""How often the same frames are asked about, where AGAIN is a remedy."""


def how(number: int) -> Mapping[str, Any]:
    """How a call for the same frames is made: the first is as sure as the model gets, later ones are drawn."""
    return {"seed": number + 1, "temperature": 0.7 if number else 0.0}


DEEPEST = 2
"""How often a window is halved for replies that can't be used: a quarter that still gets none never will, and each call costs."""

SMALLEST = 4
"""No part of fewer frames is halved for a bad reply. One that is too much for the server is, down to a single frame: refusals are free."""


class Remedy(StrEnum):
    SALVAGE = "salvage"
    AGAIN = "again"
    HALVE = "halve"


REMEDIES: Mapping[BadKind, tuple[Remedy, ...]] = {
    BadKind.INVALID_JSON: (Remedy.AGAIN, Remedy.HALVE),
    BadKind.TRUNCATED: (Remedy.SALVAGE, Remedy.AGAIN, Remedy.HALVE),
    BadKind.WRONG_SHAPE: (Remedy.AGAIN, Remedy.HALVE),
    BadKind.TOO_LARGE: (Remedy.AGAIN, Remedy.HALVE),
    BadKind.LOOP: (Remedy.AGAIN, Remedy.HALVE),
    BadKind.BAD_TIMES: (Remedy.AGAIN, Remedy.HALVE),
}
