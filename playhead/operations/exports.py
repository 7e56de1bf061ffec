"""Events in other people's formats, and a video at a glance."""

from typing import Literal, Unpack

from playhead import answers
from playhead.calls import Ask, Flow, at
from playhead.described import call
from playhead.files import OnBytes
from playhead.operations.asking import get, query
from playhead.operations.downloads import Target, download
from playhead.operations.events import Filters, chosen
from playhead.types import Timeline

Format = Literal["vtt", "srt", "csv", "jsonl", "edl", "fcpxml"]


class Exports:
    @call
    def export(
        self,
        video_id: str,
        format: Format,
        to: Target,
        *,
        shortest_ms: int | None = None,
        frame_rate: str | None = None,
        start_timecode: str | None = None,
        on_progress: OnBytes | None = None,
        **filters: Unpack[Filters],
    ) -> Flow[int]:
        """Write a video's events into a file, as subtitles (`vtt`, `srt`), a table (`csv`), JSON lines (`jsonl`) or markers for an editor
        (`edl`, `fcpxml`); the number of bytes. A path appears only when all of it has come.

        `shortest_ms` is for subtitles, `frame_rate` (as `29.97`) and `start_timecode` are for markers.
        """
        how = query(shortest_ms=shortest_ms, frame_rate=frame_rate, start_timecode=start_timecode, **chosen(filters))
        return (yield from download(at(f"/v1/videos/{{}}/events.{format}", video_id), to, on_progress, **how))

    @call
    def chapters(self, video_id: str, to: Target, *, shortest_ms: int | None = None, **filters: Unpack[Filters]) -> Flow[int]:
        """Write a video's events as chapters for a player (WebVTT), from its beginning to its end without a hole; as `export`."""
        how = query(shortest_ms=shortest_ms, **chosen(filters))
        return (yield from download(at("/v1/videos/{}/chapters.vtt", video_id), to, **how))

    @call
    def timeline(self, video_id: str, *, buckets: int | None = None, **filters: Unpack[Filters]) -> Ask[Timeline]:
        """How many events there are in each stretch of a video, and how much of it was analysed; `from_ms` and `to_ms` look closer."""
        return get(Timeline, at("/v1/videos/{}/timeline", video_id), buckets=buckets, **chosen(filters))

    @call
    def storyboard(self, video_id: str) -> Ask[bytes]:
        """Thumbnails of the whole video in one picture, as JPEG; `thumbnails` says which is where."""
        return Ask(method="GET", path=at("/v1/videos/{}/storyboard.jpg", video_id), read=answers.body)

    @call
    def thumbnails(self, video_id: str) -> Ask[str]:
        """Which part of `storyboard` shows which stretch of the video, as players take it (WebVTT)."""
        return Ask(method="GET", path=at("/v1/videos/{}/storyboard.vtt", video_id), read=answers.text)
