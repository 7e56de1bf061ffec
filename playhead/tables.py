"""More records as tables: of what runs the server, and of a video at a glance."""

from collections.abc import Iterable, Mapping

from rich.table import Table
from rich.text import Text

from playhead.render import printable, size, table, when
from playhead.timecodes import format_timecode
from playhead.types import Delivery, Event, Key, News, Pending, Readiness, Timeline, Webhook

STATE_STYLES = {"delivered": "green", "failed": "red", "pending": "cyan", "ok": "green", "away": "red", "paused": "yellow"}
BAR = 30


def keys_table(keys: Iterable[Key]) -> Table:
    made = table("key", "begins with", "scopes", "last used", "ends", "name~")
    for key in keys:
        ends = Text("revoked", "red") if key.revoked_at else Text(when(key.expires_at))
        made.add_row(key.id, key.prefix or "", ", ".join(key.scopes), when(key.last_used_at), ends, printable(key.name))
    return made


def webhooks_table(webhooks: Iterable[Webhook]) -> Table:
    made = table("webhook", "state", "last success", "last failure", "told of~", "url~")
    for one in webhooks:
        state = Text("enabled", "green") if one.enabled else Text(printable(f"disabled {one.disabled_reason or ''}"), "red")
        made.add_row(one.id, state, when(one.last_success_at), when(one.last_failure_at), ", ".join(one.events), printable(one.url))
    return made


def deliveries_table(deliveries: Iterable[Delivery]) -> Table:
    made = table("delivery", "type", "state", "tries>", "made", "next try", "last answer~")
    for one in deliveries:
        last = one.last_try
        answer = "" if last is None else f"{last.status or ''} {printable(last.error or '')}".strip()
        state = Text(printable(one.state), STATE_STYLES.get(one.state, ""))
        made.add_row(one.id, printable(one.type), state, str(one.attempts), when(one.created_at), when(one.next_try_at), answer)
    return made


def uploads_table(uploads: Iterable[Pending]) -> Table:
    made = table("upload", "state", "arrived>", "of>", "given up at", "video", "job")
    for one in uploads:
        video, job = one.video.id if one.video else "", one.job.id if one.job else ""
        made.add_row(one.id, printable(one.state), size(one.offset), size(one.length), when(one.expires_at), video, job)
    return made


def parts_table(readiness: Readiness) -> Table:
    made = table("part", "state", "why~")
    for name, state in readiness.parts.items():
        made.add_row(printable(name), Text(printable(state), STATE_STYLES.get(state, "")), printable(readiness.reasons.get(name, "")))
    return made


def timeline_table(timeline: Timeline) -> Table:
    """A bar for each stretch, and how much of it nobody has analysed: there, no event means nothing."""
    made = table("start>", "end>", "events>", "", "types~", "not analysed>")
    most = max((bucket.events for bucket in timeline.buckets), default=0) or 1
    for bucket in timeline.buckets:
        types = ", ".join(f"{printable(name)} {count}" for name, count in bucket.counts.items())
        share = bucket.not_analysed_ms / (bucket.end_ms - bucket.start_ms)
        made.add_row(
            format_timecode(bucket.start_ms),
            format_timecode(bucket.end_ms),
            str(bucket.events),
            Text("█" * round(BAR * bucket.events / most), "cyan"),
            types,
            Text(f"{share:.0%}", "yellow") if share else "",
        )
    return made


def news_line(news: News, *, known: Mapping[str, Event]) -> Text | None:
    """What became of an event, on a line: new (+), changed (~) or withdrawn (-)."""
    event = news.event or known.get(news.event_id or "")
    if event is None or news.kind not in {"event", "withdrawn"}:
        return None
    mark, style = ("-", "dim") if news.kind == "withdrawn" else ("~", "") if event.id in known else ("+", "green")
    span = f"{format_timecode(event.start_ms)} to {format_timecode(event.end_ms)}"
    verified = "" if event.verification.status == "unverified" else f" ({printable(event.verification.status)})"
    return Text(f"{mark} {span}  {printable(event.type)}{verified}  {printable(event.description or event.title or '')}", style)
