"""A recorder that writes a frame only when something changes leaves stretches without any: nothing is lost there."""

from pathlib import Path

from playhead import Client
from tests.e2e.truth import REQUEST
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
