"""What a job will cost, told before its first call: a pure function of the timeline, the frames' size and the price.

| number   | what it is                                                                                                    |
|----------|---------------------------------------------------------------------------------------------------------------|
| expected | one call for each window with all its frames, with an answer of usual length; where nothing changes it is less  |
| at most  | no reply can be used: each window is asked about twice, then each of its halves, then each of its quarters, a |
|          | token is paid for each byte of text, and each answer is as long as `max_tokens` lets it be                    |

Not in it: what a provider bills for calls that fail, replies that break off and are carried on, servers that take fewer images in
one call than a window has, and second looks beyond the rule of thumb. Only a budget bounds those.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from math import ceil
from typing import Any, NamedTuple

from core.frame_size import TOKEN_PIXELS, fit
from core.prices import Price
from core.request import JobRequest
from core.spans import Span
from core.timeline import windows

CHARS_A_TOKEN = 4
PROMPT_BYTES = 1400
"""The question's own words, with those that tell the model what it is; see `workers.model.prompt`."""
TIME_BYTES = 16
"""The text before a frame, `<12.5 seconds>`."""
TYPE_BYTES, FIELD_BYTES = 8, 24
"""What stands around the parts of a type's definition, whose id may be named twice, and of a field's."""
ANSWER_TOKENS = 600
"""Of a usual answer."""

ASKED, DEEPEST, SMALLEST, OVERLAP = 2, 2, 4, 16
"""As in `workers.model.policy` and `parts`: calls for the same frames, how often these are halved, down to how many, and which share of
them halves share. A test holds them together.
"""


class Pass(NamedTuple):
    """One way in which a model looks at a video. `share`: what it takes, as a part of what localizing takes; 0: it is not asked for."""

    name: str
    share: Callable[[JobRequest], float]


PASSES = (
    Pass("localize", lambda _: 1.0),
    # A dense look around each boundary: how many there are nobody knows before, and as a rule they take no more than this.
    Pass("refine", lambda request: 0.4 * request.verify.votes * request.refine),
)


@dataclass(frozen=True, slots=True)
class PassEstimate:
    """What one pass takes; dollars at the price of the whole estimate."""

    name: str
    windows: int
    frames: int
    calls: int
    input_tokens: int
    output_tokens: int
    expected_usd: float
    at_most_usd: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """The sums over its passes; none where no model is asked, which costs nothing. `windows` and `frames` are what is looked at first."""

    windows: int
    frames: int
    passes: tuple[PassEstimate, ...]
    model: str | None
    price: Price | None

    def as_dict(self) -> dict[str, Any]:
        sums = ("calls", "input_tokens", "output_tokens", "expected_usd", "at_most_usd")
        totals = {name: sum(getattr(each, name) for each in self.passes) for name in sums}
        price = {"model": self.model, **self.price.as_dict()} if self.price else None
        return {
            "windows": self.windows,
            "frames": self.frames,
            **{name: round(total, 8) if name.endswith("_usd") else total for name, total in totals.items()},
            "passes": [asdict(each) for each in self.passes],
            "price": price,
        }


class Footage(NamedTuple):
    """What of a video decides the cost; sides in pixels, as shown."""

    duration_ms: int
    width: int
    height: int
    frame_rate: float | None


def estimate(footage: Footage, request: JobRequest, *, price: Price, max_output_tokens: int) -> Estimate:
    """Of a request that is resolved."""
    sampling = request.sampling
    spans = windows(footage.duration_ms, window_ms=round(sampling.window_s * 1000), overlap_ms=round(sampling.overlap_s * 1000))
    fps = min(sampling.fps or 1.0, footage.frame_rate or 1000.0)
    frames = [_frames(span, fps) for span in spans]
    width, height = fit(footage.width, footage.height, tokens=sampling.frame_tokens)
    cost = _Cost(price, width * height // TOKEN_PIXELS, text_bytes(request), max_output_tokens)
    shares = {each.name: each.share(request) for each in PASSES if request.analyzer == "model"}
    passes = tuple(_pass(name, share, frames, cost) for name, share in shares.items() if share)
    return Estimate(len(spans), sum(frames), passes, request.model if passes else None, price if passes else None)


def _frames(span: Span, fps: float) -> int:
    """How many of the times k / fps lie in it; one at the least."""
    return max(ceil(span.end_ms * fps / 1000) - ceil(span.start_ms * fps / 1000), 1)


def text_bytes(request: JobRequest) -> int:
    """Of the words of one call that do not depend on its frames."""
    texts = [request.instructions or ""]
    for kind in request.event_types:
        texts += [kind.id, kind.description, kind.id, "." * TYPE_BYTES]
        for field in kind.fields:
            texts += [field.name, field.description, *(f'"{value}", ' for value in field.values), "." * FIELD_BYTES]
    return PROMPT_BYTES + sum(len(text.encode()) for text in texts)


class _Cost(NamedTuple):
    """Of calls: at this price, with frames of so many tokens each, a question of so many bytes, and answers of so many tokens."""

    price: Price
    frame_tokens: int
    text_bytes: int
    max_output_tokens: int

    def input_tokens(self, frames: int) -> int:
        """Of one call, as `workers.model.tokens.predicted` counts them."""
        return frames * self.frame_tokens + (frames * TIME_BYTES + self.text_bytes) // CHARS_A_TOKEN

    def at_most_usd(self, frames: int) -> Decimal:
        """Of one call."""
        tokens = frames * (self.frame_tokens + TIME_BYTES) + self.text_bytes
        return self.price.of(input_tokens=tokens, output_tokens=self.max_output_tokens, images=frames)


def _pass(name: str, share: float, frames: list[int], cost: _Cost) -> PassEstimate:
    calls, answer = len(frames), min(ANSWER_TOKENS, cost.max_output_tokens)
    tokens_in, tokens_out = sum(map(cost.input_tokens, frames)), calls * answer
    expected = cost.price.of(input_tokens=tokens_in, output_tokens=tokens_out, images=sum(frames), calls=calls)
    at_most = sum((cost.at_most_usd(each) for window in frames for each in every_call(window)), Decimal(0))
    whole = [ceil(number * share) for number in (calls, sum(frames), calls, tokens_in, tokens_out)]
    return PassEstimate(name, *whole, *(round(float(usd) * share, 8) for usd in (expected, at_most)))


def every_call(frames: int, *, depth: int = 0) -> Iterator[int]:
    """The frames of each call for a window of so many, where no reply to any of them can be used."""
    yield from [frames] * ASKED
    if depth < DEEPEST and frames >= SMALLEST:
        shared = max(frames // OVERLAP, 1)
        for _ in range(2):
            yield from every_call(ceil((frames - shared) / 2) + shared, depth=depth + 1)
