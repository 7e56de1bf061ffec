"""Records as tables and lines for people. Nothing here prints; every text from outside is made harmless first."""

import unicodedata
from collections.abc import Iterable
from datetime import datetime

from rich import box
from rich.table import Table
from rich.text import Text

from playhead.timecodes import format_timecode
from playhead.types import Cost, Diff, Estimate, Event, Gap, Job, Problem, Video

STATUS_STYLES = {"succeeded": "green", "partial": "yellow", "failed": "red", "canceled": "dim", "processing": "cyan"}

AT_MOST = (
    "At most: if no reply could be used, and each window were asked about twice, then in halves and in quarters. Calls that fail and are "
    "billed are not in it; only a budget bounds those too."
)
REFINE_AT_MOST = (
    "Of second looks (refine) it is a rule of thumb and no bound: a video dense with events cost 2.4 times that. Set a budget: --budget."
)

NO_EVENTS = "No events."

# Control characters could drive the terminal, bidirectional overrides show something else than what is there.
_HARMFUL = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDIRECTIONAL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: object) -> str:
    """On one line, and without anything that a terminal would obey; models and file names say what they like."""
    return " ".join("".join(" " if _harmful(char) else char for char in str(text)).split())


def _harmful(char: str) -> bool:
    return unicodedata.category(char) in _HARMFUL or char in _BIDIRECTIONAL


def events_table(events: Iterable[Event], *, with_video: bool = False) -> Table:
    """Start, end, how far off they may be, type, and what was seen. `with_video` says which video too, for lists over several."""
    made = table("start>", "end>", "±", "type", "what was seen~")
    if with_video:
        made.add_column("video", no_wrap=True)
    for event in events:
        cells: list[str | Text] = [
            format_timecode(event.start_ms),
            format_timecode(event.end_ms),
            _uncertainty(event),
            Text.assemble((printable(event.type), "bold"), (_marks(event), "dim")),
            printable(event.description or event.title or ""),
        ]
        made.add_row(*cells, *([event.video_id] if with_video else []))
    return made


def videos_table(videos: Iterable[Video]) -> Table:
    made = table("video", "length>", "size>", "picture", "added", "title~")
    for video in videos:
        length = "" if video.duration_ms is None else format_timecode(video.duration_ms)
        picture = f"{video.width}x{video.height} {video.codec or ''}" if video.width else ""
        made.add_row(
            video.id,
            length,
            size(video.bytes),
            printable(picture),
            when(video.created_at),
            printable(video.title or video.filename or ""),
        )
    return made


def jobs_table(jobs: Iterable[Job]) -> Table:
    made = table("job", "status", "done>", "analysed>", "cost>", "asked", "video")
    for job in jobs:
        status = Text(printable(job.status), STATUS_STYLES.get(job.status, ""))
        done = f"{job.progress.percent:.0f}%"
        made.add_row(job.id, status, done, _ratio(job), _dollars(job), when(job.created_at), job.video_id)
    return made


def estimate_table(estimate: Estimate) -> Table:
    """A row for each pass, and one for all where there are several."""
    made = table("pass", "windows>", "frames>", "calls>", "tokens in>", "tokens out>", "expected>", "at most>")
    rows: list[tuple[str, Cost]] = [(printable(one.name), one) for one in estimate.passes]
    for name, one in rows if len(rows) == 1 else [*rows, ("all", estimate)]:
        counts = (one.windows, one.frames, one.calls, one.input_tokens, one.output_tokens)
        made.add_row(name, *(f"{count:,}" for count in counts), _usd(one.expected_usd), _usd(one.at_most_usd))
    return made


def estimate_notes(estimate: Estimate) -> list[str]:
    """What a reader of the numbers must know: the price, and what "at most" covers."""
    if estimate.price is None:
        return ["No model is asked, so it costs nothing."]
    price = estimate.price
    told = {"provider": "as its provider tells", "settings": "by the server's settings"}.get(price.source or "", "")
    extra = [f", ${extra:g} {what}" for extra, what in ((price.image_usd, "an image"), (price.call_usd, "a call")) if extra]
    second_looks = [REFINE_AT_MOST] if any(one.name == "refine" for one in estimate.passes) else []
    tokens = f"${price.input_usd or 0:g} for a million tokens in, ${price.output_usd or 0:g} out"
    return [f"Price of {printable(price.model)}, {told}: {tokens}{''.join(extra)}.", AT_MOST, *second_looks]


def incomparable(diff: Diff) -> list[tuple[str, list[Event]]]:
    """What one job found and the other could not have, under a heading that says why: `In j1 alone, not analysed by j2`."""
    found: dict[str, list[Event]] = {}
    for one in diff.incomparable:
        its, other = (diff.job_id, diff.against) if one.of == "job" else (diff.against, diff.job_id)
        why = {"not_asked": "not asked for by", "not_analysed": "not analysed by"}.get(one.reason or "", "not comparable with")
        found.setdefault(f"In {its} alone, {why} {other}", []).append(one.event)
    return list(found.items())


def job_summary(job: Job, *, events: int) -> str:
    """`12 events; 100% of the video analysed; 34 model calls, $0.0123`."""
    parts = [f"{events} event{'' if events == 1 else 's'}"]
    if job.coverage.ratio is not None:
        parts.append(f"{_ratio(job)} of the video analysed")
    if job.usage.calls:
        parts.append(f"{job.usage.calls} model call{'' if job.usage.calls == 1 else 's'}, {_dollars(job) or 'cost unknown'}")
    return "; ".join(parts)


def job_notes(job: Job, *, from_ms: int | None = None, to_ms: int | None = None) -> list[Text]:
    """What a reader of the events must know: why the job failed, whether it goes on, what was not analysed, and warnings.

    With `from_ms` and `to_ms` only those gaps that touch that stretch.
    """
    gaps = [gap for gap in job.coverage.gaps if _touches(gap, from_ms, to_ms)]
    return [
        *_state(job),
        *(Text(f"Not analysed: {_span(gap)} ({printable(gap.reason or 'no reason given')})", "yellow") for gap in gaps),
        *(warned(warning) for warning in job.warnings),
    ]


def warned(warning: Problem) -> Text:
    return Text(f"Warning: {_explained(warning)}", "yellow")


def _state(job: Job) -> list[Text]:
    if job.error is not None:
        return [Text(f"Job {job.id} {printable(job.status)}: {_explained(job.error)}", "red")]
    if not job.ended:
        percent = f"{job.progress.percent:.0f}%"
        return [
            Text(f"Job {job.id} is {printable(job.status)} ({percent}): more events may come, and provisional ones may change.", "cyan")
        ]
    if job.status in ("failed", "canceled"):
        return [Text(f"Job {job.id} was not finished: {printable(job.status)}.", "red")]
    return []


def _touches(gap: Gap, from_ms: int | None, to_ms: int | None) -> bool:
    return (to_ms is None or gap.start_ms < to_ms) and (from_ms is None or from_ms < gap.end_ms)


def _span(gap: Gap) -> str:
    return f"{format_timecode(gap.start_ms)} to {format_timecode(gap.end_ms)}"


def _explained(problem: Problem) -> str:
    return printable(f"{problem.detail or problem.title or ''} ({problem.code or 'no code'})")


def _marks(event: Event) -> str:
    verified = printable(event.verification.status)
    return f"{' provisional' if event.provisional else ''}{'' if verified == 'unverified' else f' {verified}'}"


def _uncertainty(event: Event) -> str:
    sides = [_seconds(side) for side in (event.start_uncertainty_ms, event.end_uncertainty_ms)]
    return sides[0] if sides[0] == sides[1] else " / ".join(sides)


def _seconds(ms: int | None) -> str:
    return "?" if ms is None else f"{ms / 1000:.3f}".rstrip("0").rstrip(".") + " s"


def _ratio(job: Job) -> str:
    """Rounded down, so that a hole never looks like none."""
    ratio = job.coverage.ratio
    return "" if ratio is None else f"{int(ratio * 1000) / 10:g}%"


def _dollars(job: Job) -> str:
    return _usd(job.usage.cost_usd)


def _usd(amount: float | None) -> str:
    return "" if amount is None else f"${amount:.4f}"


def size(count: int | None) -> str:
    """In bytes, kB, MB or GB."""
    if count is None:
        return ""
    units = iter(("B", "kB", "MB", "GB"))
    amount, unit = float(count), next(units)
    while amount >= 1000 and (larger := next(units, None)):
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def when(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M}"


def table(*columns: str) -> Table:
    """A column's name ends in `>` where its cells stand to the right, in `~` where they may be broken into lines."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column.rstrip(">~"), justify="right" if column.endswith(">") else "left", no_wrap=not column.endswith("~"))
    return made
