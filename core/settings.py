"""Every setting of the server, with its default: read once at start, frozen, handed down as an argument."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, BeforeValidator, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

MiB = 1024**2
GiB = 1024**3

Positive = Annotated[int, Field(gt=0)]
Limit = Annotated[int, Field(ge=0)]


def _seconds(value: object) -> object:
    """Pydantic takes bare numbers for seconds, but not as text, which is all that an environment holds."""
    return float(value) if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value) else value


Duration = Annotated[timedelta, BeforeValidator(_seconds), Field(gt=timedelta(0))]


class Settings(BaseSettings):
    """Read from the environment, prefix `PLAYHEAD_`; `docs/settings.md` is made from the descriptions here.

    Durations are ISO 8601 or seconds, sizes are bytes.
    """

    model_config = SettingsConfigDict(env_prefix="PLAYHEAD_", frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True)

    # The parts
    database_url: SecretStr = Field(SecretStr("postgresql://playhead@127.0.0.1:5432/playhead"), description="Postgres 15 or later.")
    redis_url: SecretStr = Field(SecretStr("redis://127.0.0.1:6379/0"), description="Redis or Valkey: the broker.")
    blobs_url: str = Field("file://./var/blobs", description="Where videos and frames lie: `file://` or `s3://bucket/prefix`.")
    scratch_dir: Path | None = Field(
        None, description="Where workers keep local copies of videos whose blobs are not local files. Default: the system's."
    )

    # The model
    model_url: str = Field("https://openrouter.ai/api/v1", description="An OpenAI-compatible API, without `/chat/completions`.")
    model: str = Field("qwen/qwen3-vl-8b-instruct", description="The model asked when a request names none.")
    model_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("PLAYHEAD_MODEL_API_KEY", "OPENROUTER_API_KEY"),
        description="Key of the model API; `OPENROUTER_API_KEY` serves too. Without one, and with the default URL, `auto` means `signals`.",
    )
    model_profile: Literal["auto", "openrouter", "vllm", "sglang", "llamacpp", "ollama", "lmstudio", "plain", "json_object", "text"] = (
        Field("auto", description="What the model server understands ([models](models.md)); `auto` tells by the URL.")
    )
    model_timeout: Duration = Field(timedelta(seconds=120), description="How long one model call may take in all.")
    model_max_output_tokens: Positive = Field(2048, description="`max_tokens` of a model call.")
    model_tries: Positive = Field(5, description="Tries at one model call within one attempt, while the model is unavailable.")
    model_backoff: Duration = Field(timedelta(seconds=1), description="First back-off between those tries; full jitter, doubling.")
    model_backoff_max: Duration = Field(timedelta(seconds=60), description="Longest back-off between tries.")
    model_input_usd: Annotated[float, Field(ge=0, le=10_000)] = Field(
        0.08,
        description="Dollars for a million tokens read by a model whose provider tells no price ([costs](costs.md)). The default is "
        "that of the default model; 0 for a server of your own.",
    )
    model_output_usd: Annotated[float, Field(ge=0, le=10_000)] = Field(0.50, description="Dollars for a million tokens written by it.")

    # Limits of what comes in
    max_upload_bytes: Positive = Field(60 * GiB, description="Largest video taken in.")
    max_upload_time: Duration = Field(
        timedelta(hours=24), description="Longest time that one upload may take; what is not whole then is taken for given up, and deleted."
    )
    upload_part_bytes: Positive = Field(
        8 * MiB,
        description="Bytes of a resumable upload that are stored at a time: so much of each is in memory, and is sent again at the most.",
    )
    uploads_kept: Duration = Field(
        timedelta(hours=24), description="How long a resumable upload stays after the last time that something came for it."
    )
    max_request_bytes: Positive = Field(1 * MiB, description="Largest JSON body or form field.")
    max_side_px: Positive = Field(8192, description="Longest side of a frame that is decoded.")
    max_frame_pixels: Positive = Field(35_000_000, description="Largest frame that is decoded, in pixels.")
    max_duration: Duration = Field(timedelta(hours=24), description="Longest video analysed.")

    # What this server connects to because a user named it
    outbound_http: bool = Field(
        False, description="Whether URLs that users name (videos to fetch, webhooks) may be `http://`; by default they are `https://`."
    )
    outbound_allow: tuple[IPvAnyNetwork, ...] = Field(
        (),
        description='Networks that users\' URLs may lead to although they are not public, a JSON list like `["10.1.0.0/16"]`: '
        "whoever has a key can have requests made there. Always allowed are public addresses, and nothing else by default.",
    )
    outbound_redirects: Annotated[int, Field(ge=0)] = Field(
        5, description="Redirects that are followed from a user's URL, each checked like the first."
    )

    fetch_least_rate: Positive = Field(
        16 * 1024, description="Bytes a second that the server behind a video's URL must give, or its fetch is broken off, and tried again."
    )
    fetch_patience: Duration = Field(timedelta(seconds=30), description="The time over which that is measured; also the longest silence.")

    # Webhooks
    webhook_timeout: Duration = Field(timedelta(seconds=15), description="How long a webhook's receiver may take to answer, in all.")
    webhook_backoff: Annotated[tuple[Duration, ...], Field(min_length=1, max_length=30)] = Field(
        tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18000, 36000, 36000)),
        description="How long a message waits after each try that failed, and up to a fifth more, a JSON list; then it has failed. "
        "About 28 hours.",
    )
    webhook_disable_after: Duration = Field(
        timedelta(days=5), description="A webhook that took nothing for so long, in as many tries as one message has, is disabled."
    )
    webhook_in_flight: Positive = Field(4, description="Messages that are sent to one webhook at a time; one, while it fails.")
    webhook_secret_overlap: Duration = Field(timedelta(hours=24), description="How long a secret still signs after it was replaced.")
    webhook_deliveries_kept: Duration = Field(
        timedelta(days=30), description="How long deliveries stay, with what was sent and each try; those that still wait go with them."
    )
    max_webhooks: Positive = Field(20, description="Webhooks of one workspace.")

    # Work
    segment_windows: Positive = Field(8, description="Windows decoded by one worker in one go, at the most.")
    windows_ahead: Positive = Field(
        200, description="Windows of one job that are sampled and wait for an answer, about; beyond that its decoding pauses."
    )
    max_attempts: Positive = Field(5, description="Claims of one segment or window before it counts as failed.")
    lease: Duration = Field(timedelta(seconds=30), description="How long a claim lasts without a heartbeat.")
    outage_backoff: Duration = Field(
        timedelta(seconds=30), description="How long a window waits when the model stayed unavailable through all tries."
    )
    frames_kept: Duration | None = Field(
        None,
        description="How long sampled frames stay after the last job of their video: later jobs use them again, and they are the evidence "
        "of events. Default: as long as the video.",
    )
    replies_kept: Duration | None = Field(
        None,
        description="How long what the model said, word for word, stays after its job. What a retry needs of it stays until there is one. "
        "Default: as long as the job.",
    )
    job_deadline: Duration = Field(
        timedelta(hours=48), description="A job still open after this is closed with what it has; outages count."
    )
    stop_patience: Duration = Field(
        timedelta(seconds=15), description="How long a model call in flight may go on in a worker that was told to stop."
    )
    sweep_every: Duration = Field(timedelta(seconds=10), description="How often lost messages and leases are looked for.")
    sweep_batch: Positive = Field(500, description="Messages sent again by one sweep at the most, a queue.")

    # The decoder's child process
    sandbox: Literal["require", "auto", "off"] = Field(
        "auto",
        description="Whether the decoder is kept from other files and the network by Landlock, namespaces and seccomp: `require` has a "
        "worker refuse to start without, `auto` takes what the kernel offers and warns of the rest, `off` takes none.",
    )
    decoder_memory_bytes: Positive = Field(2 * GiB, description="Address space of the decoder (RLIMIT_AS).")
    decoder_cpu: Duration = Field(timedelta(hours=1), description="CPU time of one decoder process.")
    decoder_stall: Duration = Field(timedelta(seconds=120), description="Longest silence of a decoder before it is killed.")
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] = Field(85, description="JPEG quality of sampled frames.")

    # Storyboards
    storyboard_frames: Annotated[int, Field(ge=1, le=200)] = Field(
        100, description="Thumbnails of a storyboard at the most; there is no more than one a second."
    )
    storyboard_columns: Annotated[int, Field(ge=5, le=50)] = Field(10, description="Thumbnails in a row of it.")
    storyboard_width: Annotated[int, Field(ge=16, le=320)] = Field(160, description="Pixels across a thumbnail.")

    # Who may come in, and how often; 0 is no limit
    max_requests_a_minute: Limit = Field(6000, description="Requests of one API key a minute; 0: no limit, here and below.")
    max_failures_a_minute: Limit = Field(
        60, description="Requests with bad API keys from one address a minute; those beyond are refused without a look at the key."
    )
    max_uploads_a_day: Limit = Field(0, description="Videos that one API key may bring in a day (UTC).")
    max_jobs_a_day: Limit = Field(0, description="Jobs that one API key may submit a day (UTC), those of its uploads included.")
    max_open_jobs: Limit = Field(0, description="Jobs of one workspace that may be open at a time.")
    max_stored_bytes: Limit = Field(0, description="Bytes of videos that one workspace may have stored.")
    key_kept: Annotated[timedelta, BeforeValidator(_seconds), Field(ge=timedelta(0))] = Field(
        timedelta(seconds=1),
        description="How long an API key that was found valid is taken for valid. A key revoked over another API process ends after this.",
    )

    # The API
    idempotency_kept: Duration = Field(
        timedelta(hours=24), description="How long the answer to a request with an `Idempotency-Key` is kept, and given again."
    )
    idempotency_lease: Duration = Field(
        timedelta(seconds=10),
        description="How long such a request holds its key without a sign of life: when a process that died with it lets others try.",
    )
    trusted_proxies: tuple[str, ...] = Field(
        ("127.0.0.1", "::1"),
        description="Proxies before the API, addresses or networks, a JSON list: their `X-Forwarded-For` and `-Proto` are believed.",
    )
    hsts: Duration | None = Field(
        None, description="`Strict-Transport-Security` for so long, on answers over https. Default: none, so that nobody is locked out."
    )
    head_timeout: Duration = Field(timedelta(seconds=10), description="How long the head of a request may take to come.")
    body_timeout: Duration = Field(
        timedelta(seconds=60),
        description="Longest silence within an upload, and the longest that any other body may take; then the connection is closed.",
    )
    upload_least_rate: Positive = Field(
        1024,
        description="Bytes a second that must come of an upload, on average over each `PLAYHEAD_BODY_TIMEOUT`, or the connection is "
        "closed; what came of a resumable one stays.",
    )
    max_connections: Annotated[int, Field(ge=16)] = Field(
        10_000, description="Connections of one API process; beyond it those that have sent no request are closed, the oldest first."
    )
    cors_origins: tuple[str, ...] = Field((), description="Origins allowed by CORS, a JSON list; none by default.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severity that is logged.")
    log_format: Literal["json", "console"] = Field("json", description="How log lines are written, on standard error.")
    stream_every: Duration = Field(
        timedelta(milliseconds=500),
        description="How often jobs that somebody follows are looked at: one query of a process for all of them.",
    )
    stream_heartbeat: Duration = Field(timedelta(seconds=15), description="How often a stream says that it is still there.")
    stream_patience: Duration = Field(
        timedelta(seconds=30), description="How long a client may read nothing of a stream before it is cut off."
    )
    stream_time: Duration = Field(
        timedelta(minutes=15),
        description="How long a stream, or a long poll, lasts at the most; then the client comes back, and its key is looked at again.",
    )
    max_streams: Positive = Field(2000, description="Streams and long polls of one process at the most.")
    db_pool: Positive = Field(10, description="Postgres connections of one process at the most.")
    db_statement_timeout: Duration = Field(timedelta(seconds=30), description="`statement_timeout` of every connection.")

    @property
    def has_model(self) -> bool:
        """Whether a model can be asked: there is a key, or the server named is not the hosted default."""
        return self.model_api_key is not None or "openrouter.ai" not in self.model_url
