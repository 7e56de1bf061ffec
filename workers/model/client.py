"""Asks a model server that speaks the OpenAI protocol. The only place where httpx's errors are translated."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial
from time import monotonic, sleep
from typing import Any

import httpx
from tenacity import Retrying

from core.errors import BadReply
from workers import exchange
from workers.model import answer, retries
from workers.model.billing import Meter, Try, unmetered
from workers.model.completion import Completion
from workers.model.gate import Gate
from workers.model.keys import BearerKey
from workers.model.kinds import BadKind
from workers.model.policy import Failure
from workers.model.profiles import Profile, response_format
from workers.model.question import Question
from workers.model.schema import NAME, schema_of

ANYTHING = schema_of(Question())

# The first that fits.
FAILURES: tuple[tuple[type[Exception], Failure], ...] = (
    (httpx.InvalidURL, Failure.UNSENDABLE),
    (httpx.UnsupportedProtocol, Failure.UNSENDABLE),
    (httpx.LocalProtocolError, Failure.UNSENDABLE),
    (httpx.ConnectError, Failure.UNREACHABLE),
    (httpx.ConnectTimeout, Failure.UNREACHABLE),
    (httpx.PoolTimeout, Failure.UNREACHABLE),
    (httpx.TimeoutException, Failure.TIMEOUT),
    (httpx.DecodingError, Failure.GARBLED),
    (httpx.HTTPError, Failure.NETWORK),
)


class ModelClient:
    """One server and one key; safe to share between threads, as `http` is.

    Calls go through the `gate`, where there is one.

    `url` is the API without `/chat/completions`. `timeout` bounds one try as a whole, from the first byte sent to the last one received;
    `tries`, `backoff` and `backoff_max` are explained at `retries.retrying`.
    """

    def __init__(
        self,
        http: httpx.Client,
        *,
        url: str,
        api_key: str | None,
        profile: Profile,
        tries: int,
        backoff: timedelta,
        backoff_max: timedelta,
        timeout: timedelta,
        beat_every: timedelta = timedelta(seconds=1),
        gate: Gate | None = None,
    ) -> None:
        self._http = http
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._key = BearerKey(api_key)
        self._profile, self._gate = profile, gate
        self._tries, self._backoff, self._backoff_max = tries, backoff, backoff_max
        self._timeout_s, self._beat_every_s = timeout.total_seconds(), beat_every.total_seconds()

    def ask(
        self,
        *,
        model: str,
        messages: Sequence[Mapping[str, Any]],
        seed: int = 0,
        temperature: float = 0.0,
        max_tokens: int,
        beat: Callable[[], None],
        permit: Callable[[], None] | None = None,
        meter: Meter = unmetered,
        schema: Mapping[str, Any] = ANYTHING,
        schema_name: str = NAME,
    ) -> Completion:
        """The model's reply, unread; tried again in place while the model is unavailable.

        `beat` is called at the start of a try and about each second; when it raises, the call is abandoned and the exception passes
        through. `permit` (default: `beat`) is called before each try, and about each second between tries. The `meter` is told of each try;
        the completion's usage is that of the last one.

        Raises ModelUnavailable, ModelPaused, ModelBusy, ModelRejected, what the meter raises, and BadReply for a reply longer than any
        that was asked for.
        """
        body = {
            **self._profile.body,
            "model": model,
            "messages": messages,
            "seed": seed,
            "temperature": temperature,
            "max_tokens": max_tokens,
            **response_format(self._profile, name=schema_name, schema=schema),
        }
        content, tries, permit = json.dumps(body).encode(), list[Try](), permit or beat
        found: Completion = self._retrying(permit)(self._try, content, model=model, beat=beat, permit=permit, meter=meter, tries=tries)
        return replace(found, tries=len(tries))

    def _try(
        self, content: bytes, *, model: str, beat: Callable[[], None], permit: Callable[[], None], meter: Meter, tries: list[Try]
    ) -> Completion:
        permit()
        with meter() as this, self._gate.slot(model, permit) if self._gate else nullcontext(_nobody) as keep:
            tries.append(this)
            this.sent = True
            reply = self._post(content, partial(_both, beat, keep))
            this.payload = payload = answer.payload_of(reply)
            return answer.completion_of(payload, reply=reply, model=model)

    def _post(self, content: bytes, beat: Callable[[], None]) -> exchange.Reply:
        if not self._key.can_be_sent:
            detail = "The model's API key holds characters that no key has; set it again."
            raise answer.error(Failure.UNSENDABLE, detail)
        try:
            reply = exchange.post(
                self._http,
                self._url,
                headers={**self._profile.headers, "Content-Type": "application/json", "Accept": "application/json"},
                auth=self._key,
                body=content,
                timeout_s=self._timeout_s,
                beat=beat,
                beat_every_s=self._beat_every_s,
            )
        except exchange.TooLong as error:
            reason = f"The model server did not answer in full within {self._timeout_s:g} s."
            raise answer.error(Failure.TIMEOUT, reason) from error
        except exchange.TooMuch as error:
            raise BadReply("The model server's reply is longer than any that was asked for.", kind=BadKind.TOO_LARGE) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise translated(error) from error
        return replace(reply, body=self._key.taken_out_of(reply.body))

    def _retrying(self, permit: Callable[[], None]) -> Retrying:
        return retries.retrying(
            tries=self._tries,
            backoff=self._backoff,
            backoff_max=self._backoff_max,
            sleep=lambda seconds: _pause(seconds, permit, every_s=self._beat_every_s),
        )


def translated(error: httpx.HTTPError | httpx.InvalidURL) -> Exception:
    """What one of httpx's errors is raised as."""
    failure = next(failure for kind, failure in FAILURES if isinstance(error, kind))
    reason = f"{type(error).__name__}: {error}".removesuffix(": ")
    if failure is Failure.UNSENDABLE:
        detail = f"The model server can't be called as it is set up; check its URL ({reason})"
    else:
        detail = f"The model server can't be reached, or broke off ({reason})"
    return answer.error(failure, detail)


def _nobody() -> None:
    """Nobody keeps anything."""


def _both(beat: Callable[[], None], keep: Callable[[], None]) -> None:
    beat()
    keep()


def _pause(seconds: float, beat: Callable[[], None], *, every_s: float) -> None:
    """Sleep, and beat on the way."""
    until = monotonic() + seconds
    while (left_s := until - monotonic()) > 0:
        sleep(min(left_s, every_s))
        beat()
