"""A dump, and the blobs copied after it, are enough to go on from: as docs/operations.md has it."""

import shutil
import subprocess
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.blobs import Blobs
from core.settings import Settings
from db import orphans
from db.models import Video
from standalone.postgres import Postgres
from tests.integration.mortal import Fate, Killed
from tests.integration.world import Recording, World, analyse, answers_stored, assert_whole, recover, upload


def test_a_dump_restored_beside_the_blobs_goes_on_where_it_was(
    world: World, settings: Settings, recording: Recording, postgres_server: Postgres, database_url: str, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        analyse(world, Fate(1, only="asked, no answer"))
    assert answers_stored(world) == 1
    binaries = postgres_server._binaries
    subprocess.run([binaries / "pg_dump", "--format=custom", f"--file={tmp_path / 'dump'}", database_url], check=True)
    upload(world, Fate(None))  # what comes in meanwhile is in the copy of the blobs, and not in the dump
    copy = tmp_path / "restored"
    shutil.copytree(settings.blobs_url.removeprefix("file://"), copy)

    url = postgres_server.create("restored")
    subprocess.run([binaries / "pg_restore", "--no-owner", f"--dbname={url}", tmp_path / "dump"], check=True)
    restored = World(settings.model_copy(update={"database_url": SecretStr(url), "blobs_url": f"file://{copy}"}), recording, world.api_key)
    try:
        with restored.sessions.begin() as session:
            [video] = session.query(Video).all()
        [stray] = orphans.find(restored.sessions, Blobs(f"file://{copy}"))
        assert (stray.kind, stray.video_id) == ("unnamed", None)
        assert str(video.id) not in stray.key
        assert orphans.delete(restored.sessions, Blobs(f"file://{copy}"), stray)
        recover(restored)
        assert_whole(restored, calls=1 + len(restored.model.asked), lost_answers=0)
        assert len(restored.model.asked) == 1, "the answer in the dump is not asked for again"
    finally:
        restored.close()
        postgres_server.drop("restored")
