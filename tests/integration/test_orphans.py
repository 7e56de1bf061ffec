"""Blobs without a row and rows without their blob are found, listed, and put right only when told to; what a row names is never deleted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from uuid_utils.compat import uuid7

from core.blobs import Blobs, frames_key, index_key, source_key
from core.errors import BlobsUnavailable
from core.settings import Settings
from db import doomed, orphans
from db.models import Job, Video, Window
from db.orphans import Orphan
from db.session import Sessions
from tests.integration import rows
from tests.integration.test_settling import claim, finish


@pytest.fixture
def blobs(settings: Settings) -> Blobs:
    return Blobs(settings.blobs_url)


@pytest.fixture
def video(sessions: Sessions, settings: Settings, blobs: Blobs) -> Video:
    """With one window of a job that has ended, and every blob in its place."""
    made = rows.video(sessions, rows.workspace(sessions))
    job, _ = rows.job(sessions, made, settings)
    [window] = rows.planned(sessions, job, spans=[(0, 120_000)])
    with sessions.begin() as session:
        session.get_one(Window, window.id).frames_key = frames_key(made.id, 0, "a", 0)
    finish(sessions, claim(sessions, window))
    for key in (made.blob_key, index_key(made.id), frames_key(made.id, 0, "a", 0)):
        blobs.put(key, b"there")
    return made


def found(sessions: Sessions, blobs: Blobs) -> list[Orphan]:
    return list(orphans.find(sessions, blobs))


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PLAYHEAD_DATABASE_URL": settings.database_url.get_secret_value(),
        "PLAYHEAD_BLOBS_URL": settings.blobs_url,
    }
    return subprocess.run([sys.executable, "-m", "db.orphans", *arguments], env=environment, capture_output=True, text=True, check=False)


def test_where_everything_is_in_its_place_there_are_none(sessions: Sessions, blobs: Blobs, video: Video) -> None:
    assert found(sessions, blobs) == []


def test_blobs_that_no_row_names_are_found_and_deleted_and_nothing_else(sessions: Sessions, blobs: Blobs, video: Video) -> None:
    stray, lost = uuid7(), frames_key(video.id, 0, "b", 0)
    blobs.put(source_key(stray), b"of a video that the database does not know")
    blobs.put(lost, b"of a window that was never written")
    kept = set(blobs.keys("")) - {source_key(stray), lost}
    there = found(sessions, blobs)
    assert there == [Orphan("unnamed", f"videos/{stray}"), Orphan("unnamed", lost, video.id)]
    assert all(orphans.delete(sessions, blobs, orphan) for orphan in there)
    assert set(blobs.keys("")) == kept
    assert found(sessions, blobs) == []


def test_what_is_under_way_is_no_orphan(sessions: Sessions, settings: Settings, blobs: Blobs, video: Video) -> None:
    """An upload that is not whole yet, a deleted video's blobs, and frames whose window comes next."""
    upload = uuid7()
    blobs.put(source_key(upload), b"half")
    with sessions.begin() as session:
        doomed.doom(session, f"videos/{upload}", after=doomed.WRITTEN_WITHIN, again_after=doomed.WRITTEN_WITHIN)
    job, _ = rows.job(sessions, video, settings)
    blobs.put(frames_key(video.id, 0, "b", 0), b"next")
    assert found(sessions, blobs) == []
    with sessions.begin() as session:
        session.delete(session.get_one(Job, job.id))
    assert [orphan.key for orphan in found(sessions, blobs)] == [frames_key(video.id, 0, "b", 0)]


def test_a_blob_that_a_row_names_by_now_stays(sessions: Sessions, settings: Settings, blobs: Blobs, video: Video) -> None:
    """As where a job began between the looking and the deleting."""
    assert not orphans.delete(sessions, blobs, Orphan("unnamed", frames_key(video.id, 0, "a", 0), video.id))
    assert not orphans.delete(sessions, blobs, Orphan("unnamed", video.blob_key, video.id))
    assert not orphans.delete(sessions, blobs, Orphan("unnamed", f"videos/{video.id}"))
    rows.job(sessions, video, settings)
    blobs.put(frames_key(video.id, 0, "b", 0), b"being written")
    assert not orphans.delete(sessions, blobs, Orphan("unnamed", frames_key(video.id, 0, "b", 0), video.id))
    assert len(blobs.keys(f"videos/{video.id}")) == 4


def test_rows_without_their_blob_are_found_and_frames_are_let_go_of(sessions: Sessions, blobs: Blobs, video: Video) -> None:
    blobs.delete(video.blob_key)
    blobs.delete(frames_key(video.id, 0, "a", 0))
    there = found(sessions, blobs)
    assert there == [Orphan("gone", frames_key(video.id, 0, "a", 0), video.id), Orphan("gone", video.blob_key, video.id)]
    assert [orphans.forget(sessions, orphan) for orphan in there] == [True, False]
    with sessions.begin() as session:
        assert [window.frames_key for window in session.query(Window)] == [None]
    assert found(sessions, blobs) == there[1:]


def test_the_command_lists_and_changes_nothing_until_it_is_told_to(settings: Settings, blobs: Blobs, video: Video) -> None:
    lost = frames_key(video.id, 0, "b", 0)
    blobs.put(lost, b"stray")
    blobs.delete(video.blob_key)
    listed = run(settings)
    assert (listed.returncode, listed.stderr) == (3, "")
    assert listed.stdout.splitlines() == [f"{video.blob_key}: a row names it, and it is not there", f"{lost}: no row names it"]
    assert blobs.size(lost)
    assert "put right" in run(settings, "--delete").stdout
    assert lost not in blobs.keys("")
    blobs.put(video.blob_key, b"back")
    assert run(settings).returncode == 0


def test_a_storage_and_a_database_that_know_nothing_of_each_other_are_left_alone(
    sessions: Sessions, settings: Settings, blobs: Blobs, video: Video, tmp_path: Path
) -> None:
    with pytest.raises(BlobsUnavailable, match="Are both settings right"):
        found(sessions, Blobs(f"file://{tmp_path / 'wrong'}"))
    with sessions.begin() as session:
        session.delete(session.get_one(Video, video.id))
    refused = run(settings, "--delete")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Are both settings right" in refused.stderr
    assert len(blobs.keys("")) == 3
