"""Calls to the model about one window: what is stored already is not asked for again, and what comes is stored before anybody reads it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from core.errors import BadReply, PromptTooLarge, Unavailable
from core.frames import unpack
from core.request import JobRequest
from core.spans import Span
from db import budgets, jobs, leases
from db.models import Window
from workers.model import tokens
from workers.model.billing import Try, bill_of, may_have_cost
from workers.model.completion import Usage
from workers.model.parts import Part, whole
from workers.model.record import Record
from workers.runtime import Runtime
from workers.spending import Purse
from workers.work import Heartbeat

Frames = Sequence[tuple[int, bytes]]

UNEXPECTED = (
    "The model's server billed {billed} tokens for a call that should take about {expected}: frames may have been dropped or resized "
    "on the way to the model, or the model counts them in another way than Qwen3-VL."
)


@dataclass(frozen=True, slots=True)
class Form:
    """How a kind of window is asked about: the messages of a call, the schema of its answer, and how the call of a number is made."""

    messages: Callable[[Frames, Span, Sequence[str]], list[dict[str, Any]]]
    schema: Mapping[str, Any]
    how: Callable[[int], Mapping[str, Any]]


class Asking:
    """Answers by number, each asked for once at the most: the `Ask` of an inquiry.

    `frames` are those that are shown, by position; whoever shows fewer of them sets it. `at_most`: how many of them one call may hold.
    `record`: what is known, where that is not what the row says.
    """

    def __init__(
        self, runtime: Runtime, work: Window, request: JobRequest, beat: Heartbeat, form: Form, *, record: Record | None = None
    ) -> None:
        self._runtime, self._work, self._beat, self._form = runtime, work, beat, form
        self._model = request.model or runtime.settings.model
        shown = set(work.shown)
        # There, as the job is open.
        self.frames: Frames = [frame for frame in unpack(runtime.blobs.get(str(work.frames_key))) if frame[0] in shown]
        record = record or Record.of(work.raw_reply)
        self.at_most = record.at_most or runtime.limits.frames_in_a_call(self._model, self.frames, beside=self._beside)
        self.record = replace(record, at_most=self.at_most)
        self._purse = Purse(runtime, work, request, beat)
        if work.reserved_usd:  # for a call whose worker died: it may have been made
            self._store(uncertain_usd=work.reserved_usd)

    def _beside(self) -> int:
        """Tokens that a call takes beside its frames, of text and at the most of its answer."""
        prompt = self._form.messages(self.frames, Span(self._work.start_ms, self._work.end_ms), ())
        return tokens.of_texts(prompt) + self._runtime.settings.model_max_output_tokens

    def __call__(self, part: Part, number: int, *, going_on: Sequence[str]) -> Mapping[str, Any]:
        frames = whole(self.frames)
        known = self.record.reply(part, number, whole=frames)
        return known or self._call(part, how=self._form.how(number + self.record.aside(part, whole=frames)), going_on=going_on)

    def _call(self, part: Part, *, how: Mapping[str, Any], going_on: Sequence[str]) -> Mapping[str, Any]:
        """Ask once, and store the answer, or what it cost to get none, before anything else."""
        frames = self.frames[part.first : part.end]
        span = part.span([pts_ms for pts_ms, _ in self.frames], Span(self._work.start_ms, self._work.end_ms))
        prompt = self._form.messages(frames, span, going_on)
        most = self._runtime.settings.model_max_output_tokens
        worst = self._purse.price.of(input_tokens=tokens.at_most(prompt, frames), output_tokens=most, images=len(frames))
        try:
            completion = self._runtime.model.ask(
                model=self._model,
                messages=prompt,
                schema=self._form.schema,
                max_tokens=most,
                beat=self._beat,
                permit=self._purse.permit,
                meter=lambda: self._metered(worst),
                **how,
            )
        except Unavailable:
            self._purse.check()  # nobody waits for what nobody will pay for
            raise
        except PromptTooLarge as error:
            self.record.refuse(part, error)
            self._runtime.limits.learn(self._model, error, frames, beside=tokens.of_texts(prompt) + most)
            self._store()
            raise
        except BadReply as error:
            reply = self.record.keep_bad(part, error.kind)
            self._store()
        else:
            bill = bill_of(completion.raw, self._purse.price)
            reply = self.record.keep(part, replace(completion, usage=bill or Usage()))
            self._store(uncertain_usd=Decimal(0) if bill else worst)
        self._compare(reply["usage"]["input_tokens"], tokens.predicted(prompt, frames))
        return reply

    @contextmanager
    def _metered(self, worst: Decimal) -> Iterator[Try]:
        """Reserves the worst that a try can cost; what one that failed cost, or may have, is stored at once."""
        self._purse.reserve(worst)
        this = Try()
        try:
            yield this
        except BaseException as error:
            bill = bill_of(this.payload, self._purse.price) if this.payload is not None else None
            if bill and bill != Usage():
                self.record.bills.append(asdict(bill))
            self._store(uncertain_usd=worst if bill is None and may_have_cost(this, error) else Decimal(0))
            raise

    def _compare(self, billed: int, expected: int) -> None:
        """Nothing in an answer tells that frames were lost on the way; the bill does."""
        if tokens.are_unexpected(billed, expected):
            detail = UNEXPECTED.format(billed=billed, expected=expected)
            self._runtime.sessions.run(lambda session: jobs.warn(session, self._work.job_id, code="tokens_unexpected", detail=detail))

    def _store(self, *, uncertain_usd: Decimal = Decimal(0)) -> None:
        """The record as it is now, with so much more that nobody knows to be spent; nothing is reserved any longer."""
        self.record = replace(self.record, uncertain_usd=self.record.uncertain_usd + float(uncertain_usd))
        self._runtime.sessions.run(lambda session: _keep(session, self._work, self.record))


def _keep(session: Session, work: Window, record: Record) -> None:
    """Sums, not increments: storing twice counts once."""
    row = leases.hold(session, work)
    row.raw_reply = asdict(record)
    row.calls = len(record.replies)
    row.model = record.model()
    row.input_tokens = int(record.total("input_tokens"))
    row.output_tokens = int(record.total("output_tokens"))
    budgets.settle(session, row, cost_usd=record.total("cost_usd"), uncertain_usd=Decimal(str(record.uncertain_usd)))
