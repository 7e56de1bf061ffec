"""Asks about a window until every frame of it is answered for or given up: the remedies of the `policy`, carried out."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from core.errors import BadReply, BudgetSpent, PlayheadError, PromptTooLarge
from core.spans import Span
from workers.events.detection import Detection, WindowResult
from workers.events.joining import join
from workers.model.kinds import BadKind
from workers.model.parts import Part, whole
from workers.model.policy import DEEPEST, SMALLEST, TRIES, Remedy, rule_for
from workers.model.question import Question
from workers.model.replies import check, read
from workers.model.salvage import Salvaged, salvage

NOBODY = UUID(int=0)


class Ask(Protocol):
    """Brings the reply to one call: its `text` and `finish_reason`, and `kind` where it is known to be bad already.

    `number` counts the calls for the same frames. `going_on`: types that had not ended at the part's first frames, by what came before.
    Raises `PromptTooLarge`, and `BudgetSpent` for a part that nobody will pay for; what else it raises ends the inquiry.
    """

    def __call__(self, part: Part, number: int, *, going_on: Sequence[str]) -> Mapping[str, Any]: ...


class Answer(NamedTuple):
    """What became of a part: detections, or the error for which there are none."""

    part: Part
    detections: tuple[Detection, ...] = ()
    error: PlayheadError | None = None


class Findings(NamedTuple):
    """`lost`: stretches without an answer, each with the code of the reason. `bad` counts replies by kind, `dropped` events by reason."""

    detections: tuple[Detection, ...]
    lost: list[tuple[Span, str]]
    error: PlayheadError | None
    bad: dict[str, int]
    dropped: dict[str, int]


class Inquiry:
    """One window's. `at_most(part)`: how many of the part's frames one call may hold."""

    def __init__(
        self, question: Question, frame_pts_ms: Sequence[int], window: Span, ask: Ask, *, going_on: Sequence[str] = (), at_most: int = 10**6
    ) -> None:
        self._question, self._frames, self._window, self._ask = question, tuple(frame_pts_ms), window, ask
        self._going_on, self._at_most = tuple(going_on), at_most
        self._bad: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()

    def run(self) -> Findings:
        """`error` is the first one, where nothing of the window was answered for."""
        answers = self.answers()
        good = [answer for answer in answers if answer.error is None]
        return Findings(
            detections=join(map(self._result, good)) if good else (),
            lost=self._lost(answers),
            error=None if good else answers[0].error,
            bad=dict(self._bad),
            dropped=dict(self._dropped),
        )

    def answers(self) -> list[Answer]:
        """One for each part that needs no cutting any more; together they are about all frames."""
        return list(self._answers(whole(self._frames), depth=0))

    def _answers(self, part: Part, *, depth: int) -> Iterator[Answer]:
        if part.size > self._at_most:
            for piece in part.slices(self._at_most):
                yield from self._answers(piece, depth=depth)
            return
        try:
            outcome = self._one(part)
        except PromptTooLarge as error:
            yield from self._halved(part, error, depth=depth, smallest=1)
            return
        except BudgetSpent as error:
            yield from self._halved(part, error, depth=depth, smallest=part.size)
            return
        if isinstance(outcome, Salvaged):
            yield self._done(Answer(outcome.part, outcome.kept))
            yield from self._answers(outcome.rest, depth=depth)
        elif isinstance(outcome, BadReply):
            hopeless = depth >= DEEPEST or Remedy.HALVE not in rule_for(BadKind(outcome.kind)).remedies
            yield from self._halved(part, outcome, depth=depth + 1, smallest=part.size if hopeless else SMALLEST - 1)
        else:
            yield self._done(Answer(part, outcome))

    def _one(self, part: Part) -> tuple[Detection, ...] | Salvaged | BadReply:
        """What all calls for the same frames bring."""
        for number in range(TRIES):
            reply = self._ask(part, number, going_on=self._going_on)
            try:
                return self._checked(reply, part)
            except BadReply as error:
                self._bad[error.kind] += 1
                worst = error
            remedies = rule_for(BadKind(worst.kind)).remedies
            if Remedy.SALVAGE in remedies and (salvaged := self._salvaged(reply["text"], part)):
                return salvaged
            if Remedy.AGAIN not in remedies:
                break
        return worst

    def _checked(self, reply: Mapping[str, Any], part: Part) -> tuple[Detection, ...]:
        if reply.get("kind"):
            raise BadReply("The reply is longer than any that was asked for.", kind=reply["kind"])
        items = read(reply["text"], finish_reason=reply["finish_reason"])
        span, frames = part.span(self._frames, self._window), self._frames[part.first : part.end]
        checked = check(items, question=self._question, frame_pts_ms=frames, window=span)
        self._dropped.update(checked.dropped)
        return checked.detections

    def _salvaged(self, text: str, part: Part) -> Salvaged | None:
        span = part.span(self._frames, self._window)
        return salvage(text, part=part, question=self._question, frame_pts_ms=self._frames, span=span)

    def _halved(self, part: Part, error: PlayheadError, *, depth: int, smallest: int) -> Iterator[Answer]:
        if part.size <= smallest:
            self._going_on = ()
            yield Answer(part, error=error)
            return
        for half in part.halves():
            yield from self._answers(half, depth=depth)

    def _done(self, answer: Answer) -> Answer:
        self._going_on = tuple(dict.fromkeys(each.type for each in answer.detections if each.open_end))
        return answer

    def _result(self, answer: Answer) -> WindowResult:
        part = answer.part
        frames = self._frames[part.first : part.end]
        return WindowResult(NOBODY, part.first, part.span(self._frames, self._window), frames, answer.detections)

    def _lost(self, answers: Sequence[Answer]) -> list[tuple[Span, str]]:
        """Frames that no answer is for, as stretches; a frame that another part shared and has an answer for is not lost."""
        seen = {position for answer in answers if answer.error is None for position in range(*answer.part)}
        reasons = {
            position: answer.error.code for answer in answers if answer.error for position in range(*answer.part) if position not in seen
        }
        lost: list[tuple[Span, str]] = []
        for position, reason in sorted(reasons.items()):
            span = Part(position, position + 1).span(self._frames, self._window)
            if lost and lost[-1] == (Span(lost[-1][0].start_ms, span.start_ms), reason):
                lost[-1] = (Span(lost[-1][0].start_ms, span.end_ms), reason)
            else:
                lost.append((span, reason))
        return lost
