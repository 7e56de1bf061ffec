"""Resumable uploads, as tus 1.0.0 has them: what each request does, and what each wrong one is told."""

import hashlib
import socket
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import func, update

from core.blobs import source_key
from core.settings import Settings
from db import keys
from db.models import Fetch, Job, Upload, UploadPart, Video
from db.session import Sessions
from services.api.tus.headers import ALGORITHMS
from tests.conftest import serving
from tests.integration.test_uploads import MP4
from tests.integration.tus.conftest import PART
from tests.integration.tus.speaking import BODY, Tus, checksum, metadata
from tests.polling import wait_until
from workers.fetching import fetch
from workers.runtime import Runtime
from workers.sweeping import sweep

FIELDS = {"filename": "yard.mp4", "filetype": "video/mp4", "title": "Straße", "custom_id": "cam-1", "metadata": '{"site": 7}'}
SIGNALS = {"request": '{"analyzer": "signals"}'}


def fetched(runtime: Runtime) -> Video:
    """The one video there is, once a worker has brought it in."""
    with runtime.sessions.begin() as session:
        [work] = session.query(Fetch).all()
    fetch(runtime, work.id)
    with runtime.sessions.begin() as session:
        return session.query(Video).one()


def count(sessions: Sessions) -> tuple[int, int, int]:
    with sessions.begin() as session:
        return session.query(Upload).count(), session.query(Video).count(), session.query(Job).count()


def test_an_upload_in_pieces_becomes_the_video_that_was_sent(tus: Tus, runtime: Runtime) -> None:
    answer = tus.client.options("/v1/uploads", headers={"Authorization": ""})
    assert (answer.status_code, answer.headers["tus-version"], answer.headers["tus-max-size"]) == (204, "1.0.0", str(60 * 1024**3))
    assert {"creation", "checksum", "expiration", "termination", "concatenation"} <= set(answer.headers["tus-extension"].split(","))
    address = tus.begin(len(MP4), fields={**FIELDS, **SIGNALS})
    upload_id = address.rpartition("/")[2]
    for at in range(0, len(MP4), 3000):
        sent = tus.send(address, at, MP4[at : at + 3000])
        assert (sent.status_code, sent.headers["upload-offset"]) == (204, str(min(at + 3000, len(MP4))))
        assert ("playhead-video-id" in sent.headers) == (at + 3000 >= len(MP4))
    head = tus.ask("HEAD", address)
    assert (head.status_code, head.headers["upload-length"], head.headers["tus-resumable"]) == (200, str(len(MP4)), "1.0.0")
    assert head.headers["upload-metadata"] == metadata({**FIELDS, **SIGNALS})
    assert head.headers["playhead-job-id"] == sent.headers["playhead-job-id"]
    told = tus.client.get(address).json()
    assert (told["id"], told["state"], told["offset"], told["length"], told["media_type"]) == (
        upload_id,
        "whole",
        len(MP4),
        len(MP4),
        "video/mp4",
    )
    assert (told["job"]["status"], told["job"]["stage"], told["video"]["sha256"]) == ("queued", "fetch", None)
    video = fetched(runtime)
    assert (str(video.id), video.sha256) == (sent.headers["playhead-video-id"], hashlib.sha256(MP4).hexdigest())
    assert (video.title, video.custom_id, video.meta, video.filename) == ("Straße", "cam-1", {"site": 7}, "yard.mp4")
    assert runtime.blobs.get(video.blob_key) == MP4
    assert tus.client.get(address).json()["state"] == "done"
    again = tus.send(address, len(MP4), b"")
    assert (again.status_code, again.headers["playhead-video-id"]) == (204, str(video.id)), "as where the answer was lost"
    assert count(runtime.sessions) == (1, 1, 1)


def test_a_length_may_be_told_later_and_the_beginning_sent_at_once(tus: Tus, runtime: Runtime) -> None:
    made = tus.ask("POST", content=MP4[:10], content_type=BODY, upload_defer_length=1)
    assert (made.status_code, made.headers["upload-offset"]) == (201, "10")
    address = made.headers["location"]
    assert tus.ask("HEAD", address).headers["upload-defer-length"] == "1"
    assert tus.send(address, 10, MP4[10:6000]).status_code == 204
    assert tus.send(address, 6000, MP4[6000:], upload_length=5).status_code == 422
    last = tus.ask("POST", address, content=MP4[6000:], content_type=BODY, upload_offset=6000, x_http_method_override="PATCH")
    assert (last.status_code, "playhead-video-id" in last.headers) == (204, False)
    told = tus.send(address, len(MP4), b"", upload_length=len(MP4))
    assert (told.status_code, "playhead-video-id" in told.headers) == (204, True)
    assert runtime.blobs.get(fetched(runtime).blob_key) == MP4
    whole = tus.ask("POST", content=MP4, content_type=BODY, upload_length=len(MP4))
    assert (whole.status_code, "playhead-job-id" in whole.headers) == (201, True)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_bytes_that_do_not_add_up_do_not_count(tus: Tus, runtime: Runtime, algorithm: str) -> None:
    address = tus.begin(len(MP4))
    refused = tus.send(address, 0, MP4[:-1] + b"!", upload_checksum=checksum(MP4, algorithm))
    assert (refused.status_code, refused.json()["code"], tus.offset(address)) == (460, "checksum_mismatch", 0)
    assert refused.headers["tus-resumable"] == "1.0.0"
    assert runtime.blobs.keys("") == []
    assert tus.send(address, 0, MP4[:9000], upload_checksum=checksum(MP4[:9000], algorithm)).headers["upload-offset"] == "9000"
    tus.send(address, 9000, MP4[9000:], upload_checksum=checksum(MP4[9000:], algorithm))
    assert runtime.blobs.get(fetched(runtime).blob_key) == MP4


@pytest.mark.parametrize("first", [1, 4096, 5000])
def test_what_is_no_video_is_refused_as_soon_as_that_can_be_told(tus: Tus, runtime: Runtime, first: int) -> None:
    text = b"a text, and no video " * 1000
    address = tus.begin(len(text))
    answers = [tus.send(address, at, text[at:upto]) for at, upto in ((0, first), (first, 6000)) if tus.ask("HEAD", address).is_success]
    assert (answers[-1].status_code, answers[-1].json()["code"]) == (422, "not_a_video")
    assert len(answers) == (2 if first == 1 else 1)
    assert tus.ask("HEAD", address).status_code == 410
    sweep(runtime)
    sweep(runtime)
    assert (runtime.blobs.keys(""), count(runtime.sessions)) == ([], (0, 0, 0))


@pytest.mark.parametrize(
    ("headers", "status", "field"),
    [
        ({}, 422, "upload-length"),
        ({"upload_length": 0}, 422, "upload-length"),
        ({"upload_length": 10, "upload_defer_length": 1}, 422, "upload-length"),
        ({"upload_length": 2**62}, 413, None),
        ({"upload_length": 10, "upload_metadata": "title ###"}, 422, "upload-metadata"),
        ({"upload_length": 10, "upload_metadata": metadata({"titel": "Yard"})}, 422, "titel"),
        ({"upload_length": 10, "upload_metadata": metadata({"request": '{"analyzer": "model"}'})}, 422, None),
        ({"upload_length": 10, "upload_metadata": metadata({"request": '{"sampling": {"fps": 99}}'})}, 422, "request.sampling.fps"),
        ({"upload_length": 10, "upload_concat": "whole"}, 422, "upload-concat"),
        ({"upload_concat": "final;/v1/uploads/nonsense"}, 422, "upload-concat"),
        ({"upload_length": 10, "tus_resumable": "0.2.2"}, 412, None),
        ({"upload_length": 10, "upload_checksum": "crc1 AAAA", "content": b"1", "content_type": BODY}, 400, None),
        ({"upload_length": 10, "content": b"1", "content_type": "text/plain"}, 415, None),
        ({"upload_length": 10, "content": MP4, "content_type": BODY}, 422, "upload-length"),
    ],
)
def test_what_can_t_be_an_upload_is_refused_when_it_begins(
    tus: Tus, sessions: Sessions, headers: dict[str, Any], status: int, field: str | None
) -> None:
    answer = tus.ask("POST", **headers)
    assert answer.status_code == status, answer.text
    assert [error["field"] for error in answer.json().get("errors", [])] == ([field] if field else [])
    with sessions.begin() as session:
        assert session.query(Upload).filter(Upload.expires_at > func.clock_timestamp()).count() == 0


def test_what_is_sent_wrong_is_told_and_changes_nothing(tus: Tus) -> None:
    address = tus.begin(len(MP4))
    tus.send(address, 0, MP4[:5000])
    wrong = [
        tus.send(address, 4000, MP4[4000:]),
        tus.send(address, 6000, MP4[6000:]),
        tus.send(address, 5000, MP4),
        tus.ask("PATCH", address, content=MP4[5000:], upload_offset=5000, content_type="video/mp4"),
        tus.ask("PATCH", address, content=MP4[5000:], content_type=BODY),
        tus.send(address, 5000, MP4[5000:], upload_length=len(MP4) + 1),
        tus.send(f"{address[:-1]}x", 5000, b""),
        tus.send(address, 5000, MP4[5000:], tus_resumable="2.0.0"),
    ]
    assert [answer.status_code for answer in wrong] == [409, 409, 422, 415, 422, 422, 422, 412]
    assert wrong[0].json()["offset"] == 5000
    assert tus.offset(address) == 5000


def test_an_upload_that_is_ended_or_expired_is_gone_with_its_bytes(tus: Tus, runtime: Runtime, api_key: str) -> None:
    ended, expired, kept = (tus.begin(len(MP4)) for _ in range(3))
    for address in (ended, expired, kept):
        tus.send(address, 0, MP4[:6000])
    assert tus.ask("DELETE", ended).status_code == 204
    with runtime.sessions.begin() as session:
        late = func.clock_timestamp()
        session.execute(update(Upload).where(Upload.id == expired.rpartition("/")[2]).values(expires_at=late))
    for address in (ended, expired):
        assert [tus.ask(method, address).status_code for method in ("HEAD", "DELETE")] == [410, 410]
        assert tus.send(address, 6000, MP4[6000:]).json()["code"] == "gone"
    assert tus.ask("HEAD", kept).headers["upload-expires"].endswith("GMT")
    sweep(runtime)
    assert count(runtime.sessions) == (1, 0, 0)
    assert {key.split("/")[1] for key in runtime.blobs.keys("")} == {kept.rpartition("/")[2]}
    assert tus.ask("HEAD", ended).status_code == 404
    tus.send(kept, 6000, MP4[6000:])
    assert tus.ask("DELETE", kept).status_code == 204
    assert runtime.blobs.get(fetched(runtime).blob_key) == MP4, "what became a video stays one"


def test_another_workspace_s_upload_is_not_there(tus: Tus, sessions: Sessions, settings: Settings) -> None:
    address = tus.begin(len(MP4))
    piece = tus.begin(len(MP4), upload_concat="partial")
    tus.send(piece, 0, MP4)
    with sessions.begin() as session:
        tus.client.headers["Authorization"] = f"Bearer {keys.create(session, name='x', scopes=['read', 'write'], workspace='other')}"
    answers = [
        tus.ask("HEAD", address),
        tus.client.get(address),
        tus.send(address, 0, MP4),
        tus.ask("DELETE", address),
        tus.ask("POST", upload_concat=f"final;{piece}"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    with sessions.begin() as session:
        tus.client.headers["Authorization"] = f"Bearer {keys.create(session, name='x', scopes=['read'])}"
    assert [tus.ask("HEAD", address).status_code, tus.client.get(address).status_code] == [403, 200]


def test_pieces_sent_side_by_side_are_joined_once(tus: Tus, runtime: Runtime) -> None:
    cuts = [0, 5100, 9000, len(MP4)]
    pieces = [MP4[start:end] for start, end in pairwise(cuts)]
    with ThreadPoolExecutor(3) as pool:
        partial = list(pool.map(lambda piece: tus.begin(len(piece), upload_concat="partial"), pieces))
        early = tus.ask("POST", upload_concat=f"final;{' '.join(partial)}")
        list(pool.map(lambda each: tus.send(each[0], 0, each[1]), zip(partial, pieces, strict=True)))
    assert early.status_code == 409
    assert count(runtime.sessions) == (3, 0, 0)
    concat = f"final;{' '.join(str(tus.client.base_url.join(address)) for address in partial)}"
    made, again = (tus.ask("POST", upload_concat=concat, upload_metadata=metadata(FIELDS)) for _ in range(2))
    assert (made.status_code, again.status_code) == (201, 201)
    assert made.headers["location"] == again.headers["location"], "as where the answer was lost"
    assert tus.ask("HEAD", made.headers["location"]).headers["upload-concat"] == concat
    assert tus.ask("HEAD", partial[0]).headers["upload-concat"] == "partial"
    assert tus.send(made.headers["location"], len(MP4), b"x").json()["code"] == "final_upload"
    assert tus.ask("POST", upload_concat=f"final;{partial[0]}").status_code == 409
    tus.ask("DELETE", partial[1])
    sweep(runtime)
    video = fetched(runtime)
    assert (str(video.id), video.title) == (made.headers["playhead-video-id"], "Straße")
    assert runtime.blobs.get(video.blob_key) == MP4
    sweep(runtime)
    assert runtime.blobs.keys("") == [source_key(video.id)]
    assert tus.client.get(partial[0]).json()["partial"]
    text = tus.begin(9, upload_concat="partial")
    tus.send(text, 0, b"no video!")
    assert tus.ask("POST", upload_concat=f"final;{text}").json()["code"] == "not_a_video"


def test_of_two_that_send_at_once_one_is_heard(tus: Tus, runtime: Runtime) -> None:
    address = tus.begin(len(MP4))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: tus.send(address, 0, MP4), range(8)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(204), set(statuses)) == (1, {204, 409}), statuses
    assert runtime.blobs.get(fetched(runtime).blob_key) == MP4
    assert count(runtime.sessions) == (1, 1, 1)


def test_bytes_that_came_before_the_line_broke_count(tus: Tus, sessions: Sessions, api_key: str, runtime: Runtime) -> None:
    address = tus.begin(len(MP4))
    place = urlsplit(str(tus.client.base_url))
    request = (
        f"PATCH {address} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api_key}\r\nTus-Resumable: 1.0.0\r\nContent-Type: {BODY}\r\n"
        f"Upload-Offset: 0\r\nContent-Length: {len(MP4)}\r\n\r\n"
    )
    with socket.create_connection((place.hostname, place.port)) as line:
        line.sendall(request.encode() + MP4[: PART + 123])
        wait_until(lambda: tus.offset(address) == PART, "the first piece to count, while the request goes on")
    wait_until(lambda: tus.offset(address) == PART + 123, "the rest to count")
    with sessions.begin() as session:
        assert session.query(UploadPart).count() == 2
    tus.send(address, PART + 123, MP4[PART + 123 :])
    assert runtime.blobs.get(fetched(runtime).blob_key) == MP4


def test_a_workspace_has_room_for_what_it_said_and_no_more(settings: Settings, sessions: Sessions, api_key: str) -> None:
    limited = settings.model_copy(update={"max_stored_bytes": 2 * len(MP4), "max_uploads_a_day": 2})
    with serving(limited) as url, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}) as client:
        tus = Tus(client)
        first, second = tus.begin(len(MP4)), tus.begin(None, upload_defer_length="1")
        assert tus.ask("POST", upload_length=len(MP4) + 1).json()["quota"] == "max_stored_bytes"
        tus.send(first, 0, MP4)
        tus.send(second, 0, MP4)
        beyond = tus.send(second, len(MP4), b"more", upload_length=len(MP4) + 4)
        assert (beyond.json()["code"], tus.offset(second)) == ("workspace_full", len(MP4)), (
            "it is not lost: what is too much does not count"
        )
        assert tus.send(second, len(MP4), b"", upload_length=len(MP4)).status_code == 204
        assert tus.ask("POST", upload_length=1).json()["quota"] == "max_uploads_a_day"
    assert count(sessions) == (2, 2, 2)


@pytest.mark.parametrize("concat", [{}, {"upload_concat": "partial"}], ids=["a video", "a piece"])
def test_a_workspace_s_room_holds_also_where_nobody_says_how_long_it_will_be(
    settings: Settings, runtime: Runtime, api_key: str, concat: dict[str, str]
) -> None:
    limited = settings.model_copy(update={"max_stored_bytes": len(MP4) + PART + 1})
    with serving(limited) as url, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=30) as client:
        tus = Tus(client)
        address, other = (tus.begin(None, upload_defer_length="1", **concat) for _ in range(2))
        tus.send(address, 0, MP4)
        more = bytes(PART + 2)
        refused = [
            tus.send(address, len(MP4), iter([more]), upload_checksum=checksum(more)),
            tus.send(address, len(MP4), b"", upload_length=len(MP4 + more)),
            tus.send(address, len(MP4), b"m", upload_length=len(MP4 + more)),
            tus.send(other, 0, MP4),
        ]
        assert [answer.json()["code"] for answer in refused] == ["workspace_full"] * 4
        assert [tus.offset(each) for each in (address, other)] == [len(MP4), PART]
        assert len(runtime.blobs.keys("")) == 4, "of what does not count nothing is stored"
        assert tus.ask("DELETE", other).status_code == 204
        assert tus.send(address, len(MP4), more).json()["code"] == "workspace_full"
        assert tus.offset(address) == len(MP4) + PART, "what there is room for counts"
        assert tus.send(address, len(MP4) + PART, b"m", upload_length=len(MP4) + PART + 1).status_code == 204


def test_a_script_of_an_allowed_origin_may_read_what_tus_says(settings: Settings, api_key: str) -> None:
    with serving(settings.model_copy(update={"cors_origins": ("https://cameras.example",)})) as url:
        headers = {"Origin": "https://cameras.example", "Authorization": f"Bearer {api_key}"}
        with httpx.Client(base_url=url, headers=headers) as client:
            asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "upload-offset,tus-resumable"}
            assert client.options("/v1/uploads/x", headers=asked).headers["access-control-allow-methods"].count("PATCH") == 1
            exposed = Tus(client).ask("POST", upload_length=5).headers["access-control-expose-headers"]
    assert {"Location", "Upload-Offset", "Tus-Resumable", "Playhead-Video-Id"} <= set(exposed.split(", "))
