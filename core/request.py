"""What a user asks of a video: checked where it comes in, stored with its defaults filled in, read by the workers."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.errors import ModelNotConfigured, Unprocessable
from core.settings import Settings

Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""What Postgres can hold: no NUL; and whatever has a pattern must be Unicode, so no half of a surrogate pair either."""

EnumValue = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f\"]+$", min_length=1, max_length=60)]

TypeId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", examples=["person_enters"])]


# JSON has numbers and booleans of its own: text is none, and `false` is not a budget of nothing.
Number = Annotated[float, Field(strict=True)]
Integer = Annotated[int, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]

FIELDS_MAX = 60
"""Of all types together: servers limit the size of the form that an answer is held to."""


class EventField(BaseModel):
    """A detail of an event that comes back in its `attributes`, where it could be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["colour"])] = Field(description="Its key in `attributes`.")
    type: Literal["string", "number", "boolean", "enum"] = Field(description="What its value is; `enum` is one of `values`.")
    description: Text = Field("", max_length=300, description="What it means.", examples=["The main colour of the car"])
    values: tuple[EnumValue, ...] = Field((), max_length=20, description="For `enum` alone: what it may be.", examples=[["red", "blue"]])

    @model_validator(mode="after")
    def _fits(self) -> "EventField":
        if (self.type == "enum") != bool(self.values):
            raise ValueError("values must be given for an enum, and for nothing else")
        if len({value.casefold() for value in self.values}) != len(self.values):
            raise ValueError("values must be distinct, whatever their case")
        return self


class EventType(BaseModel):
    """One kind of event to look for. A precise definition is worth more than anything else in the request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: TypeId = Field(description="Your name for it; comes back as the event's `type`.")
    description: Text = Field(
        min_length=1,
        max_length=1000,
        description="What counts as such an event, and what doesn't.",
        examples=["A person walks in through the door on the left"],
    )
    fields: tuple[EventField, ...] = Field((), max_length=10, description="Details of such an event, each with its type.")

    @field_validator("fields")
    @classmethod
    def _are_distinct(cls, value: tuple[EventField, ...]) -> tuple[EventField, ...]:
        if len({field.name for field in value}) != len(value):
            raise ValueError("must have distinct names")
        return value


class Sampling(BaseModel):
    """Which frames are looked at, and how many at a time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fps: Number | None = Field(
        None, ge=0.05, le=8, description="Frames sampled a second of video. Default: 1 for a model, 2 for the signals."
    )
    window_s: Number = Field(64, ge=4, le=600, description="Length of a window, the unit of a model call, in seconds.")
    overlap_s: Number = Field(8, ge=0, le=60, description="How much of a window its neighbour sees again, in seconds.")
    tolerance_s: Number | None = Field(
        None,
        ge=0,
        le=10,
        description="How far from its time a frame may be, in seconds, where a key frame there saves decoding. At most half of the time "
        "between two frames, which is the default; 0 for the signals, which compare each frame with the one before.",
    )
    skip_static: Flag | None = Field(
        None,
        description="Leave out frames that show nothing new, so that hours in which nothing changes cost next to nothing. Frames around "
        "each change stay. Default: true for a model, false for the signals.",
    )
    max_gap_s: Number = Field(30, ge=1, le=600, description="With `skip_static`: the longest time without a frame, in seconds.")
    frame_tokens: Integer = Field(220, ge=16, le=2048, description="Size of a frame in model tokens; one is 32 x 32 pixels.")

    @model_validator(mode="after")
    def _fits(self) -> "Sampling":
        if self.overlap_s * 2 > self.window_s:
            raise ValueError("overlap_s may be half of window_s at the most")
        if (self.tolerance_s or 0) * (self.fps or 1) > 0.5:
            raise ValueError("tolerance_s may be half of the time between two frames at the most")
        if (self.fps or 1) * self.window_s > 512:
            raise ValueError("a window may hold 512 frames at the most: lower fps or window_s")
        if (self.fps or 1) * self.window_s < 2:
            raise ValueError("a window must hold two frames at least: raise fps or window_s")
        if (self.fps or 1) * self.window_s * self.frame_tokens > 250_000:
            raise ValueError("a window may take 250,000 tokens at the most: lower fps, window_s or frame_tokens")
        return self

    @property
    def slug(self) -> str:
        """Names this way of sampling in keys of stored frames. Which of them are shown is another matter."""
        return f"{self.fps:g}fps-{self.window_s:g}s-{self.overlap_s:g}s-{self.frame_tokens}t-{self.tolerance_s or 0:g}"


class Verify(BaseModel):
    """How second looks are made; of use with `refine` alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    votes: Literal[1, 3, 5] = Field(
        1,
        description="How often each look is asked for. More than one: `confidence` is the share of the votes that saw the event. Refused "
        "without `refine`.",
    )

    @field_validator("votes", mode="before")
    @classmethod
    def _is_a_number(cls, value: object) -> object:
        """Python takes true for 1."""
        if isinstance(value, bool):
            raise ValueError("must be 1, 3 or 5")  # noqa: TRY004 (pydantic's way to say it)
        return value


class JobRequest(BaseModel):
    """What to look for in a video, and how. Every member has a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    analyzer: Literal["auto", "model", "signals"] = Field(
        "auto",
        description="`model` asks the vision-language model; `signals` finds cuts, black, freezes and motion without one; "
        "`auto` is `model` where one is configured. `signals` knows no event_types, instructions or model: asked for by name together "
        "with them it is refused, and where `auto` comes to it the job carries the warning `model_not_configured`.",
    )
    event_types: tuple[EventType, ...] = Field((), max_length=50, description="What to look for. Empty: whatever happens.")
    instructions: Text | None = Field(None, max_length=4000, description="Anything else the model should know of this video.")
    sampling: Sampling = Field(default_factory=Sampling)
    model: Text | None = Field(None, min_length=1, max_length=200, description="Model to ask instead of the server's default.")
    refine: Flag = Field(
        False,
        description="A second, dense look around each boundary of each event: sharpens it, and confirms or rejects the event. Costs "
        "about as much again for each event as a few seconds of video.",
    )
    verify: Verify = Field(default_factory=Verify)
    budget_usd: Number | None = Field(
        None,
        ge=0,
        le=100_000,
        description="Hard cap on the cost in dollars. At the cap no further call is made: the job ends, and what was not analysed is a gap "
        "with the reason `budget`.",
        examples=[0.25],
    )

    @field_validator("event_types")
    @classmethod
    def _are_distinct(cls, value: tuple[EventType, ...]) -> tuple[EventType, ...]:
        ids = [kind.id for kind in value]
        if len(set(ids)) != len(ids):
            raise ValueError("must have distinct ids")
        if sum(len(kind.fields) for kind in value) > FIELDS_MAX:
            raise ValueError(f"may have {FIELDS_MAX} fields in all at the most")
        return value

    def resolved(self, settings: Settings) -> "JobRequest":
        """The request as it will be carried out, defaults filled in.

        Raises `ModelNotConfigured` where a model is asked for and there is none, `Unprocessable` where `signals` is asked what only a
        model knows, for votes without second looks, and where the sampling does not go with the frames a second that it leaves open.
        """
        if self.analyzer == "signals" and self._for_a_model:
            name = self._for_a_model[0]
            raise Unprocessable(
                f"`signals` finds cuts, black, freezes and motion; it knows no `{name}`. Leave that out, or ask for `model`.", field=name
            )
        if self.verify.votes > 1 and not self.refine:
            raise Unprocessable("Votes are cast by second looks: ask for `refine` too, or for one vote.", field="verify.votes")
        analyzer = ("model" if settings.has_model else "signals") if self.analyzer == "auto" else self.analyzer
        if analyzer == "model" and not settings.has_model:
            raise ModelNotConfigured("Set PLAYHEAD_MODEL_API_KEY or PLAYHEAD_MODEL_URL on the server, or ask for `signals`.")
        fps = self.sampling.fps or (1.0 if analyzer == "model" else 2.0)
        tolerance_s = self.sampling.tolerance_s
        if tolerance_s is None:
            tolerance_s = 0.5 / fps if analyzer == "model" else 0.0
        skip_static = self.sampling.skip_static if self.sampling.skip_static is not None else analyzer == "model"
        filled_in = {**self.sampling.model_dump(), "fps": fps, "tolerance_s": tolerance_s, "skip_static": skip_static}
        try:
            sampling = Sampling.model_validate(filled_in)
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise Unprocessable(f"At {fps:g} frames a second, the default for `{analyzer}`: {reason}.", field="sampling") from error
        return self.model_copy(
            update={
                "analyzer": analyzer,
                "sampling": sampling,
                "model": (self.model or settings.model) if analyzer == "model" else None,
            }
        )

    def warnings(self, settings: Settings) -> list[dict[str, str]]:
        """What the job should tell from the start, as `jobs.warnings` holds it: what of the question goes unanswered."""
        if self.analyzer != "auto" or settings.has_model or not self._for_a_model:
            return []
        unheard = " and ".join(f"`{name}`" for name in self._for_a_model)
        detail = (
            f"No model is configured, so the signals analyser looks for cuts, black, freezes and motion, and {unheard} "
            "can't be answered. Set PLAYHEAD_MODEL_API_KEY or PLAYHEAD_MODEL_URL on the server, and ask again."
        )
        return [{"code": ModelNotConfigured.code, "detail": detail}]

    @property
    def _for_a_model(self) -> list[str]:
        """The members given that only a model knows what to do with."""
        told = [name for name in ("event_types", "instructions", "model", "refine") if getattr(self, name)]
        return [*told, "verify.votes"] if self.verify.votes > 1 else told
