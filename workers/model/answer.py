"""From an HTTP reply to a completion, or to the error that the policy names for it."""

from collections.abc import Mapping
from typing import Any

from core.errors import ModelPaused, ModelRejected, ModelUnavailable, PromptTooLarge
from workers import retry_after
from workers.exchange import Reply
from workers.model import policy, refusals, storable
from workers.model.completion import Completion, Usage, choice_of, text_of
from workers.model.policy import Failure

REASON_MAX_CHARS = 500

ADVICE: Mapping[int, str] = {
    401: "The model server refuses the API key; set one that is valid.",
    402: "The model account has no credit left; top it up.",
}


def payload_of(reply: Reply) -> dict[str, Any]:
    """The body of a good status. Raises what the policy says for any other status, and for a body that is not a JSON object."""
    if not 200 <= reply.status < 300:
        raise _for_status(reply)
    payload = _parsed(reply.body)
    if not isinstance(payload, dict):
        raise error(Failure.GARBLED, "The model server answered with something that is not JSON.")
    return payload


def completion_of(payload: dict[str, Any], *, reply: Reply, model: str) -> Completion:
    """The completion in a body. Raises what the policy says for an error inside it (at its top or in the choice) and for an empty text."""
    choice = choice_of(payload)
    fault = payload.get("error") or choice.get("error")
    if fault or choice.get("finish_reason") == "error":
        raise _for_fault(fault, reply)
    text = text_of(choice)
    if not text.strip():
        raise error(Failure.EMPTY, "The model answered with nothing.", retry_after_s=_retry_after_s(reply))
    return Completion(
        text=text,
        finish_reason=_name(choice.get("finish_reason")),
        raw=payload,
        usage=Usage.of(payload),
        generation_id=reply.headers.get("X-Generation-Id") or _name(payload.get("id")),
        model=_name(payload.get("model")) or model,
    )


def error(failure: int | Failure, detail: str, *, retry_after_s: float | None = None) -> ModelUnavailable | ModelPaused | ModelRejected:
    """What the policy raises; only what may pass can carry a time to wait."""
    kind = policy.rule_for(failure).raises
    if issubclass(kind, ModelUnavailable | ModelPaused):
        return kind(detail, retry_after_s=retry_after_s, failure=failure)
    return ModelRejected(detail, failure=failure)


def _for_status(reply: Reply) -> Exception:
    reason = _reason(_parsed(reply.body))
    if limit := refusals.limit_met(reply.status, reason):
        return _too_much(reason or str(reply.status), limit)
    said = f"{reply.status}: {reason}" if reason else str(reply.status)
    detail = f"{ADVICE[reply.status]} It answered {said}" if reply.status in ADVICE else f"The model server answered {said}"
    return error(reply.status, detail, retry_after_s=_retry_after_s(reply))


def _for_fault(fault: Any, reply: Reply) -> Exception:
    code = fault.get("code") if isinstance(fault, dict) else None
    if limit := refusals.limit_met(_status_in(code), reason := _reason({"error": fault})):
        return _too_much(reason, limit)
    detail = f"The model server answered with an error inside a {reply.status}: {reason or 'no reason given'}"
    return error(policy.failure_inside(code), detail, retry_after_s=_retry_after_s(reply))


def _status_in(code: object) -> int:
    """The status that an error inside a 200 would have had; one without a number counts as a refusal."""
    return int(code) if isinstance(code, int | str) and str(code).isdecimal() and len(str(code)) == 3 else 400


def _too_much(reason: str, limit: str) -> PromptTooLarge:
    most = {"most": number} if (number := refusals.most(limit, reason)) else {}
    return PromptTooLarge(f"The model server takes less in one call: {reason}", limit=limit, failure=Failure.TOO_MUCH_ASKED, **most)


def _retry_after_s(reply: Reply) -> float | None:
    return retry_after.seconds(reply.headers.get("Retry-After"))


def _parsed(body: bytes) -> Any:
    """The body as JSON; what is not JSON as text."""
    try:
        return storable.load(body)
    except ValueError:
        return body.decode(errors="replace")


def _reason(found: Any) -> str:
    """The words for people in an error body, whichever of the usual shapes it has, on one line."""
    while isinstance(found, dict):
        found = next((found[key] for key in ("error", "message", "detail", "code") if found.get(key)), "")
    return storable.line(str(found), REASON_MAX_CHARS)


def _name(found: Any) -> str | None:
    return storable.line(found, 200) if isinstance(found, str) and found else None
