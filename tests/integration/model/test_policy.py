"""The table of failures, and the waits between tries."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import get_args

import httpx
import pytest

from core.errors import BadReply, DatabaseUnavailable, ModelPaused, ModelRejected, ModelUnavailable, PlayheadError, PromptTooLarge
from core.settings import Settings
from workers import retry_after
from workers.model import refusals, retries
from workers.model.client import translated
from workers.model.policy import Failure, Tells, failure_inside, rule_for, rule_of
from workers.model.profiles import OLLAMA, OPENROUTER, PLAIN, PROFILES, Profile, profile_for


def kinds_under(kind: type[httpx.TransportError]) -> list[type[httpx.TransportError]]:
    return [kind, *(below for each in kind.__subclasses__() for below in kinds_under(each))]


NO_MATTER_OF_THE_KEY: list[object] = [502, 400, "overloaded", None, {}, True]
WRONG_SETTING = {httpx.UnsupportedProtocol, httpx.LocalProtocolError}


@pytest.mark.parametrize("kind", kinds_under(httpx.TransportError), ids=lambda kind: kind.__name__)
def test_every_way_in_which_the_wire_can_fail_has_its_error(kind: type[httpx.TransportError]) -> None:
    found = translated(kind("Illegal header"))
    assert type(found) is (ModelPaused if kind in WRONG_SETTING else ModelUnavailable)
    assert kind.__name__ in str(found)


@pytest.mark.parametrize("error", [httpx.InvalidURL("no host"), httpx.DecodingError("gzip"), httpx.TooManyRedirects("20")])
def test_so_do_httpxs_other_errors(error: httpx.HTTPError | httpx.InvalidURL) -> None:
    assert isinstance(translated(error), ModelPaused | ModelUnavailable)


def test_every_status_that_can_come_has_its_error() -> None:
    named: dict[type, set[int]] = {kind: set() for kind in (ModelPaused, ModelUnavailable, ModelRejected, PromptTooLarge)}
    for status in range(300, 600):
        named[rule_for(status).raises].add(status)
    assert named[ModelPaused] == {401, 402}
    assert named[ModelUnavailable] == {408, 425, 429, *range(500, 600)}
    assert named[PromptTooLarge] == {413}
    assert {400, 403, 404, 422} < named[ModelRejected]


def test_every_failure_without_a_status_has_its_rule() -> None:
    assert {failure: rule_for(failure).raises for failure in Failure} == {
        Failure.UNSENDABLE: ModelPaused,
        Failure.UNREACHABLE: ModelUnavailable,
        Failure.NETWORK: ModelUnavailable,
        Failure.TIMEOUT: ModelUnavailable,
        Failure.GARBLED: ModelUnavailable,
        Failure.ERROR_IN_200: ModelUnavailable,
        Failure.EMPTY: ModelUnavailable,
        Failure.TOO_MUCH_ASKED: PromptTooLarge,
    }


@pytest.mark.parametrize(
    ("error", "tells"),
    [
        (ModelUnavailable("", failure=429), Tells.SLOWER),
        (ModelUnavailable("", failure=503), Tells.SLOWER_AND_AWAY),
        (ModelUnavailable("", failure=529), Tells.SLOWER_AND_AWAY),
        (ModelUnavailable("", failure=500), Tells.AWAY),
        (ModelUnavailable("", failure=Failure.TIMEOUT), Tells.AWAY),
        (ModelPaused("", failure=402), Tells.PAUSED),
        (ModelRejected("", failure=400), Tells.ALIVE),
        (PromptTooLarge("", limit="images", failure=Failure.TOO_MUCH_ASKED), Tells.ALIVE),
        (BadReply("", kind="too_large"), Tells.ALIVE),
    ],
)
def test_each_way_of_failing_tells_something_of_the_provider(error: PlayheadError, tells: Tells) -> None:
    rule = rule_of(error)
    assert rule is not None
    assert rule.tells is tells
    assert isinstance(error, rule.raises)


def test_whoever_did_not_wait_for_the_end_tells_nothing() -> None:
    assert rule_of(KeyError()) is None
    assert rule_of(DatabaseUnavailable("")) is None


def test_what_may_have_gone_on_behind_the_server_may_have_been_charged_and_refusals_have_not() -> None:
    assert {status for status in range(300, 600) if rule_for(status).charged} == {408, 504, 524}
    assert {failure for failure in Failure if not rule_for(failure).charged} == {
        Failure.UNSENDABLE,
        Failure.UNREACHABLE,
        Failure.TOO_MUCH_ASKED,
    }


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        pytest.param(401, 401, id="a number"),
        pytest.param("402", 402, id="a text"),
        pytest.param("9" * 5000, Failure.ERROR_IN_200, id="a very long number"),
        *((code, Failure.ERROR_IN_200) for code in NO_MATTER_OF_THE_KEY),
    ],
)
def test_an_error_inside_a_200_pauses_only_for_the_key(code: object, failure: int | Failure) -> None:
    assert failure_inside(code) == failure


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        *((header, None) for header in (None, "", "soon", "nan", "inf", "Wed, 99 Oct 2015 07:28:00 GMT")),
        *(("7", 7.0), ("0", 0.0), ("1.5", 1.5), ("-3", 0.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)),
    ],
)
def test_retry_after_is_read_where_it_says_something(header: str | None, seconds: float | None) -> None:
    assert retry_after.seconds(header) == seconds


def test_retry_after_as_a_date_is_the_time_until_then() -> None:
    moment = datetime.now(UTC) + timedelta(minutes=5)
    assert retry_after.seconds(format_datetime(moment, usegmt=True)) == pytest.approx(300, abs=5)


@pytest.mark.parametrize(
    ("status", "said", "limit"),
    [
        (400, "At most 1 image(s) may be provided in one prompt.", "images"),
        (400, "Too many images: 64 > 20", "images"),
        (422, "number of images exceeds the limit", "images"),
        (400, "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it", "context"),
        (500, "Context size has been exceeded.", "context"),
        (400, "This endpoint's maximum context length is 16384 tokens. However, you requested about 94307 tokens", "context"),
        (400, "The input (5000 tokens) is longer than the model's context length (4096 tokens).", "context"),
        (413, "Request Entity Too Large", "bytes"),
        (413, "", "bytes"),
        (400, "total image size exceeds 30 MB", "bytes"),
        (400, "This model's maximum context length is 4096 tokens. However, your request has 5000 input tokens.", "context"),
        (400, "This model's maximum context length is 4097 tokens. However, your messages resulted in 5000 tokens.", "context"),
        (400, "You passed 4097 input tokens and requested 0. However, the model's context length is only 4096 tokens.", "context"),
        (400, "context_length_exceeded", "context"),
        (400, "Invalid image URL: exceeds 2048 chars", None),
        (400, "as told", None),
        (400, "Invalid schema for response_format", None),
        (429, "Rate limit: tokens a minute exceeded", None),
        (402, "You requested up to 2048 tokens, but can only afford 100 images", None),
    ],
)
def test_a_refusal_that_is_about_size_names_the_limit(status: int, said: str, limit: str | None) -> None:
    assert refusals.limit_met(status, said) == limit


def test_every_profile_can_be_set_and_nothing_else() -> None:
    allowed = get_args(Settings.model_fields["model_profile"].annotation)
    assert set(allowed) == {"auto", *PROFILES}


def test_only_openrouter_gets_its_extra_fields() -> None:
    assert [profile.name for profile in PROFILES.values() if profile.body or profile.headers] == ["openrouter"]


@pytest.mark.parametrize(
    ("limit", "said", "most"),
    [
        ("images", "At most 5 image(s) may be provided in one prompt.", 5),
        ("images", "a maximum of 12 images per request", 12),
        ("images", "At most 0 image(s) may be provided", None),
        ("images", "Too many images: 64", None),
        ("context", "maximum context length is 16384 tokens. However, you requested about 94307 tokens", 16384),
        ("context", "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it", 4096),
        ("context", "The input (5000 tokens) is longer than the model's context length (4096 tokens).", 4096),
        ("context", "However, the model's context length is only 4096 tokens.", 4096),
        ("context", "Context size has been exceeded.", None),
        ("bytes", "total image size exceeds 30 MB", None),
    ],
)
def test_a_refusal_may_name_the_most(limit: str, said: str, most: int | None) -> None:
    assert refusals.most(limit, said) == most


def waits(*errors: ModelUnavailable) -> list[float]:
    """How long it would be slept after each of the errors, from 1 to 8 seconds of back-off."""
    slept: list[float] = []
    left = iter(errors)
    second = timedelta(seconds=1)

    def fail() -> None:
        for error in left:
            raise error

    retries.retrying(tries=99, backoff=second, backoff_max=8 * second, sleep=slept.append)(fail)
    return slept


def test_the_jitter_is_full_and_doubles_up_to_the_longest_back_off() -> None:
    rounds = [waits(*[ModelUnavailable("away")] * 6) for _ in range(200)]
    for wait, longest_s in enumerate((1, 2, 4, 8, 8, 8)):
        drawn = [each[wait] for each in rounds]
        assert 0 <= min(drawn) < 0.2 * longest_s
        assert 0.8 * longest_s < max(drawn) <= longest_s


def test_a_retry_after_is_never_undercut_and_spread_a_little() -> None:
    drawn = [waits(ModelUnavailable("busy", retry_after_s=5))[0] for _ in range(100)]
    assert 5 <= min(drawn) < max(drawn) <= 6


@pytest.mark.parametrize(
    ("name", "url", "profile"),
    [
        ("auto", "https://openrouter.ai/api/v1", OPENROUTER),
        ("auto", "https://eu.openrouter.ai/api/v1", OPENROUTER),
        ("auto", "http://127.0.0.1:8000/v1", PLAIN),
        ("auto", "https://openrouter.ai.example.com/v1", PLAIN),
        ("auto", "https://notopenrouter.ai/v1", PLAIN),
        ("auto", "https://example.com/openrouter.ai", PLAIN),
        ("auto", "nonsense", PLAIN),
        ("auto", "http://127.0.0.1:11434/v1", OLLAMA),
        ("auto", "https://ollama.com/v1", OLLAMA),
        ("auto", "http://127.0.0.1:port/v1", PLAIN),
        ("vllm", "http://127.0.0.1:8000/v1", PROFILES["vllm"]),
        ("plain", "https://openrouter.ai/api/v1", PLAIN),
        ("openrouter", "http://127.0.0.1:8000/v1", OPENROUTER),
    ],
)
def test_the_profile_goes_by_the_host_unless_it_is_named(name: str, url: str, profile: Profile) -> None:
    assert profile_for(name, url) is profile


def test_an_unknown_profile_is_an_error() -> None:
    with pytest.raises(ValueError, match="auto, openrouter, vllm, sglang, llamacpp, ollama, lmstudio, plain"):
        profile_for("vlm", "http://127.0.0.1")
