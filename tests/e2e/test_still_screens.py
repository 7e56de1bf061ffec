"""A recorder that writes a frame only when something changes leaves stretches without any: nothing is lost there."""

from pathlib import Path

from playhead import Client
from tests.e2e.conftest import DURATION_MS, EVENTS
from tests.e2e.truth import REQUEST, assert_true
from tests.model_server.running import ModelServer
from tests.videos import make_video


def test_windows_in_which_nothing_was_recorded_are_done_without_a_call(client: Client, model: ModelServer, tmp_path: Path) -> None:
    make_video(tmp_path / "screen.mkv", times_ms=[0, 400, 1000, 1500, 60_000, 60_040, 60_500], size=(320, 192))
    uploaded = client.upload(tmp_path / "screen.mkv", request={**REQUEST, "sampling": {"window_s": 10, "overlap_s": 2}})
    job = client.wait(uploaded.job.id, timeout=60)
    assert (job.status, job.progress.windows_failed) == ("succeeded", 0)
    assert (job.coverage.ratio, job.coverage.gaps) == (1.0, ())
    assert job.progress.windows_done == job.progress.windows_total > 5
    assert job.usage.calls == len(model.control.log()) == 2


def test_a_stretch_in_which_nothing_changes_costs_little_and_hides_nothing(client: Client, model: ModelServer, tmp_path: Path) -> None:
    make_video(tmp_path / "yard.mp4", duration_s=DURATION_MS / 1000, fps=10, gop=50, events=EVENTS, frozen=[(17, 50), (72, 100)])
    uploaded = client.upload(tmp_path / "yard.mp4", request=REQUEST)
    job = client.wait(uploaded.job.id, timeout=60)
    assert (job.status, job.coverage.ratio) == ("succeeded", 1.0)
    assert_true(list(client.events(uploaded.video.id)))
    skipped = sum(len(call["frames"]) for call in model.control.log())
    again = client.create_job(uploaded.video.id, {**REQUEST, "sampling": {"skip_static": False}})
    client.wait(again.id, timeout=60)
    whole = sum(len(call["frames"]) for call in model.control.log()) - skipped
    assert whole - skipped >= 50, "of 61 seconds in which nothing moves"
