"""A body over the limit is refused, however it comes, by every route that the document has: but those that bytes of videos are sent to."""

from collections.abc import Iterator

import httpx

from core.settings import Settings
from db.session import Sessions
from services.api.once import HEADER
from tests.conftest import serving
from tests.integration.belongings import WORDS, Owner
from tests.integration.test_authorization import OPERATIONS, Operation

LIMIT = 1000
BODY = b" " * (LIMIT + 1)
ASKING = [each for each in OPERATIONS if each.method in {"POST", "PATCH", "PUT"} and not each.path.startswith("/v1/uploads")]


def ways(operation: Operation) -> Iterator[tuple[dict[str, str], bytes | Iterator[bytes]]]:
    """Headers and body. Where nobody reads a body, one that does not say how long it is does no harm."""
    with_key = {HEADER: "one"}
    yield {}, BODY
    yield with_key, BODY
    yield with_key, iter([BODY])
    if operation.body is not None:
        yield {}, iter([BODY])


def test_a_body_over_the_limit_is_refused_however_it_comes(settings: Settings, sessions: Sessions) -> None:
    owner = Owner("mine", sessions, settings)
    headers = {"Authorization": f"Bearer {owner.key()}", "Content-Type": "application/json"}
    with (
        serving(settings.model_copy(update={"max_request_bytes": LIMIT})) as url,
        httpx.Client(base_url=url, headers=headers, timeout=30) as client,
    ):
        ids = owner.ids()
        answers = {
            f"{operation}, {list(more)}, {type(body).__name__}": client.request(
                operation.method, operation.path.format(**WORDS, **ids), headers=more, content=body
            )
            for operation in ASKING
            for more, body in ways(operation)
        }
    wrong = {way: answer.text for way, answer in answers.items() if (answer.status_code, answer.json().get("code")) != (413, "too_large")}
    assert wrong == {}
