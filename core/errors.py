"""One tree for everything that can go wrong on purpose.

    PlayheadError
    ├── Rejected                     the caller's fault: 4xx, never retried
    │   ├── Unauthenticated          401 invalid_api_key
    │   ├── Forbidden                403 missing_scope
    │   ├── NotFound                 404 not_found
    │   ├── Gone                     410 gone
    │   ├── Conflict                 409 conflict
    │   │   ├── OffsetMismatch       409 offset_mismatch
    │   │   ├── NotArrived           409 not_arrived
    │   │   ├── NotProbed            409 not_probed
    │   │   ├── NotSampled           409 not_sampled
    │   │   ├── NeverRead            409 never_read          (every job that was to read it has ended)
    │   │   ├── JobRunning           409 job_running
    │   │   ├── NothingToRetry       409 nothing_to_retry
    │   │   ├── WorkspaceFull        409 workspace_full      (as many bytes are stored as may be)
    │   │   ├── IdempotencyInFlight  409 idempotency_in_flight (the same request is being carried out)
    │   │   ├── TooManyWebhooks      409 too_many_webhooks
    │   │   └── WebhookDisabled      409 webhook_disabled
    │   ├── UnknownChecksum          400 unknown_checksum    (these five are tus's)
    │   ├── FinalUpload              403 final_upload
    │   ├── TusVersion               412 tus_version
    │   ├── WrongType                415 unsupported_media_type
    │   ├── ChecksumMismatch         460 checksum_mismatch
    │   ├── TooLarge                 413 too_large
    │   ├── Unprocessable            422 invalid_request
    │   │   ├── NotAVideo            422 not_a_video
    │   │   ├── UnsupportedVideo     422 unsupported_video
    │   │   ├── EmptyUpload          422 empty_upload
    │   │   ├── AddressRefused       422 address_refused     (a URL that this server does not connect to)
    │   │   ├── UrlRefused           422 url_refused         (whoever is behind a URL does not give it)
    │   │   ├── ModelNotConfigured   422 model_not_configured
    │   │   └── IdempotencyKeyReused 422 idempotency_key_reused
    │   ├── RateLimited              429 rate_limited        (too many requests in this minute)
    │   │   └── QuotaExceeded        429 quota_exceeded      (too many uploads or jobs today, or jobs at a time)
    │   ├── BudgetSpent              402 budget              (a job's own budget allows no further call)
    │   └── ModelRejected            422 model_rejected      (400, 403, 404, 422 from the model server)
    │       └── PromptTooLarge       422 prompt_too_large    (413, too many images, context exceeded)
    ├── Unavailable                  may work later: 503, retried
    │   ├── TooManyStreams           503 too_many_streams    (as many clients follow jobs as may)
    │   ├── TooManyStoryboards       503 too_many_storyboards (as many are being made as may)
    │   ├── DatabaseUnavailable      503 database_unavailable
    │   ├── BlobsUnavailable         503 blobs_unavailable
    │   │   └── StorageFull          507 storage_full
    │   ├── RemoteUnavailable        503 remote_unavailable  (whoever is behind a user's URL: 429, 5xx, network)
    │   ├── RemoteTooSlow            503 remote_too_slow     (less a second than it may be)
    │   ├── DecoderFailed            503 decoder_failed      (crash, stall or a limit met)
    │   ├── ModelUnavailable         503 model_unavailable   (408, 429, 5xx, network, empty replies)
    │   │   └── CircuitOpen          503 model_unavailable   (it failed so often that nobody asks for a while)
    │   ├── ModelBusy                503 model_busy          (as many calls are in flight as may be)
    │   └── ModelPaused              503 model_paused        (401, 402: the operator must act)
    ├── Bug                          500 internal_error      (what nobody foresaw)
    └── BadReply                     422 bad_reply           (the model answered, and it cannot be used)

`code` is stable: the same in a problem's body, in `jobs.error` and in the client.
"""

from typing import Any, ClassVar, Self


class PlayheadError(Exception):
    """`detail` is for people and says what to do; `extra` holds further members of the problem (RFC 9457, section 3.2)."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"
    retry_after_s: float | None = None

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra

    def as_dict(self) -> dict[str, Any]:
        """What a job, a segment or a window stores of it."""
        return {"code": self.code, "detail": self.detail, **self.extra}


class Rejected(PlayheadError):
    code, status, title = "rejected", 400, "The request was refused"


class Unauthenticated(Rejected):
    code, status, title = "invalid_api_key", 401, "The API key is missing or not valid"


class Forbidden(Rejected):
    code, status, title = "missing_scope", 403, "The API key may not do this"


class NotFound(Rejected):
    code, status, title = "not_found", 404, "There is no such thing"


class Gone(Rejected):
    code, status, title = "gone", 410, "This was deleted"


class Conflict(Rejected):
    code, status, title = "conflict", 409, "This can't be done in the present state"


class OffsetMismatch(Conflict):
    code, title = "offset_mismatch", "The upload is elsewhere"


class NotArrived(Conflict):
    code, title = "not_arrived", "The video's bytes are not here yet"


class NotProbed(Conflict):
    code, title = "not_probed", "No worker has looked at this video yet"


class NotSampled(Conflict):
    code, title = "not_sampled", "No frame of this video has been sampled yet"


class NeverRead(Conflict):
    code, title = "never_read", "No job could read this video"


class JobRunning(Conflict):
    code, title = "job_running", "The job has not ended"


class NothingToRetry(Conflict):
    code, title = "nothing_to_retry", "Nothing of the job is left to do"


class WorkspaceFull(Conflict):
    code, title = "workspace_full", "The workspace has no room left"


class IdempotencyInFlight(Conflict):
    """`retry_after_s` is how long it takes at the most until whoever is at it has gone on, or counts as dead."""

    code, title = "idempotency_in_flight", "This request is being carried out"

    def __init__(self, detail: str, *, retry_after_s: float) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class TooManyWebhooks(Conflict):
    code, title = "too_many_webhooks", "The workspace has as many webhooks as it may"


class WebhookDisabled(Conflict):
    code, title = "webhook_disabled", "The webhook is disabled"


class TooLarge(Rejected):
    code, status, title = "too_large", 413, "The body is too large"

    @classmethod
    def than(cls, limit: int) -> Self:
        """For a video."""
        return cls(f"The video is larger than the {limit} bytes that this server takes (PLAYHEAD_MAX_UPLOAD_BYTES).", limit_bytes=limit)


class UnknownChecksum(Rejected):
    code, status, title = "unknown_checksum", 400, "The checksum is of a kind that is not known here"


class FinalUpload(Rejected):
    code, status, title = "final_upload", 403, "The upload takes no bytes"


class TusVersion(Rejected):
    code, status, title = "tus_version", 412, "The request speaks another version of tus"


class WrongType(Rejected):
    code, status, title = "unsupported_media_type", 415, "The body is of another type"


class ChecksumMismatch(Rejected):
    code, status, title = "checksum_mismatch", 460, "The bytes do not add up to the checksum"


class Unprocessable(Rejected):
    code, status, title = "invalid_request", 422, "The request is not valid"


class NotAVideo(Unprocessable):
    code, title = "not_a_video", "This is not a video"


class UnsupportedVideo(Unprocessable):
    code, title = "unsupported_video", "This video can't be decoded"


class EmptyUpload(Unprocessable):
    code, title = "empty_upload", "The upload is empty"


class AddressRefused(Unprocessable):
    code, title = "address_refused", "This server doesn't connect to that address"


class UrlRefused(Unprocessable):
    code, title = "url_refused", "The other server doesn't give what the URL names"


class ModelNotConfigured(Unprocessable):
    code, title = "model_not_configured", "No model is configured"


class IdempotencyKeyReused(Unprocessable):
    code, title = "idempotency_key_reused", "The idempotency key belongs to another request"


class RateLimited(Rejected):
    """`retry_after_s` is when more is allowed; None where nobody can tell."""

    code, status, title = "rate_limited", 429, "Too many requests"

    def __init__(self, detail: str, *, retry_after_s: float | None, **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.retry_after_s = retry_after_s


class QuotaExceeded(RateLimited):
    """`quota` is the setting that says how much is allowed, `limit` its value here."""

    code, title = "quota_exceeded", "The quota is used up"


class BudgetSpent(Rejected):
    code, status, title = "budget", 402, "The job's budget allows no further call"


class ModelRejected(Rejected):
    code, status, title = "model_rejected", 422, "The model server refused the call"


class PromptTooLarge(ModelRejected):
    """`limit` names what is exceeded: `images`, `bytes` or `context`."""

    code, title = "prompt_too_large", "The model server takes less in one call"

    def __init__(self, detail: str, *, limit: str, **extra: Any) -> None:
        super().__init__(detail, limit=limit, **extra)
        self.limit = limit


class Unavailable(PlayheadError):
    """`retry_after_s`, when known, is how long the other side asked us to wait."""

    code, status, title = "unavailable", 503, "Not available right now"

    def __init__(self, detail: str, *, retry_after_s: float | None = None, **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.retry_after_s = retry_after_s


class DatabaseUnavailable(Unavailable):
    code, title = "database_unavailable", "The database is away"


class TooManyStreams(Unavailable):
    code, title = "too_many_streams", "Too many clients follow jobs"


class TooManyStoryboards(Unavailable):
    code, title = "too_many_storyboards", "Too many storyboards are being made"


class BlobsUnavailable(Unavailable):
    code, title = "blobs_unavailable", "The object storage is away"


class StorageFull(BlobsUnavailable):
    code, status, title = "storage_full", 507, "The storage is full"


class RemoteUnavailable(Unavailable):
    code, title = "remote_unavailable", "The other server is away"


class RemoteTooSlow(Unavailable):
    code, title = "remote_too_slow", "The other server is too slow"


class DecoderFailed(Unavailable):
    code, title = "decoder_failed", "The decoder died"


class ModelUnavailable(Unavailable):
    code, title = "model_unavailable", "The model is away"


class CircuitOpen(ModelUnavailable):
    """Raised without a call: it failed so often that nobody asks for a while."""


class ModelBusy(Unavailable):
    """As many calls are in flight as may be: whatever waits for one goes back, for others to take."""

    code, title = "model_busy", "All calls to the model are in use"


class ModelPaused(Unavailable):
    code, title = "model_paused", "The model's operator must act"


class Bug(PlayheadError):
    """Anything that nobody foresaw; the traceback is in the worker's log."""

    code, title = "internal_error", "Something went wrong in the server"


class BadReply(PlayheadError):
    """The model answered, and the answer cannot be used; `kind` names how (`invalid_json`, `truncated`, `loop`, ...)."""

    code, status, title = "bad_reply", 422, "The model's reply can't be used"

    def __init__(self, detail: str, *, kind: str) -> None:
        super().__init__(detail, kind=kind)
        self.kind = kind
