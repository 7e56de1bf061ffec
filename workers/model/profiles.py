"""What each kind of model server understands beyond the common protocol, and how much it takes: data, not code. See docs/models.md."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Profile:
    """`body` and `headers` are sent along with every call to such a server, and to no other. `answers`: how it is held to the form of an
    answer: by a strict JSON schema, to some JSON, or by the question alone. `max_images` and `max_image_bytes` (in base64) are what one
    call may hold, where that is known beforehand; what is not is learned (`limits`). `price_list` is where, below the API's address, it
    tells what it asks for a model.

    `auto` takes the profile whose host, or whose port, the URL names.
    """

    name: str
    answers: Literal["json_schema", "json_object", "text"] = "json_schema"
    max_images: int | None = None
    max_image_bytes: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    price_list: str | None = None
    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()


OPENROUTER = Profile(
    name="openrouter",
    # Of its providers some take 30 MB of images in one call.
    max_image_bytes=30 * MB,
    body={
        # Only providers that obey `response_format` and `seed`, instead of those that pass over what they don't know.
        "provider": {"require_parameters": True},
        "usage": {"include": True},
        # A prompt too long must fail: compression takes frames out of its middle without a word.
        "plugins": [{"id": "context-compression", "enabled": False}],
    },
    # https://openrouter.ai/docs/app-attribution: an application that runs where its user is names localhost, and a title.
    headers={"HTTP-Referer": "http://localhost/playhead", "X-OpenRouter-Title": "Playhead"},
    price_list="/models/{model}/endpoints",
    hosts=("openrouter.ai",),
)
# `--limit-mm-per-prompt` is what one call may hold; a refusal tells the number.
VLLM = Profile(name="vllm")
SGLANG = Profile(name="sglang")
LLAMACPP = Profile(name="llamacpp")
# `response_format` becomes Ollama's own `format`. The port is Ollama's alone; the cloud takes a schema and does not hold the model to it.
OLLAMA = Profile(name="ollama", hosts=("ollama.com",), ports=(11434,))
# It refuses `json_object`.
LMSTUDIO = Profile(name="lmstudio")
PLAIN = Profile(name="plain")
JSON_OBJECT = Profile(name="json_object", answers="json_object")
TEXT = Profile(name="text", answers="text")

PROFILES: Mapping[str, Profile] = {
    profile.name: profile for profile in (OPENROUTER, VLLM, SGLANG, LLAMACPP, OLLAMA, LMSTUDIO, PLAIN, JSON_OBJECT, TEXT)
}


def profile_for(name: str, url: str) -> Profile:
    """The profile of that name; for `auto` the one whose address the URL names, else plain.

    Raises ValueError for a name that no profile has.
    """
    if name == "auto":
        return _by_address(url)
    if name not in PROFILES:
        raise ValueError(f"unknown model profile {name!r}: one of auto, {', '.join(PROFILES)}")
    return PROFILES[name]


def _by_address(url: str) -> Profile:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        port = parts.port
    except ValueError:
        port = None
    known = (
        profile
        for profile in PROFILES.values()
        if any(host == own or host.endswith(f".{own}") for own in profile.hosts) or port in profile.ports
    )
    return next(known, PLAIN)


def response_format(profile: Profile, *, name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a call's body that hold the model to a form of answer."""
    match profile.answers:
        case "json_schema":
            return {"response_format": {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}}
        case "json_object":
            return {"response_format": {"type": "json_object"}}
        case "text":
            return {}
