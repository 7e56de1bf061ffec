"""What each way of failing leads to: all of it, in one table.

| a rule says | which is carried out by                                                                                     |
|-------------|-------------------------------------------------------------------------------------------------------------|
| `raises`    | `answer` and `client`: what a call ends with                                                                  |
| `tells`     | `gate`: who may call from now on, and how many at once                                                        |
| `charged`   | `billing`: whether a try that brought no bill may have been charged                                           |
| `remedies`  | `inquiry`: what is done about the frames that were asked about                                                |

| error            | then                                                                                                   |
|------------------|--------------------------------------------------------------------------------------------------------|
| ModelUnavailable | tried again in place (`retries`), then raised: the window is put off                                     |
| ModelPaused      | raised at once: the operator must act, jobs wait                                                         |
| ModelRejected    | raised at once: the window fails, with the reason                                                        |
| PromptTooLarge   | raised at once: the frames are asked for in halves, the limit is learned (`limits`)                       |
| BadReply         | the reply is kept; the remedies are tried in order, as long as nothing helps, and then there is a gap      |

The gate itself raises CircuitOpen, as long as a model is left alone, and ModelBusy, after a while without a free slot: the window is put
off.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from core.errors import BadReply, ModelPaused, ModelRejected, ModelUnavailable, PlayheadError, PromptTooLarge
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


class Failure(StrEnum):
    """Ways of failing that have no status of their own, and bring no reply that could be read."""

    UNSENDABLE = "unsendable"  # URL or header that can't be sent: a wrong setting
    UNREACHABLE = "unreachable"  # no connection
    NETWORK = "network"  # it broke off
    TIMEOUT = "timeout"
    GARBLED = "garbled"  # a 200 that is not the protocol: a proxy's page, half a body
    ERROR_IN_200 = "error_in_200"
    EMPTY = "empty"  # content null or empty
    TOO_MUCH_ASKED = "too_much_asked"  # refused for its images, bytes or context, with whatever status


class Tells(StrEnum):
    """What the end of a call tells of the provider."""

    GOOD = "good"
    ALIVE = "alive"
    SLOWER = "slower"
    AWAY = "away"
    SLOWER_AND_AWAY = "slower_and_away"
    PAUSED = "paused"
    LEFT = "left"  # nobody waited for the end


class Remedy(StrEnum):
    SALVAGE = "salvage"  # keep the whole events before the place where the reply breaks off, and ask again for what comes from there on
    AGAIN = "again"  # ask the same once more, as `how` says
    HALVE = "halve"  # ask for the two halves of the frames; their answers are joined


class Rule(NamedTuple):
    raises: type[ModelUnavailable | ModelPaused | ModelRejected | PromptTooLarge | BadReply]
    tells: Tells
    charged: bool = False
    remedies: tuple[Remedy, ...] = ()


BAD = Rule(BadReply, Tells.ALIVE, charged=True, remedies=(Remedy.AGAIN, Remedy.HALVE))
TOO_MUCH = Rule(PromptTooLarge, Tells.ALIVE, remedies=(Remedy.HALVE,))

POLICY: Mapping[int | str, Rule] = {
    # Statuses; a class of them where the status itself is not named.
    401: Rule(ModelPaused, Tells.PAUSED),
    402: Rule(ModelPaused, Tells.PAUSED),
    408: Rule(ModelUnavailable, Tells.AWAY, charged=True),  # somewhere behind the server the model may have gone on
    413: TOO_MUCH,
    425: Rule(ModelUnavailable, Tells.AWAY),
    429: Rule(ModelUnavailable, Tells.SLOWER),
    503: Rule(ModelUnavailable, Tells.SLOWER_AND_AWAY),
    504: Rule(ModelUnavailable, Tells.AWAY, charged=True),
    524: Rule(ModelUnavailable, Tells.AWAY, charged=True),
    529: Rule(ModelUnavailable, Tells.SLOWER_AND_AWAY),
    "3xx": Rule(ModelRejected, Tells.ALIVE),
    "4xx": Rule(ModelRejected, Tells.ALIVE),  # 400, 403, 404, 422 and whatever else
    "5xx": Rule(ModelUnavailable, Tells.AWAY),  # 500, 502 and whatever else
    # Failures without a status.
    Failure.UNSENDABLE: Rule(ModelPaused, Tells.PAUSED),
    Failure.UNREACHABLE: Rule(ModelUnavailable, Tells.AWAY),
    Failure.NETWORK: Rule(ModelUnavailable, Tells.AWAY, charged=True),
    Failure.TIMEOUT: Rule(ModelUnavailable, Tells.AWAY, charged=True),
    Failure.GARBLED: Rule(ModelUnavailable, Tells.AWAY, charged=True),
    Failure.ERROR_IN_200: Rule(ModelUnavailable, Tells.AWAY, charged=True),
    Failure.EMPTY: Rule(ModelUnavailable, Tells.AWAY, charged=True),
    Failure.TOO_MUCH_ASKED: TOO_MUCH,
    # Replies that can't be used.
    BadKind.INVALID_JSON: BAD,
    BadKind.TRUNCATED: BAD._replace(remedies=(Remedy.SALVAGE, Remedy.AGAIN, Remedy.HALVE)),
    BadKind.WRONG_SHAPE: BAD,
    BadKind.TOO_LARGE: BAD,
    BadKind.LOOP: BAD,
    BadKind.BAD_TIMES: BAD,
}


def rule_for(failure: int | Failure | BadKind) -> Rule:
    """The rule for a status (300 to 599), a failure without one, or a kind of bad reply."""
    named = POLICY.get(failure)
    return named or POLICY.get(f"{int(failure) // 100}xx", POLICY[Failure.GARBLED])


def rule_of(error: BaseException) -> Rule | None:
    """The rule by which a call ended as it did; None for what is no failure of the call, as when nobody waited for its end."""
    if isinstance(error, BadReply):
        return POLICY[BadKind(error.kind)]
    failure = error.extra.get("failure") if isinstance(error, PlayheadError) else None
    return rule_for(failure) if failure else None


def failure_inside(code: object) -> int | Failure:
    """What an error that came inside a 200 counts as: a matter of the key stays one, anything else may be over next time."""
    text = str(code) if isinstance(code, int | str) else ""
    status = int(text) if text.isdecimal() and len(text) == 3 else 0
    return status if status in POLICY and POLICY[status].raises is ModelPaused else Failure.ERROR_IN_200
