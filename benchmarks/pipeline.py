"""`python -m benchmarks.pipeline`: does the model work while decoding goes on, and how soon is the first event there?

The whole stack, with the tests' model server as a model that takes some seconds a call. A job should take hardly longer than the larger of
decoding alone and the calls alone, and its first event should be there right after the first reply. Exits with 1 when a target is missed.
"""

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.localization import scripts
from playhead import Client
from standalone.stack import stack
from tests.model_server.misbehaving import slow
from tests.model_server.running import ModelServer, start
from workers.model.gate import START

REQUEST = {"event_types": [{"id": f"mark_{kind}", "description": "it is shown"} for kind in range(scripts.KINDS)]}
SPARE_S, SHARE = 3.0, 1.15
FIRST_S = 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="length of the video")
    parser.add_argument("--call-s", type=float, default=4, help="how long a call takes")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, start() as model:
        folder = Path(scratch)
        environment = {"PLAYHEAD_MODEL_URL": model.url, "PLAYHEAD_MODEL_API_KEY": model.key}
        with stack(folder / "stack", environment=environment) as running, Client(running.url, running.api_key) as client:
            video, hours = folder / "video.mp4", asked.minutes / 60
            scripts.make(video, scripts.drawn(hours=hours, events=int(100 * hours)), hours=hours)
            sys.exit(not measured(client, model, video, call_s=asked.call_s))


def measured(client: Client, model: ModelServer, video: Path, *, call_s: float) -> bool:
    decoding_s = decoding(client, video)
    model.control.always(slow(call_s))
    model.control.clear()
    began = time.monotonic()
    uploaded = client.upload(video, request=REQUEST)
    firsts: list[float] = []
    watcher = threading.Thread(target=lambda: firsts.append(first_event(client, uploaded.video.id)))
    watcher.start()
    job = client.wait(uploaded.job.id, timeout=3600)
    took_s = time.monotonic() - began
    watcher.join()
    calls = model.control.log()
    alone_s = max(decoding_s, len(calls) * call_s / START)
    late_s = firsts[0] - min(call["finished_at"] for call in calls)
    print(f"{job.status}: {len(calls)} calls of {call_s:g} s, {START} at a time at first")
    print(f"decoding alone {decoding_s:.1f} s, calls alone {len(calls) * call_s / START:.1f} s, together {took_s:.1f} s")
    print(f"first event {late_s:.2f} s after the first reply")
    return job.status == "succeeded" and took_s <= SHARE * alone_s + SPARE_S and late_s <= FIRST_S


def decoding(client: Client, video: Path) -> float:
    """The same frames for the signals analyser, which asks no model."""
    began = time.monotonic()
    uploaded = client.upload(video, request={"analyzer": "signals", "sampling": {"fps": 1, "tolerance_s": 0.5}})
    client.wait(uploaded.job.id, timeout=3600)
    took_s = time.monotonic() - began
    client.delete_video(uploaded.video.id)
    return took_s


def first_event(client: Client, video_id: str) -> float:
    """The wall-clock time at which it is there."""
    while not next(iter(client.events(video_id)), None):
        time.sleep(0.05)
    return time.time()


if __name__ == "__main__":
    main()
