"""What the server answers, typed.

Every object keeps the JSON it came from in `raw`. Fields that this version does not know are in there and break nothing; fields that an
older server does not send keep their defaults. Times in media are milliseconds from the first presented frame, spans half-open.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import NoneType, UnionType
from typing import (
    Any,
    ClassVar,
    Generic,
    NamedTuple,
    Self,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from playhead.errors import UnexpectedAnswer

T = TypeVar("T")

ENDED = frozenset({"succeeded", "partial", "failed", "canceled"})


@dataclass(frozen=True, kw_only=True)
class Record:
    _readers: ClassVar[Mapping[str, Callable[[Any], Any]]]

    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __init_subclass__(cls) -> None:
        cls._readers = {name: _reader(hint) for name, hint in get_type_hints(cls).items() if name not in ("raw", "_readers")}

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Raises UnexpectedAnswer where a field without a default is missing, or one is of a kind that can't be read."""
        try:
            known = {name: cls._readers[name](value) for name, value in data.items() if name in cls._readers and value is not None}
            return cls(raw=data, **known)
        except (AttributeError, TypeError, ValueError) as error:
            raise UnexpectedAnswer(f"The server's {cls.__name__.lower()} can't be read ({error}).") from error


def _reader(hint: Any) -> Callable[[Any], Any]:
    """How JSON becomes a field of this type: records, times and tuples of them are made, anything else is taken as it is."""
    if get_origin(hint) is UnionType:
        hint = next(arg for arg in get_args(hint) if arg is not NoneType)
    if get_origin(hint) is tuple:
        item = _reader(get_args(hint)[0])
        return lambda values: tuple(item(value) for value in values)
    if hint is datetime:
        return datetime.fromisoformat
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.from_json
    return lambda value: value


@dataclass(frozen=True, kw_only=True)
class Problem(Record):
    """What went wrong (RFC 9457); `code` is stable, `detail` is for people. A job's error has the same shape."""

    code: str | None = None
    title: str | None = None
    detail: str | None = None
    status: int | None = None
    request_id: str | None = None
    errors: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Video(Record):
    """Sizes are those shown, after rotation. What the worker has not found out yet is None."""

    id: str
    title: str | None = None
    custom_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    recorded_at: datetime | None = None
    created_at: datetime | None = None
    filename: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    media_type: str | None = None
    container: str | None = None
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    rotation: int | None = None
    duration_ms: int | None = None
    start_ms: int | None = None
    frame_rate: float | None = None
    variable_frame_rate: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Progress(Record):
    percent: float = 0
    windows_total: int | None = None
    windows_done: int = 0
    windows_failed: int = 0


@dataclass(frozen=True, kw_only=True)
class Gap(Record):
    """A stretch that was not analysed; `reason` is a stable code."""

    start_ms: int
    end_ms: int
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Coverage(Record):
    """How much of the video was analysed (0 to 1; None until the job ends), and what was not."""

    ratio: float | None = None
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Usage(Record):
    """`cost_usd` is what was spent, `uncertain_usd` the part of it that calls may have cost whose bill never came, `reserved_usd` the most
    that calls in flight may cost.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    uncertain_usd: float | None = None
    reserved_usd: float | None = None


@dataclass(frozen=True, kw_only=True)
class Price(Record):
    """Dollars for a million tokens in and out, for an image and for a call; `source`: `provider` or `settings`."""

    model: str | None = None
    input_usd: float | None = None
    output_usd: float | None = None
    image_usd: float | None = None
    call_usd: float | None = None
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class Cost(Record):
    """What looking at a video takes. `at_most_usd`: if no reply could be used; the server's docs/costs.md says what is not in it."""

    windows: int = 0
    frames: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    expected_usd: float | None = None
    at_most_usd: float | None = None


@dataclass(frozen=True, kw_only=True)
class PassEstimate(Cost):
    """What one way of looking takes: `localize`, and `refine` where second looks are asked for."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Estimate(Cost):
    """What a job would cost: the sums over its passes. `price` is None where no model would be asked."""

    passes: tuple[PassEstimate, ...] = ()
    price: Price | None = None


@dataclass(frozen=True, kw_only=True)
class Job(Record):
    """One question asked of one video. `status`: queued, processing, succeeded, partial, failed, canceling or canceled."""

    id: str
    video_id: str
    status: str
    stage: str | None = None
    progress: Progress = field(default_factory=Progress)
    estimate: Estimate | None = None
    coverage: Coverage = field(default_factory=Coverage)
    usage: Usage = field(default_factory=Usage)
    error: Problem | None = None
    warnings: tuple[Problem, ...] = ()
    request: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come, also by a status that this version does not know."""
        return self.status in ENDED or self.completed_at is not None


@dataclass(frozen=True, kw_only=True)
class Verification(Record):
    """Whether a second look agreed: `confirmed`, `rejected` or `unverified`."""

    status: str = "unverified"
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence(Record):
    """The frame that shows the event: its presentation time, and where it is served."""

    pts_ms: int | None = None
    frame_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Source(Record):
    analyzer: str | None = None
    model: str | None = None
    prompt_version: str | None = None
    window_ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Event(Record):
    """Something that happened in `[start_ms, end_ms)`, each boundary give or take its uncertainty.

    `confidence` is None when nobody measured it. `provisional`: the job goes on and may still change or withdraw it.
    `recorded_start` and `recorded_end` are wall-clock times, for videos with a `recorded_at`.
    """

    id: str
    video_id: str
    type: str
    start_ms: int
    end_ms: int
    job_id: str | None = None
    title: str | None = None
    description: str | None = None
    start_uncertainty_ms: int | None = None
    end_uncertainty_ms: int | None = None
    confidence: float | None = None
    confidence_source: str | None = None
    verification: Verification = field(default_factory=Verification)
    evidence: Evidence | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = None
    provisional: bool = False
    recorded_start: datetime | None = None
    recorded_end: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Moved(Record):
    """An event that two jobs found, with a boundary that moved by more than what is uncertain of it, in milliseconds."""

    event: Event
    before: Event
    start_moved_ms: int = 0
    end_moved_ms: int = 0


@dataclass(frozen=True, kw_only=True)
class Incomparable(Record):
    """An event of one job (`of`: `job` or `against`) that the other one could not have found. `reason`: `not_asked`, or `not_analysed`."""

    event: Event
    of: str
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Diff(Record):
    """What one job found against another of the same video. `incomparable` is what one found and the other could not have: that is neither
    in `appeared` nor in `vanished`.
    """

    job_id: str
    against: str
    status: str | None = None
    against_status: str | None = None
    appeared: tuple[Event, ...] = ()
    vanished: tuple[Event, ...] = ()
    moved: tuple[Moved, ...] = ()
    unchanged: int = 0
    incomparable: tuple[Incomparable, ...] = ()


class Upload(NamedTuple):
    """What an upload answers: the video as stored, and the job that looks at it."""

    video: Video
    job: Job


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """One piece of a list; `next_cursor` asks for the next, None at the end."""

    data: tuple[T, ...]
    next_cursor: str | None = None
