"""What a job's owner can do about what the job could not: in words, by the code of the reason. See docs/operations.md."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Advice(NamedTuple):
    """`what` happened, where no error of the job says it better; `then` is what to do."""

    what: str
    then: str


ADVICE: Mapping[str, Advice] = {
    "unreadable": Advice(
        "Some of the video's frames can't be decoded, since the file is damaged there",
        "No retry brings them: repair the file, and upload it again.",
    ),
    "decoder_failed": Advice(
        "The decoder died on a stretch of the video each time",
        "If it met a limit, raise that (PLAYHEAD_DECODER_*) and retry the job; else convert the video to H.264 in MP4, and upload that.",
    ),
    "not_a_video": Advice("This is not a video", "Check that the file plays, and that all of it was sent."),
    "unsupported_video": Advice("The video is of a kind that is not decoded here", "Convert it to H.264 in MP4, and upload that."),
    "bad_reply": Advice(
        "The model's replies about some stretches could not be used, also when asked again", "Retry the job, or ask another `model`."
    ),
    "prompt_too_large": Advice(
        "The model's server takes less in one call than was needed",
        "Ask again with a smaller `sampling.frame_tokens`, or another `model`; retry the job where the server takes more by now.",
    ),
    "model_rejected": Advice(
        "The model's server refuses the question",
        "Ask again with a `model` that it has and that takes images, or mend the server's settings (PLAYHEAD_MODEL_*) and retry the job.",
    ),
    "budget": Advice("The job's budget left no room for another call", "Retry the job with a larger `budget_usd`."),
    "deadline": Advice(
        "The job ran into its deadline, and was closed with what it had",
        "Put right what it waited for (its other warnings say what), and retry it; PLAYHEAD_JOB_DEADLINE sets how long a job may take.",
    ),
    "internal_error": Advice("The server met a bug", "The worker's log has its traceback; please report it. A retry may do."),
}


def told(error: Mapping[str, Any]) -> dict[str, Any]:
    """The error with what to do about it."""
    advice = ADVICE.get(str(error["code"]))
    return {**error, "detail": _sentences(str(error["detail"]), advice.then)} if advice else dict(error)


def of_gaps(reasons: Iterable[str], errors: Iterable[Mapping[str, Any] | None]) -> list[dict[str, str]]:
    """A warning for each reason that there is something to say about; the first of the errors with that code says what happened."""
    known: dict[str, str] = {}
    for error in errors:
        if error:
            known.setdefault(str(error["code"]), str(error["detail"]))
    return [
        {"code": reason, "detail": _sentences(known.get(reason, ADVICE[reason].what), ADVICE[reason].then)}
        for reason in sorted(set(reasons))
        if reason in ADVICE
    ]


def _sentences(what: str, then: str) -> str:
    return f"{what.rstrip('.')}. {then}"
