"""A storyboard shows the frames that were sampled, each in its place, and goes with them."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest
import webvtt
from PIL import Image

from core.frames import pack
from core.settings import Settings
from db.models import Video, Window
from db.orphans import find
from db.session import Sessions
from services.api.sprites import paint
from services.api.storyboard import PAINTERS
from tests.integration import rows
from workers.runtime import Runtime, make_runtime

SECONDS = 24


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    made = make_runtime(settings)
    yield replace(made, ring=lambda *_: None)
    made.sessions.engine.dispose()


def shade(second: int) -> int:
    return 30 + 9 * second


def jpeg(second: int) -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (640, 352), (shade(second),) * 3).save(picture, "JPEG")
    return picture.getvalue()


@pytest.fixture
def video(sessions: Sessions, settings: Settings, runtime: Runtime) -> Video:
    """24 s of ever lighter grey in three windows, of which the last is not sampled yet; a frame a second."""
    made = rows.video(sessions, rows.workspace(sessions), duration_ms=SECONDS * 1000, width=1920, height=1080)
    job, _ = rows.job(sessions, made, settings)
    for window in rows.planned(sessions, job, spans=[(0, 9000), (8000, 16_000)]):
        runtime.blobs.put(str(window.frames_key), pack((time, jpeg(time // 1000)) for time in window.frame_pts_ms))
    return made


def test_each_place_shows_the_frame_in_the_middle_of_its_stretch(api: httpx.Client, video: Video) -> None:
    answer = api.get(f"/v1/videos/{video.id}/storyboard.jpg")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/jpeg"), answer.text
    picture = Image.open(io.BytesIO(answer.content)).convert("L")
    assert picture.size == (1600, 270), "24 thumbnails of 160x90, ten in a row"
    text = api.get(f"/v1/videos/{video.id}/storyboard.vtt").text
    cues = list(webvtt.from_string(text))
    assert (cues[0].start, cues[-1].end) == ("00:00:00.000", "00:00:16.000")
    for second, cue in enumerate(cues):
        name, _, place = cue.text.partition("#xywh=")
        x, y, width, height = (int(number) for number in place.split(","))
        assert (name, width, height, cue.start) == ("storyboard.jpg", 160, 90, f"00:00:{second:02}.000")
        assert abs(int(picture.getpixel((x + width // 2, y + height // 2))) - shade(second)) <= 10  # type: ignore[arg-type]
    assert picture.getpixel((1500, 200)) < 30, "what is not sampled yet is dark"  # type: ignore[operator]


def test_it_is_made_once_and_anew_when_there_is_more(
    api: httpx.Client, video: Video, sessions: Sessions, settings: Settings, runtime: Runtime
) -> None:
    address = f"/v1/videos/{video.id}/storyboard.jpg"
    first = api.get(address)
    [kept] = [key for key in runtime.blobs.keys(f"videos/{video.id}") if "storyboard" in key]
    for key in ("one", "two"):
        runtime.blobs.put(f"{kept.rpartition('/')[0]}/{key}.jpg", b"of former frames")
    runtime.blobs.put(kept, b"kept")
    assert api.get(address).content == b"kept"
    same = api.get(address, headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", first.headers["ETag"])
    job, _ = rows.job(sessions, video, settings)
    [window] = rows.planned(sessions, job, spans=[(16_000, 24_000)])
    runtime.blobs.put(str(window.frames_key), pack((time, jpeg(time // 1000)) for time in window.frame_pts_ms))
    later = api.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert (later.status_code, later.headers["ETag"] != first.headers["ETag"]) == (200, True)
    assert len([key for key in runtime.blobs.keys(f"videos/{video.id}") if "storyboard" in key]) == 1
    assert not [orphan for orphan in find(sessions, runtime.blobs) if "storyboard" in orphan.key]


def test_while_others_are_being_made_nobody_waits_for_long(api: httpx.Client, video: Video) -> None:
    address = f"/v1/videos/{video.id}/storyboard.jpg"
    with PAINTERS, PAINTERS, ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: api.get(address, timeout=15), range(50)))
    assert {(answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) for answer in answers} == {
        (503, "too_many_storyboards", "2")
    }
    assert api.get(address).status_code == 200


def test_it_is_made_once_for_all_who_ask_at_the_same_time(api: httpx.Client, video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[bytes] = []

    def painting(*values: Any, **more: Any) -> bytes:
        painted.append(paint(*values, **more))
        return painted[-1]

    monkeypatch.setattr("services.api.storyboard.paint", painting)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: api.get(f"/v1/videos/{video.id}/storyboard.jpg", timeout=15), range(20)))
    assert [answer.content for answer in answers] == painted * 20


def test_a_frame_that_is_no_picture_leaves_its_place_dark(api: httpx.Client, video: Video, sessions: Sessions, runtime: Runtime) -> None:
    with sessions.begin() as session:
        window = session.query(Window).order_by(Window.start_ms).first()
        assert window is not None
    runtime.blobs.put(str(window.frames_key), pack((time, b"GIF89a" if time else b"\xff\xd8\xff") for time in window.frame_pts_ms))
    answer = api.get(f"/v1/videos/{video.id}/storyboard.jpg")
    picture = Image.open(io.BytesIO(answer.content)).convert("L")
    assert picture.getpixel((80, 45)) < 30  # type: ignore[operator]


def test_before_the_first_frame_and_after_the_last_it_says_so(
    api: httpx.Client, video: Video, sessions: Sessions, runtime: Runtime
) -> None:
    fresh = rows.video(sessions, video.workspace_id)
    for name in ("storyboard.jpg", "storyboard.vtt"):
        answer = api.get(f"/v1/videos/{fresh.id}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_sampled")
    with sessions.begin() as session:
        keys = [str(window.frames_key) for window in session.query(Window)]
    for key in keys:
        runtime.blobs.delete(key)
    answer = api.get(f"/v1/videos/{video.id}/storyboard.jpg")
    assert (answer.status_code, answer.json()["code"]) == (410, "gone"), "deleted just now"
    with sessions.begin() as session:
        session.query(Window).update({"frames_key": None})
    for name in ("storyboard.jpg", "storyboard.vtt"):
        answer = api.get(f"/v1/videos/{video.id}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (410, "gone")
