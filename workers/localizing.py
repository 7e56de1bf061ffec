"""`localize_window`: frames in, detections out; each reply of the model is stored before it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from core.errors import BadReply, PromptTooLarge, Unavailable
from core.frames import unpack
from core.request import JobRequest
from core.spans import Span
from db import jobs, leases, windows
from db.models import Job, Window
from workers import settling
from workers.model import tokens
from workers.model.inquiry import Findings, Inquiry
from workers.model.parts import Part, whole
from workers.model.prompt import PROMPT_VERSION, messages
from workers.model.question import Question
from workers.model.record import Record
from workers.model.remedies import HOW
from workers.model.schema import schema_of
from workers.runtime import Runtime
from workers.showing import show
from workers.work import Heartbeat, carry_out

UNEXPECTED = (
    "The model's server billed {billed} tokens for a call that should take about {expected}: frames may have been dropped or resized "
    "on the way to the model, or the model counts them in another way than Qwen3-VL."
)


def localize(runtime: Runtime, window_id: UUID) -> None:
    """Ask about one window; safe to run twice, and pays for no answer twice once it is stored."""
    carry_out(runtime, Window, window_id, lambda work, beat: _localize(runtime, work, beat))


def _localize(runtime: Runtime, work: Window, beat: Heartbeat) -> None:
    job = runtime.sessions.run(lambda session: session.get_one(Job, work.job_id))
    asking = Asking(runtime, work, JobRequest.model_validate(job.request), beat)
    before = runtime.sessions.run(lambda session: windows.before(session, work))
    span = Span(work.start_ms, work.end_ms)
    found = Inquiry(asking.question, work.frame_pts_ms, span, asking, going_on=_going_on(before), at_most=asking.at_most).run()
    values = _values(work, asking.record, found)
    runtime.sessions.run(lambda session: settling.close(session, work, **values))
    show(runtime, work.job_id)


def _going_on(before: Window | None) -> tuple[str, ...]:
    """Types of what had not ended when the window before did. Nobody waits for its answer: where there is none yet, nothing is said."""
    return tuple(sorted({each["type"] for each in (before.detections if before else None) or () if each["open_end"]}))


def _values(work: Window, record: Record, found: Findings) -> dict[str, Any]:
    """The window's row: done, with a gap for each part without an answer; failed, where no part has one."""
    kept = {"raw_reply": asdict(replace(record, bad=found.bad, dropped=found.dropped)), "prompt_version": PROMPT_VERSION}
    if found.error:
        return {"state": "failed", "error": found.error.as_dict(), **kept}
    gaps = [*work.gaps, *([*span, reason] for span, reason in found.lost)]
    return {"state": "done", "detections": [asdict(each) for each in found.detections], "gaps": gaps, "error": None, **kept}


class Asking:
    """The `Ask` of an inquiry: what is stored already is not asked for again, and what comes is stored before anybody reads it."""

    def __init__(self, runtime: Runtime, work: Window, request: JobRequest, beat: Heartbeat) -> None:
        self.question = Question.of(request)
        self._runtime, self._work, self._beat = runtime, work, beat
        self._model = request.model or runtime.settings.model
        self._frames = unpack(runtime.blobs.get(str(work.frames_key)))  # there, as the job is open
        record = Record(**(work.raw_reply or {}))
        self.at_most = record.at_most or runtime.limits.frames_in_a_call(self._model, self._frames)
        self.record = replace(record, at_most=self.at_most)

    def __call__(self, part: Part, number: int, *, going_on: Sequence[str]) -> Mapping[str, Any]:
        known = self.record.reply(part, number, whole=whole(self._work.frame_pts_ms))
        return known or self._call(part, how=HOW[number], going_on=going_on)

    def _call(self, part: Part, *, how: Mapping[str, Any], going_on: Sequence[str]) -> Mapping[str, Any]:
        """Ask once, and store the answer, or what it cost to get none, before anything else."""
        frames = self._frames[part.first : part.end]
        span = part.span(self._work.frame_pts_ms, Span(self._work.start_ms, self._work.end_ms))
        prompt = messages(self.question, frames, window=span, going_on=going_on)
        try:
            completion = self._runtime.model.ask(
                model=self._model,
                messages=prompt,
                schema=schema_of(self.question),
                max_tokens=self._runtime.settings.model_max_output_tokens,
                beat=self._beat,
                permit=self._beat.permit,
                **how,
            )
        except Unavailable as error:
            if (bill := error.extra.pop("usage", None)) is not None:
                self.record.bills.append(bill)
                self._store()
            raise
        except PromptTooLarge as error:
            self.record.refuse(part, error)
            self._runtime.limits.learn(self._model, error, frames)
            self._store()
            raise
        except BadReply as error:
            reply = self.record.keep_bad(part, error.kind)
        else:
            reply = self.record.keep(part, completion)
        self._store()
        self._compare(reply["usage"]["input_tokens"] if reply["tries"] == 1 else 0, tokens.predicted(prompt, frames))
        return reply

    def _compare(self, billed: int, expected: int) -> None:
        """Nothing in an answer tells that frames were lost on the way; the bill does. One over several tries tells nothing."""
        if tokens.are_unexpected(billed, expected):
            detail = UNEXPECTED.format(billed=billed, expected=expected)
            self._runtime.sessions.run(lambda session: jobs.warn(session, self._work.job_id, code="tokens_unexpected", detail=detail))

    def _store(self) -> None:
        self._runtime.sessions.run(lambda session: _keep(session, self._work, self.record))


def _keep(session: Session, work: Window, record: Record) -> None:
    """Sums, not increments: storing twice counts once."""
    row = leases.hold(session, work)
    row.raw_reply = asdict(record)
    row.calls = len(record.replies)
    row.model = record.model()
    row.input_tokens = int(record.total("input_tokens"))
    row.output_tokens = int(record.total("output_tokens"))
    row.cost_usd = record.total("cost_usd")
