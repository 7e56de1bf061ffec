"""What a window's calls brought, as its row keeps it: so that no answer is paid for twice."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal
from typing import Any

from core.errors import PromptTooLarge
from workers.model.completion import Completion, Usage
from workers.model.parts import Part

FREE: Mapping[str, Any] = asdict(Usage())


@dataclass(frozen=True, slots=True)
class Record:
    """`replies` in the order in which they came, each with the `part` of the frames that it is about and its `number` among the calls for
    those; `refused` are parts that were too much for the server; `bills` what calls cost that brought no reply, and `uncertain_usd` what
    others may have cost, whose bill nobody saw (`billing`). `bad` counts replies that
    could not be used, `dropped` events left out of good ones; both are known once the window is done with. `at_most` is how many frames a
    call could hold when the window was first asked about: its parts stay the same, whatever is learned meanwhile.

    `again`: the job was retried since, so that what brought nothing is to be asked again (`workers.model.again`); replies that were are
    set `aside`: they cost what they cost, and nobody reads them.
    """

    replies: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    bills: list[dict[str, Any]] = field(default_factory=list)
    uncertain_usd: float = 0.0
    bad: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    at_most: int | None = None
    again: bool = False

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> "Record":
        """As a row has it; members of another release are left out."""
        names = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in (stored or {}).items() if name in names})

    def reply(self, part: Part, number: int, *, whole: Part) -> dict[str, Any] | None:
        """The one that came; replies of an earlier release name no part. Raises `PromptTooLarge` where the part was refused."""
        for refusal in self.refused:
            if Part(*refusal["part"]) == part:
                raise PromptTooLarge(refusal["detail"], limit=refusal["limit"])
        same = [reply for reply in self.replies if _part(reply, whole) == part and not reply.get("aside")]
        return same[number] if number < len(same) else None

    def aside(self, part: Part, *, whole: Part) -> int:
        """How many replies about the part were set aside."""
        return sum(bool(reply.get("aside")) for reply in self.replies if _part(reply, whole) == part)

    def keep(self, part: Part, completion: Completion) -> dict[str, Any]:
        self.replies.append({"part": list(part), **asdict(completion)})
        return self.replies[-1]

    def keep_bad(self, part: Part, kind: str) -> dict[str, Any]:
        """One of which nothing is worth storing."""
        unread = {"text": "", "finish_reason": None, "raw": None, "usage": dict(FREE), "generation_id": None, "model": None, "tries": 1}
        self.replies.append({"part": list(part), "kind": kind, **unread})
        return self.replies[-1]

    def refuse(self, part: Part, error: PromptTooLarge) -> None:
        self.refused.append({"part": list(part), "detail": error.detail, "limit": error.limit})

    def model(self) -> str | None:
        return next((reply["model"] for reply in reversed(self.replies) if reply["model"]), None)

    def total(self, name: str) -> Decimal:
        return sum((Decimal(str(usage[name])) for usage in [*(reply["usage"] for reply in self.replies), *self.bills]), Decimal(0))


def _part(reply: Mapping[str, Any], whole: Part) -> Part:
    return Part(*reply.get("part", whole))
