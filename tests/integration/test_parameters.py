"""What stands in a query counts, or is refused: on every route, as the OpenAPI document has it."""

import re
from uuid import uuid4

import httpx
import pytest

from core.settings import Settings
from services.api.app import create_app

Operation = tuple[str, str, dict[str, bool]]


def _operations() -> list[Operation]:
    """Method, address, and for each parameter of its query whether it may be repeated."""
    return [
        (
            method,
            re.sub(r"{\w+}", str(uuid4()), path),
            {each["name"]: "array" in str(each["schema"]) for each in said.get("parameters", ()) if each["in"] == "query"},
        )
        for path, methods in create_app(Settings()).openapi()["paths"].items()
        for method, said in methods.items()
    ]


OPERATIONS = _operations()


def test_a_parameter_that_is_not_known_is_refused_everywhere(api: httpx.Client) -> None:
    for method, address, known in OPERATIONS:
        answer = api.request(method, address, params={"staus": "failed"})
        assert answer.status_code == 422, f"{method} {address}"
        if method == "head":  # its answers have no body
            continue
        [error] = answer.json()["errors"]
        those = f"known are {', '.join(sorted(known))}" if known else "none is known"
        assert error == {"field": "staus", "message": f"There is no parameter `staus` here; {those}."}


def test_a_parameter_that_counts_once_is_refused_twice_everywhere(api: httpx.Client) -> None:
    for method, address, known in OPERATIONS:
        for name, is_repeatable in known.items():
            answer = api.request(method, address, params={name: ["x", "x"]})
            told = answer.json()["errors"] if answer.status_code == 422 else []
            assert ({"field": name, "message": "Is given twice."} in told) != is_repeatable, f"{method} {address} {name}"


@pytest.mark.parametrize("query", ["analyzer=signals", "analyzer="])
def test_no_job_begins_that_its_query_did_not_ask_for(api: httpx.Client, query: str) -> None:
    video = api.post("/v1/videos", content=b"\0\0\0\x18ftypisom\0\0\0\0isommp42").json()["video"]
    assert api.post(f"/v1/videos/{video['id']}/jobs?{query}").status_code == 422
    assert len(api.get("/v1/jobs").json()["data"]) == 1
