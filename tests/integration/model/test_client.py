"""The client against a real server that misbehaves: every line of the policy, over real HTTP."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from socket import create_server, socket
from threading import Event, Thread
from traceback import TracebackException
from typing import Any

import httpx
import pytest

from core.errors import BadReply, BudgetSpent, ModelPaused, ModelRejected, ModelUnavailable, PlayheadError, PromptTooLarge
from core.prices import Price
from standalone.processes import free_port
from tests.integration.model.conftest import MakeClient
from tests.integration.model.pictures import MARKS, WINDOW, frames
from tests.model_server import ModelServer, misbehaving
from tests.model_server.misbehaving import Behaviour, error_in_200, of_kind, page, reset, slow, status
from tests.polling import wait_until
from workers.exchange import Reply
from workers.model.answer import payload_of
from workers.model.billing import Try, bill_of, may_have_cost
from workers.model.client import ModelClient
from workers.model.completion import Completion, Usage
from workers.model.kinds import BadKind
from workers.model.profiles import OPENROUTER
from workers.model.prompt import messages

PROMPT = messages(MARKS, frames(range(56_000, 59_000, 1000), {1: [(57_000, 57_000)]}), window=WINDOW)
NO_PRICE = Price(Decimal(0), Decimal(0))
UNAVAILABLE = [
    *(status(code) for code in (408, 425, 429, 500, 502, 503, 504, 524, 529, 599)),
    error_in_200(where="top"),
    error_in_200(where="choice"),
    error_in_200(where="top", code="rate_limited"),
    error_in_200(where="top", code=400),
    of_kind("empty"),
    of_kind("null"),
    page(),
    page(502),
    reset(),
]


class LeaseLost(Exception):
    """What a beat may raise."""


class Beats:
    """Counts beats; raises at the one it is told to."""

    def __init__(self, *, raise_at: int | None = None) -> None:
        self.count, self._raise_at = 0, raise_at

    def __call__(self) -> None:
        self.count += 1
        if self.count == self._raise_at:
            raise LeaseLost


def ask(client: ModelClient, *, beat: Callable[[], None] | None = None, **changed: Any) -> Completion:
    return client.ask(**{"model": "test/model", "messages": PROMPT, "max_tokens": 512, "beat": beat or Beats(), **changed})


@contextmanager
def listening() -> Iterator[tuple[socket, str]]:
    with create_server(("127.0.0.1", 0)) as listener:
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def drip_a_head(listener: socket, done: Event) -> None:
    """Answer the first call with a header without end; each byte of it comes before a read could time out."""
    connection, _ = listener.accept()
    connection.settimeout(0.05)
    with connection, suppress(ConnectionError):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not done.is_set():
            connection.sendall(b"x")
            with suppress(TimeoutError):
                connection.recv(1 << 20)


def named(behaviour: Behaviour) -> str:
    return " ".join(str(member) for member in behaviour.values() if member)


def test_a_good_reply_comes_with_its_cost_and_its_names(make_client: MakeClient, server: ModelServer) -> None:
    found = ask(make_client())
    (call,) = server.control.log()
    assert found.text.startswith('{"events": [')
    assert (found.finish_reason, found.generation_id, found.model, found.tries) == ("stop", "gen-test", "test/model", 1)
    assert found.usage.input_tokens == call["usage"]["prompt_tokens"] > 3 * 60
    assert found.usage.output_tokens == call["usage"]["completion_tokens"] > 0
    assert found.usage.cost_usd == pytest.approx(call["usage"]["cost"])
    assert found.raw["choices"][0]["message"]["content"] == found.text


def test_by_default_it_asks_the_same_way_each_time(make_client: MakeClient, server: ModelServer) -> None:
    ask(make_client())
    ask(make_client(), seed=5, temperature=0.7)
    assert [(call["seed"], call["temperature"]) for call in server.control.log()] == [(0, 0.0), (5, 0.7)]


@pytest.mark.parametrize("behaviour", UNAVAILABLE, ids=named)
def test_what_may_pass_is_tried_again_in_place(make_client: MakeClient, server: ModelServer, behaviour: Behaviour) -> None:
    server.control.next(behaviour, behaviour)
    assert ask(make_client()).tries == 3
    assert len(server.control.log()) == 3


@pytest.mark.parametrize("behaviour", UNAVAILABLE, ids=named)
def test_what_does_not_pass_is_raised_as_unavailable_after_the_last_try(
    make_client: MakeClient, server: ModelServer, behaviour: Behaviour
) -> None:
    server.control.always(behaviour)
    with pytest.raises(ModelUnavailable):
        ask(make_client())
    assert len(server.control.log()) == 3


@pytest.mark.parametrize("behaviour", [status(401), status(402), error_in_200(where="top", code=402)], ids=named)
def test_what_the_operator_must_mend_pauses_at_once(make_client: MakeClient, server: ModelServer, behaviour: Behaviour) -> None:
    server.control.always(behaviour)
    with pytest.raises(ModelPaused):
        ask(make_client())
    assert len(server.control.log()) == 1


@pytest.mark.parametrize("code", [301, 400, 403, 404, 405, 422])
def test_what_is_refused_is_not_tried_again(make_client: MakeClient, server: ModelServer, code: int) -> None:
    server.control.always(status(code, message="not\nlike this"))
    with pytest.raises(ModelRejected) as caught:
        ask(make_client())
    assert len(server.control.log()) == 1
    assert caught.value.as_dict() == {
        "code": "model_rejected",
        "detail": f"The model server answered {code}: not like this",
        "failure": code,
    }


@pytest.mark.parametrize(
    ("behaviour", "limit"),
    [
        (status(413), "bytes"),
        (status(400, message="At most 5 image(s) may be provided in one prompt."), "images"),
        (status(500, message="Context size has been exceeded."), "context"),
        (error_in_200(where="top", code=400, message="maximum context length is 16384 tokens. However, you requested 94307"), "context"),
    ],
)
def test_what_is_too_much_is_said_so_at_once(make_client: MakeClient, server: ModelServer, behaviour: Behaviour, limit: str) -> None:
    server.control.always(behaviour)
    with pytest.raises(PromptTooLarge) as caught:
        ask(make_client())
    assert caught.value.limit == limit
    assert len(server.control.log()) == 1


def test_the_key_follows_no_redirect(make_client: MakeClient, server: ModelServer) -> None:
    server.control.always(status(307, location=f"{server.url}/chat/completions"))
    with httpx.Client(follow_redirects=True) as willing, pytest.raises(ModelRejected, match="307"):
        ask(make_client(http=willing))
    assert len(server.control.log()) == 1


def test_a_wrong_key_pauses(make_client: MakeClient) -> None:
    with pytest.raises(ModelPaused, match="API key"):
        ask(make_client(api_key="another-key-altogether"))


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/v1", "127.0.0.1/v1", "http://127.0.0.1:port/v1"])
def test_a_url_that_cannot_be_called_pauses(make_client: MakeClient, url: str) -> None:
    with pytest.raises(ModelPaused, match="URL"):
        ask(make_client(url=url))


def test_a_server_that_is_not_there_is_unavailable(make_client: MakeClient) -> None:
    with pytest.raises(ModelUnavailable, match="ConnectError"):
        ask(make_client(url=f"http://127.0.0.1:{free_port()}/v1"))


def test_retry_after_is_waited_for_in_full(make_client: MakeClient, server: ModelServer) -> None:
    server.control.next(status(429, retry_after="1"))
    ask(make_client(backoff_max=timedelta(seconds=5)))
    first, second = server.control.log()
    assert 1.0 <= second["arrived_at"] - first["arrived_at"] < 5.0


def test_retry_after_may_be_a_date(make_client: MakeClient, server: ModelServer) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    server.control.next(status(503, retry_after=format_datetime(moment, usegmt=True)))
    ask(make_client(backoff_max=timedelta(seconds=5)))
    assert server.control.log()[1]["arrived_at"] >= moment.timestamp()


def test_a_retry_after_longer_than_any_back_off_is_handed_to_the_caller_at_once(make_client: MakeClient, server: ModelServer) -> None:
    server.control.always(status(429, retry_after="3600"))
    with pytest.raises(ModelUnavailable) as caught:
        ask(make_client())
    assert caught.value.retry_after_s == 3600
    assert len(server.control.log()) == 1


@pytest.mark.timeout(15)
def test_a_reply_that_does_not_begin_in_time_is_given_up(make_client: MakeClient, server: ModelServer) -> None:
    server.control.next(slow(30))
    with pytest.raises(ModelUnavailable):
        ask(make_client(timeout=timedelta(seconds=0.4), tries=1))


@pytest.mark.timeout(15)
def test_a_reply_that_drips_is_given_up_when_the_time_of_the_whole_is_over(make_client: MakeClient, server: ModelServer) -> None:
    """Each byte comes in time for a read; together they would take half a minute."""
    server.control.next(misbehaving.drip(every_s=0.05))
    with pytest.raises(ModelUnavailable, match=r"within 0\.4 s"):
        ask(make_client(timeout=timedelta(seconds=0.4), tries=1))


@pytest.mark.timeout(15)
def test_so_is_one_whose_head_drips(make_client: MakeClient) -> None:
    with listening() as (listener, url):
        done = Event()
        dripping = Thread(target=drip_a_head, args=(listener, done))
        dripping.start()
        with pytest.raises(ModelUnavailable, match=r"within 0\.4 s"):
            ask(make_client(url=url, timeout=timedelta(seconds=0.4), tries=1))
        done.set()
        dripping.join()


def test_a_slow_try_leaves_the_next_one_its_whole_time(make_client: MakeClient, server: ModelServer) -> None:
    server.control.next(slow(30), slow(0.7))
    assert ask(make_client(timeout=timedelta(seconds=1.5))).tries == 2


def test_a_reply_without_end_is_cut_off(make_client: MakeClient, server: ModelServer) -> None:
    server.control.next(of_kind("flood"))
    with pytest.raises(BadReply) as caught:
        ask(make_client())
    assert caught.value.kind == BadKind.TOO_LARGE
    assert len(server.control.log()) == 1


def test_it_beats_while_it_waits_for_a_reply(make_client: MakeClient, server: ModelServer) -> None:
    server.control.next(slow(0.6))
    beats = Beats()
    ask(make_client(beat_every=timedelta(seconds=0.1)), beat=beats)
    assert beats.count >= 3


def test_it_beats_while_it_backs_off(make_client: MakeClient, server: ModelServer) -> None:
    server.control.next(status(429, retry_after="1"))
    beats = Beats()
    ask(make_client(beat_every=timedelta(seconds=0.2), backoff_max=timedelta(seconds=5)), beat=beats)
    assert beats.count >= 3


@pytest.mark.timeout(15)
def test_a_beat_that_raises_abandons_the_reply_and_closes_the_connection(make_client: MakeClient, server: ModelServer) -> None:
    server.control.next(misbehaving.drip(every_s=0.05))
    with pytest.raises(LeaseLost):
        ask(make_client(beat_every=timedelta(seconds=0.1)), beat=Beats(raise_at=3))
    wait_until(lambda: server.control.log()[0]["finished_at"], "the server to notice", timeout_s=10)
    (call,) = server.control.log()
    assert not call["answered"]


@pytest.mark.timeout(15)
def test_a_beat_that_raises_ends_the_back_off(make_client: MakeClient, server: ModelServer) -> None:
    server.control.always(status(429, retry_after="20"))
    with pytest.raises(LeaseLost):
        ask(make_client(beat_every=timedelta(seconds=0.1), backoff_max=timedelta(seconds=30)), beat=Beats(raise_at=3))


class Book:
    """Keeps what a meter is told: each try, and how it failed."""

    def __init__(self) -> None:
        self.tries: list[Try] = []
        self.errors: list[BaseException | None] = []

    @contextmanager
    def __call__(self) -> Iterator[Try]:
        self.tries.append(Try())
        self.errors.append(None)
        try:
            yield self.tries[-1]
        except BaseException as error:
            self.errors[-1] = error
            raise

    def bills(self) -> list[Usage | None]:
        return [None if one.payload is None else bill_of(one.payload, NO_PRICE) for one in self.tries]

    def uncertain(self) -> list[bool]:
        return [error is not None and may_have_cost(one, error) for one, error in zip(self.tries, self.errors, strict=True)]


def test_the_meter_is_told_of_each_try_and_of_the_bills_of_those_that_gave_nothing(make_client: MakeClient, server: ModelServer) -> None:
    book = Book()
    server.control.next(of_kind("empty"), status(500))
    found = ask(make_client(), meter=book)
    first, second, third = book.bills()
    assert (second, third, found.usage, found.tries) == (None, found.usage, third, 3)
    assert first is not None
    assert first.cost_usd + found.usage.cost_usd == pytest.approx(server.control.cost_usd())


@pytest.mark.parametrize(
    ("behaviour", "uncertain"),
    [
        *((status(code), code in {408, 504, 524}) for code in (400, 401, 402, 408, 413, 425, 429, 500, 502, 503, 504, 524, 529)),
        (reset(), True),
        (page(), True),
        (page(502), False),
        (of_kind("flood"), True),
        (slow(30), True),
    ],
    ids=str,
)
def test_a_try_that_brought_no_bill_counts_unless_it_is_known_to_be_free(
    make_client: MakeClient, server: ModelServer, behaviour: Behaviour, uncertain: bool
) -> None:
    book = Book()
    server.control.always(behaviour)
    with pytest.raises(PlayheadError):
        ask(make_client(tries=1, timeout=timedelta(seconds=2)), meter=book)
    assert (book.bills(), book.uncertain()) == ([None], [uncertain])


def test_an_error_inside_a_200_without_tokens_is_known_to_be_free(make_client: MakeClient, server: ModelServer) -> None:
    book = Book()
    server.control.always(error_in_200(where="top"))
    with pytest.raises(ModelUnavailable):
        ask(make_client(tries=1), meter=book)
    assert book.bills() == [Usage()]


def test_what_never_left_cost_nothing(make_client: MakeClient) -> None:
    book = Book()
    with pytest.raises(ModelUnavailable):
        ask(make_client(tries=1, url=f"http://127.0.0.1:{free_port()}/v1"), meter=book)
    assert book.uncertain() == [False]


def test_no_call_is_made_that_the_meter_refuses(make_client: MakeClient, server: ModelServer) -> None:
    @contextmanager
    def refuse() -> Iterator[Try]:
        raise BudgetSpent("There is nothing left.")
        yield

    with pytest.raises(BudgetSpent):
        ask(make_client(), meter=refuse)
    assert server.control.log() == []


def test_a_reply_is_fit_to_be_stored() -> None:
    reply = Reply(200, httpx.Headers(), rb'{"id": "\u0000x", "usage": {"cost": NaN}}')
    assert payload_of(reply) == {"id": "x", "usage": {"cost": None}}


def test_extras_of_one_server_go_to_no_other(make_client: MakeClient, server: ModelServer) -> None:
    ask(make_client())
    ask(make_client(profile=OPENROUTER))
    plain, routed = server.control.log()
    assert plain["extras"] == {}
    assert int(plain["headers"]["content-length"]) > 0
    assert not {"http-referer", "x-openrouter-title"} & set(plain["headers"])
    assert routed["extras"] == {
        "provider": {"require_parameters": True},
        "usage": {"include": True},
        "plugins": [{"id": "context-compression", "enabled": False}],
    }
    assert routed["headers"]["x-openrouter-title"] == "Playhead"
    assert routed["headers"]["http-referer"]


@pytest.mark.parametrize("behaviour", [status(401), status(400), status(500), error_in_200(where="top"), reset()], ids=named)
def test_the_key_is_in_no_error_and_no_log(
    make_client: MakeClient, server: ModelServer, caplog: pytest.LogCaptureFixture, behaviour: Behaviour
) -> None:
    caplog.set_level(logging.DEBUG)
    server.control.always({**behaviour, "message": f"Incorrect API key provided: {server.key}"})
    with pytest.raises((ModelPaused, ModelRejected, ModelUnavailable)) as caught:
        ask(make_client())
    assert "Authorization" not in caplog.text
    assert server.key not in f"{caplog.text} {caught.value.as_dict()}"
    told = TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame for each in (told, told.__cause__) if each for frame in each.stack if "/workers/model/" in frame.filename]
    assert len(ours) >= 3
    assert not [frame for frame in ours if server.key in str(frame.locals)]


@pytest.mark.parametrize("key", ["sk-with-a-newline\nin-it", "sk-with-an-umläut"])
def test_a_key_that_cannot_be_sent_pauses_and_is_not_quoted(make_client: MakeClient, key: str) -> None:
    with pytest.raises(ModelPaused) as caught:
        ask(make_client(api_key=key))
    assert "sk-with" not in f"{caught.value} {caught.value.__cause__!r} {caught.value.__context__!r}"


def test_space_around_the_key_does_no_harm(make_client: MakeClient, server: ModelServer) -> None:
    assert ask(make_client(api_key=f" {server.key}\n")).tries == 1


def test_one_client_serves_many_threads(make_client: MakeClient, server: ModelServer) -> None:
    client = make_client()
    prompts = [
        messages(MARKS, frames([start_ms], {n % 8: [(start_ms, start_ms)]}), window=WINDOW)
        for n, start_ms in enumerate(range(56_000, 64_000, 500))
    ]
    with ThreadPoolExecutor(16) as pool:
        texts = list(pool.map(lambda prompt: ask(client, messages=prompt).text, prompts))
    assert [f"mark_{n % 8}" in text for n, text in enumerate(texts)] == [True] * len(texts)
    assert Counter(call["answered"] for call in server.control.log()) == {True: 16}
