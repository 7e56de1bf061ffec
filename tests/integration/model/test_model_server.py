"""The test model server is as strict as it must be for other tests to prove anything."""

import subprocess
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from signal import SIGINT
from typing import Any

import httpx
import pytest

from standalone.processes import free_port
from tests.integration.model.pictures import MARKS, WINDOW, frames
from tests.model_server import KEY, ModelServer
from tests.model_server.misbehaving import of_kind, status
from tests.polling import wait_until
from workers.model.client import ANYTHING as SCHEMA
from workers.model.prompt import messages

Body = dict[str, Any]
Post = Callable[..., httpx.Response]


def good() -> Body:
    shown = frames((56_000, 57_000), {0: [(57_000, 57_000)]})
    schema = {"name": "events", "strict": True, "schema": deepcopy(SCHEMA)}
    return {
        "model": "test/model",
        "max_tokens": 100,
        "messages": messages(MARKS, shown, window=WINDOW),
        "response_format": {"type": "json_schema", "json_schema": schema},
    }


def parts(body: Body) -> list[Any]:
    content: list[Any] = body["messages"][-1]["content"]
    return content


@pytest.fixture
def post(server: ModelServer, http: httpx.Client) -> Post:
    def send(body: Any, key: str = KEY) -> httpx.Response:
        return http.post(f"{server.url}/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"})

    return send


def swap(content: list[Any], one: int, other: int) -> None:
    content[one], content[other] = content[other], content[one]


def image(url: str) -> Body:
    return {"type": "image_url", "image_url": {"url": url}}


SPOILED: dict[str, Callable[[Body], Any]] = {
    "no max_tokens": lambda body: body.pop("max_tokens"),
    "no model": lambda body: body.pop("model"),
    "no schema": lambda body: body.pop("response_format"),
    "a schema that is not strict": lambda body: body["response_format"]["json_schema"].update(strict=False),
    "a schema open to more": lambda body: body["response_format"]["json_schema"]["schema"].pop("additionalProperties"),
    "a schema with an optional member": lambda body: body["response_format"]["json_schema"]["schema"]["properties"]["events"]["items"][
        "required"
    ].pop(),
    "no messages": lambda body: body.update(messages=[]),
    "the question first": lambda body: parts(body).insert(0, parts(body).pop()),
    "an image before its time": lambda body: swap(parts(body), 0, 1),
    "an image without a time": lambda body: parts(body).pop(2),
    "times that fall": lambda body: swap(parts(body), 0, 2),
    "a time of another form": lambda body: parts(body)[0].update(text="0.0 s"),
    "an image by link": lambda body: parts(body).__setitem__(1, image("https://example.com/a.jpg")),
    "an image that is none": lambda body: parts(body).__setitem__(1, image(f"data:image/jpeg;base64,{b64encode(b'no').decode()}")),
    "no base64": lambda body: parts(body).__setitem__(1, image("data:image/jpeg;base64,%%%")),
}


def test_a_good_request_is_answered_with_what_the_pictures_show(server: ModelServer, post: Post) -> None:
    reply = post(good()).raise_for_status().json()
    assert '"type": "mark_0"' in reply["choices"][0]["message"]["content"]
    (call,) = server.control.log()
    assert [(event["type"], event["start_s"], event["open_end"]) for event in call["events"]] == [("mark_0", 1.0, True)]
    assert call["answered"]
    assert reply["usage"]["prompt_tokens"] > 2 * 320 * 192 / 1024


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_a_bad_request_is_refused_with_the_reason(server: ModelServer, post: Post, spoil: Callable[[Body], Any]) -> None:
    body = good()
    spoil(body)
    reply = post(body)
    assert reply.status_code == 400
    assert server.control.log()[0]["refused"] == reply.json()["error"]["message"]


def test_a_wrong_key_is_refused(server: ModelServer, post: Post) -> None:
    assert post(good(), "wrong").status_code == 401
    assert server.control.log()[0]["auth_ok"] is False


def test_what_is_told_for_the_next_calls_comes_before_what_is_told_for_always(server: ModelServer, post: Post) -> None:
    server.control.always(status(503))
    server.control.next(of_kind("honest"), status(429))
    assert [post(good()).status_code for _ in range(4)] == [200, 429, 503, 503]
    server.control.always(None)
    assert post(good()).status_code == 200


def test_chance_has_a_fixed_seed_and_about_its_share(server: ModelServer, post: Post) -> None:
    def drawn() -> list[int]:
        server.control.chance((0.3, status(429)), (0.2, status(500)), seed=5)
        return [post(good()).status_code for _ in range(60)]

    first = drawn()
    assert first == drawn()
    counts = Counter(first)
    assert 8 <= counts[429] <= 28
    assert 4 <= counts[500] <= 22
    assert counts[200] >= 15


def test_it_tells_of_the_key_and_of_prices(server: ModelServer, http: httpx.Client) -> None:
    assert http.get(f"{server.url}/key", headers={"Authorization": f"Bearer {KEY}"}).json()["data"]["limit_remaining"] == 99.5
    assert http.get(f"{server.url}/key").status_code == 401
    (offer,) = http.get(f"{server.url}/models/qwen/qwen3-vl-8b-instruct/endpoints").json()["data"]["endpoints"]
    assert (offer["pricing"]["prompt"], offer["pricing"]["completion"]) == ("0.00000008", "0.00000050")


def test_it_runs_by_itself() -> None:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.model_server", "--port", str(port)], stdout=subprocess.DEVNULL)

    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/log").status_code == 200
        except httpx.ConnectError:
            return False

    try:
        assert wait_until(answers, "the server to start")
    finally:
        process.send_signal(SIGINT)
        assert process.wait(10) == 0
