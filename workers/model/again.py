"""What of a window is asked for again once its job is retried: the parts that nothing came of, and no others."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.errors import BudgetSpent
from core.spans import Span
from workers.model.inquiry import Inquiry
from workers.model.parts import Part, whole
from workers.model.question import Question
from workers.model.record import Record


def unanswered(record: Record, question: Question, frame_pts_ms: Sequence[int], window: Span) -> Record:
    """The record with everything set aside that is about parts of which nothing was answered, so that they are asked for anew; what the
    server refused of them is forgotten too, as it may take more by now.

    The inquiry is gone through once more on the stored replies alone, so a part whose two replies were bad is not asked for again where
    one of its halves has an answer: only the other half is.
    """
    frames = whole(frame_pts_ms)

    def stored(part: Part, number: int, **_: object) -> Mapping[str, Any]:
        reply = record.reply(part, number, whole=frames)
        if reply is None:
            raise BudgetSpent("Nobody asked.")
        return reply

    answers = Inquiry(question, frame_pts_ms, window, stored, at_most=record.at_most or len(frame_pts_ms)).answers()
    return asked_anew(record, frames, but=[answer.part for answer in answers if answer.error is None])


def asked_anew(record: Record, frames: Part, *, but: Sequence[Part] = ()) -> Record:
    """The record with every part set aside that has none of these in it."""

    def brought_nothing(part: Part) -> bool:
        return not any(part.first <= good.first and good.end <= part.end for good in but)

    return replace(
        record,
        replies=[{**reply, "aside": True} if brought_nothing(Part(*reply.get("part", frames))) else reply for reply in record.replies],
        refused=[refusal for refusal in record.refused if not brought_nothing(Part(*refusal["part"]))],
        at_most=record.at_most if but else None,
        again=False,
    )
