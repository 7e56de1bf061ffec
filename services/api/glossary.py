"""What the names in the API mean. A name means one thing wherever it stands, so it is said once: a field or parameter that is not described
where it is defined is described here, under its own name or as `Model.name`.
"""

from typing import Any, NamedTuple


class Term(NamedTuple):
    """`example` is one value that it can have."""

    description: str
    example: Any


VIDEO, JOB, EVENT, WINDOW, UPLOAD, WEBHOOK, DELIVERY = (f"0198c0de-{number}000-7000-8000-000000000000" for number in range(7))
WORKSPACE, KEY = (f"0198c0de-{letter}000-7000-8000-000000000000" for letter in "ab")
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
NOON = "2026-03-01T12:00:00Z"

TERMS: dict[str, Term] = {
    # What things are called
    "id": Term("Its id.", EVENT),
    "VideoOut.id": Term("Its id.", VIDEO),
    "JobOut.id": Term("Its id.", JOB),
    "video_id": Term("The video's id.", VIDEO),
    "job_id": Term("The job's id.", JOB),
    "event_id": Term("The event's id.", EVENT),
    "key_id": Term("The API key's id.", KEY),
    "KeyOut.id": Term("Its id.", KEY),
    "KeyCreated.id": Term("Its id.", KEY),
    "WorkspaceOut.id": Term("Its id.", WORKSPACE),
    "webhook_id": Term("The webhook's id.", WEBHOOK),
    "delivery_id": Term("The message's id.", DELIVERY),
    "WebhookOut.id": Term("Its id.", WEBHOOK),
    "WebhookCreated.id": Term("Its id.", WEBHOOK),
    "DeliveryOut.id": Term("Its id.", DELIVERY),
    "DeliveryDetail.id": Term("Its id.", DELIVERY),
    "against": Term("The other job's id.", "0198c0de-1000-7000-8000-000000000001"),
    "title": Term("A few words to call it by.", "A red car passes"),
    "custom_id": Term("Your own id for it.", "camera-7/2026-03-01"),
    "filename": Term("The name of the file, as it was uploaded.", "street.mp4"),
    "name": Term("What it is called.", "localize"),
    "model": Term("The model that was asked.", "qwen/qwen3-vl-8b-instruct"),
    "cursor": Term(
        "`next_cursor` of the page before; without it the first page.", "WyItaWQiLCIwMTk4YzBkZS0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDAiXQ"
    ),
    "next_cursor": Term(
        "Pass it as `cursor` to get the next page; null on the last.", "WyItaWQiLCIwMTk4YzBkZS0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDAiXQ"
    ),
    "limit": Term("How many to return at the most.", 100),
    "last-event-id": Term("`id` of the last message that was seen.", "12.0198c0de200070008000000000000000.9f86d081884c"),
    "after": Term("`id` of the last message that was seen.", "12.0198c0de200070008000000000000000.9f86d081884c"),
    "data": Term("The items of this page.", None),
    # Times
    "created_at": Term("When it was made.", NOON),
    "started_at": Term("When work on it began; null before.", NOON),
    "completed_at": Term("When it ended; null before.", NOON),
    "recorded_at": Term("Wall-clock time of the first frame, where you gave one.", NOON),
    "recorded_from": Term("Start of a range of wall-clock time.", "2026-03-01T12:00:00+01:00"),
    "recorded_to": Term("End of that range, which is not part of it.", "2026-03-01T13:00:00+01:00"),
    "recorded_start": Term("Wall-clock time of the start, for videos with `recorded_at`.", "2026-03-01T12:00:12.5Z"),
    "recorded_end": Term("Wall-clock time of the end, for videos with `recorded_at`.", "2026-03-01T12:00:15.5Z"),
    "at_ms": Term("A moment of media time, in milliseconds.", 13_000),
    "from_ms": Term("Start of a range of media time, in milliseconds.", 10_000),
    "to_ms": Term("End of that range, which is not part of it.", 20_000),
    "start_ms": Term("Where it starts, in milliseconds of media time.", 12_500),
    "end_ms": Term("Where it ends, in milliseconds of media time; the end is not part of it.", 15_500),
    "VideoOut.start_ms": Term("The container's own time of the first presented frame.", 0),
    "duration_ms": Term("How long it lasts, in milliseconds.", 3_600_000),
    "start_uncertainty_ms": Term("The true start lies within this of `start_ms`.", 500),
    "end_uncertainty_ms": Term("The true end lies within this of `end_ms`.", 500),
    "pts_ms": Term("The frame's own time.", 13_000),
    "start_moved_ms": Term("How much later it starts than before.", 1500),
    "end_moved_ms": Term("How much later it ends than before.", -500),
    # Videos
    "file": Term("The video.", None),
    "bytes": Term("Its size.", 73_400_320),
    "sha256": Term("Of the bytes as they came in, in hex.", SHA256),
    "source_url": Term("Where it was fetched.", "https://media.example.com/street.mp4"),
    "media_type": Term("What kind of file it is, by its first bytes.", "video/mp4"),
    "container": Term("The container's format.", "mp4"),
    "codec": Term("How the pictures are compressed.", "h264"),
    "width": Term("Pixels across, as shown.", 1920),
    "height": Term("Pixels down, as shown.", 1080),
    "rotation": Term("Degrees that the container asks to turn the pictures by.", 0),
    "frame_rate": Term("Frames a second, on average.", 29.97),
    "variable_frame_rate": Term("Whether frames come at uneven times.", False),
    "metadata": Term("Anything of yours, as you gave it.", {"camera": 7}),
    "range": Term("One part of the bytes.", "bytes=0-999"),
    "if-range": Term("The `ETag` of the part before.", f'"{SHA256}"'),
    # Keys
    "last_used_at": Term("When it was last used; null: never.", NOON),
    "expires_at": Term("When it ends by itself; null: never.", "2036-03-01T12:00:00Z"),
    "revoked_at": Term("When it was revoked; null: it was not.", NOON),
    "scopes": Term("What it may do.", ["read", "write"]),
    "key": Term("What is known of the key.", None),
    "workspace": Term("The workspace that it belongs to.", None),
    "limits": Term("How much is allowed.", None),
    "if-none-match": Term("The `ETag` of what you have.", f'"{SHA256}"'),
    "buckets": Term("Its stretches, in order.", None),
    # Uploads
    "UploadOut.id": Term("Its id.", UPLOAD),
    "upload_id": Term("The upload's id.", UPLOAD),
    "UploadOut.state": Term("How it stands.", "open"),
    "partial": Term("Whether it is to be joined with others.", False),
    "offset": Term("How many bytes are there.", 52_428_800),
    "length": Term("How many there will be.", 73_400_320),
    "UploadOut.expires_at": Term("When it is given up.", NOON),
    "Tus-Resumable": Term("The version of tus that is spoken.", "1.0.0"),
    "upload-offset": Term("Where the body begins: where the upload ended.", 0),
    "upload-length": Term("How many bytes there will be in all.", 73_400_320),
    "upload-defer-length": Term("The length is told later, with a `PATCH`.", "1"),
    "upload-metadata": Term(
        "What is said of the video: keys, each with its value in Base64.", "filename c3RyZWV0Lm1wNA==,title QSBzdHJlZXQ="
    ),
    "upload-concat": Term("`partial`: a piece of a video. `final;` and the addresses of such pieces: the video made of them.", "partial"),
    "upload-checksum": Term(
        "What the body must add up to: the algorithm, and the checksum in Base64.", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="
    ),
    # Questions
    "request": Term("The question, as JSON.", '{"analyzer": "signals"}'),
    "JobOut.request": Term("What is being carried out, defaults filled in.", {"analyzer": "signals", "refine": False}),
    "instructions": Term("Anything else the model should know of this video.", "The camera hangs over the door of a shop."),
    "event_types": Term("What to look for.", [{"id": "crossing", "description": "A person crosses the street"}]),
    "fields": Term("Details of such an event.", [{"name": "colour", "type": "string", "description": "The main colour of the car"}]),
    "sampling": Term("Which frames are looked at, and how many at a time.", {"fps": 1, "window_s": 64}),
    "verify": Term("How second looks are made.", {"votes": 1}),
    "fps": Term("Frames looked at in a second of video.", 1),
    "window_s": Term("Length of a window in seconds.", 64),
    "overlap_s": Term("How much of a window its neighbour sees again, in seconds.", 8),
    "tolerance_s": Term("How far from its time a frame may be, in seconds.", 0.5),
    "max_gap_s": Term("The longest time without a frame, in seconds.", 30),
    "frame_tokens": Term("Size of a frame in model tokens.", 220),
    "budget_usd": Term("The most that it may cost, in dollars.", 0.5),
    # Jobs
    "stage": Term("What is being done.", "sample"),
    "bytes_done": Term("Bytes that are brought in.", 52_428_800),
    "bytes_total": Term("How many there will be.", 73_400_320),
    "percent": Term("How far it is, 0 to 100.", 62.5),
    "windows_total": Term("How many windows there are; null until the video was looked at.", 8),
    "windows_done": Term("How many of them have an answer.", 5),
    "windows_failed": Term("How many of them have none, and will not get one.", 0),
    "progress": Term("How far it is.", None),
    "coverage": Term("How much of the video was analysed; null until the job ends.", None),
    "ratio": Term("The share of the video that was analysed, 0 to 1.", 1.0),
    "gaps": Term("What was not analysed, and why.", None),
    "GapOut.reason": Term("The code of the reason.", "unreadable"),
    "usage": Term("What the model's provider counted and charged so far.", None),
    "calls": Term("How many calls of the model.", 65),
    "windows": Term("How many windows are looked at.", 65),
    "frames": Term("How many frames are looked at.", 4112),
    "input_tokens": Term("Tokens that the model reads.", 943_838),
    "output_tokens": Term("Tokens that the model writes.", 39_000),
    "cost_usd": Term("What it cost, in dollars.", 0.095),
    "uncertain_usd": Term("The part of it that nobody is sure of.", 0.0),
    "reserved_usd": Term("The most that calls in flight may cost.", 0.0),
    "passes": Term("What each way of looking takes.", None),
    "estimate": Term("What it is expected to cost.", None),
    "price": Term("What the estimate was made with.", None),
    "expected_usd": Term("What it should cost, in dollars.", 0.095),
    "at_most_usd": Term("What it may cost, in dollars.", 1.529),
    "input_usd": Term("Dollars for a million tokens in.", 0.08),
    "output_usd": Term("Dollars for a million tokens out.", 0.5),
    "image_usd": Term("Dollars for an image.", 0.0),
    "call_usd": Term("Dollars for a call.", 0.0),
    "error": Term("Why it failed; null where it did not.", None),
    "warnings": Term("What you should know while it runs.", None),
    "Reason.code": Term("A stable name for it.", "model_unavailable"),
    "Reason.detail": Term("What went wrong, and what to do.", "The model server is away; the job waits for it."),
    # Events
    "EventField.type": Term("What its value is.", "string"),
    "type": Term("What kind of event, by the id that you gave it.", "crossing"),
    "description": Term("What happens.", "A person in a red coat crosses the street from the left."),
    "q": Term("Words in type, title or description.", "red car"),
    "confidence": Term("0 to 1; null when nobody measured it.", 0.9),
    "confidence_source": Term("Who measured it.", "votes"),
    "min_confidence": Term("Only events that are at least this sure; those that nobody measured are not.", 0.5),
    "verification": Term("What a second look said.", None),
    "VerificationOut.reason": Term("Why, where there is more to say.", "seen in 3 of 3 looks"),
    "evidence": Term("The frame that shows it.", None),
    "frame_url": Term("Where that frame is served, as JPEG.", f"/v1/events/{EVENT}/frame.jpg"),
    "attributes": Term("Details by the names that you asked for.", {"colour": "red"}),
    "source": Term("Where it comes from.", None),
    "analyzer": Term("What looked at the video.", "model"),
    "prompt_version": Term("Which wording of the question the model was asked with; null where no model was asked.", "7"),
    "window_ids": Term("The windows that it was found in.", [WINDOW]),
    "event": Term("The event.", None),
    "before": Term("The same event, as the other job found it.", None),
    "appeared": Term("What only this job found.", None),
    "vanished": Term("What only the other job found.", None),
    "moved": Term("What both found, with a boundary that moved.", None),
    "incomparable": Term("What one of them could not have found.", None),
    "unchanged": Term("How many events both found at the same times.", 12),
    "values": Term("What it may be.", ["red", "blue"]),
    # Webhooks
    "WebhookChange.url": Term("Where messages are posted to.", "https://example.com/playhead"),
    "WebhookChange.events": Term("What it is told of.", ["job.succeeded"]),
    "last_success_at": Term("When it last took a message; null: never.", NOON),
    "last_failure_at": Term("When it last did not take one; null: never.", NOON),
    "old_secret_until": Term("Until when the secret before signs too; null: there was none.", NOON),
    "at": Term("When it began.", NOON),
    "next_try_at": Term("When it may be tried next; null where it is not.", NOON),
    "last_try": Term("The last try; null: there was none.", None),
    "tries": Term("Each try, the oldest first.", None),
    # Answers
    "video": Term("The video, as it is stored.", None),
    "job": Term("The job that looks at it.", None),
    "status": Term("How it stands.", None),
    "parts": Term("Each part of the server, and whether it is there.", {"database": "ok", "blobs": "ok", "broker": "ok"}),
    "reasons": Term("Why a part is `paused`, and what to do about it.", {}),
    "Problem.type": Term("Always `about:blank`: `code` says which problem it is.", "about:blank"),
    "Problem.title": Term("What kind of problem it is, for people.", "There is no such thing"),
    "Problem.status": Term("The HTTP status.", 404),
    "Problem.detail": Term("What went wrong here, and what to do.", f"There is no video {VIDEO}."),
    "Problem.code": Term("A stable name for the kind of problem.", "not_found"),
    "request_id": Term("The id of the request.", "0198c0de-4000-7000-8000-000000000000"),
    "errors": Term("What is wrong, by member.", None),
    "field": Term("The member's dotted name.", "sampling.fps"),
    "message": Term("What is wrong with it.", "Must be less than or equal to 8."),
}
"""An example of None: what it is made of has examples, or it is one of a few values."""


def term(name: str, *, of: str = "") -> Term | None:
    """What is known of a name, first of all as a field of this model; None: nothing."""
    return TERMS.get(f"{of}.{name}") or TERMS.get(name)
