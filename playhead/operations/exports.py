"""What happens in a video, in the forms that players, editors and spreadsheets take; and a video at a glance."""

from typing import Literal, Unpack

from playhead.calls import Ask, Flow, at
from playhead.described import call
from playhead.operations.asking import get, given
from playhead.operations.downloads import Target, download
from playhead.operations.events import Filters, chosen
from playhead.types import Timeline

Form = Literal["vtt", "srt", "csv", "jsonl", "edl", "fcpxml"]


class Exports:
    @call
    def export(
        self,
        video_id: str,
        form: Form,
        to: Target,
        *,
        shortest_ms: int | None = None,
        frame_rate: str | None = None,
        start_timecode: str | None = None,
        **filters: Unpack[Filters],
    ) -> Flow[int]:
        """All events of a video that the filters choose, into a file; the number of bytes.

        `shortest_ms` is how long a cue is shown at least (`vtt`, `srt`). `frame_rate` (as `29.97`) and `start_timecode` (`01:00:00:00`, or
        `01:00:00;00` to count drop-frame) are those of the editor's timeline (`edl`, `fcpxml`).
        """
        params = given(shortest_ms=shortest_ms, frame_rate=frame_rate, start_timecode=start_timecode, **chosen(filters))
        return (yield from download(at(f"/v1/videos/{{}}/events.{form}", video_id), to, **params))

    @call
    def chapters(self, video_id: str, to: Target, *, shortest_ms: int | None = None, **filters: Unpack[Filters]) -> Flow[int]:
        """Chapters as WebVTT, into a file: they cover the video, and begin where events do that are no nearer than `shortest_ms`."""
        path = at("/v1/videos/{}/chapters.vtt", video_id)
        return (yield from download(path, to, **given(shortest_ms=shortest_ms, **chosen(filters))))

    @call
    def timeline(self, video_id: str, *, buckets: int | None = None, **filters: Unpack[Filters]) -> Ask[Timeline]:
        """How many events of each type there are in each stretch of a video, and how much of it nobody has analysed."""
        return get(Timeline, at("/v1/videos/{}/timeline", video_id), buckets=buckets, **chosen(filters))

    @call
    def storyboard(self, video_id: str, to: Target) -> Flow[int]:
        """Thumbnails of the whole video in one JPEG, into a file. ApiError with the code `not_sampled` before there is a frame, `gone`
        where they were deleted.
        """
        return (yield from download(at("/v1/videos/{}/storyboard.jpg", video_id), to))

    @call
    def thumbnails(self, video_id: str, to: Target) -> Flow[int]:
        """Which part of `storyboard.jpg` shows which stretch, as WebVTT, into a file."""
        return (yield from download(at("/v1/videos/{}/storyboard.vtt", video_id), to))
