"""`localize_window`: frames in, detections out; each reply of the model is stored before it is read."""

from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from core.request import JobRequest
from core.spans import Span
from db import windows
from db.models import Job, Window
from workers import settling
from workers.asking import Asking, Form
from workers.looking import look
from workers.model.again import unanswered
from workers.model.inquiry import Findings, Inquiry
from workers.model.kinds import of_the_decoder
from workers.model.policy import how
from workers.model.prompt import PROMPT_VERSION, messages
from workers.model.question import Question
from workers.model.record import Record
from workers.model.schema import schema_of
from workers.runtime import Runtime
from workers.showing import show
from workers.work import Heartbeat, carry_out


def localize(runtime: Runtime, window_id: UUID) -> None:
    """Ask about one window; safe to run twice, and pays for no answer twice once it is stored."""
    carry_out(runtime, Window, window_id, lambda work, beat: _localize(runtime, work, beat))


def _localize(runtime: Runtime, work: Window, beat: Heartbeat) -> None:
    job = runtime.sessions.run(lambda session: session.get_one(Job, work.job_id))
    ask = _detect if work.pass_ == 0 else look
    values = ask(runtime, work, JobRequest.model_validate(job.request), beat)
    runtime.ring_for(runtime.sessions.run(lambda session: settling.close(session, work, **values)))
    show(runtime, work.job_id)


def _detect(runtime: Runtime, work: Window, request: JobRequest, beat: Heartbeat) -> dict[str, Any]:
    """What the model finds in the window, as the members of its row."""
    question = Question.of(request)
    form = Form(lambda frames, span, going_on: messages(question, frames, window=span, going_on=going_on), schema_of(question), how)
    span = Span(work.start_ms, work.end_ms)
    record = Record.of(work.raw_reply)
    if record.again:
        record = unanswered(record, question, work.shown, span)
    asking = Asking(runtime, work, request, beat, form, record=record)
    before = runtime.sessions.run(lambda session: windows.before(session, work))
    found = Inquiry(question, work.shown, span, asking, going_on=_going_on(before), at_most=asking.at_most).run()
    return _values(work, asking.record, found)


def _going_on(before: Window | None) -> tuple[str, ...]:
    """Types of what had not ended when the window before did. Nobody waits for its answer: where there is none yet, nothing is said."""
    return tuple(sorted({each["type"] for each in (before.detections if before else None) or () if each["open_end"]}))


def _values(work: Window, record: Record, found: Findings) -> dict[str, Any]:
    """The window's row: done, with a gap for each part without an answer; failed, where no part has one."""
    kept = {"raw_reply": asdict(replace(record, bad=found.bad, dropped=found.dropped)), "prompt_version": PROMPT_VERSION}
    if found.error:
        return {"state": "failed", "error": found.error.as_dict(), **kept}
    gaps = [*of_the_decoder(work.gaps), *([*span, reason] for span, reason in found.lost)]
    return {"state": "done", "detections": [asdict(each) for each in found.detections], "gaps": gaps, "error": None, **kept}
