"""Chapters, as players take them: they follow each other without a hole and cover the video, which events need not."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from db.resources.events import EventOut
from services.api.formats.subtitles import escaped
from services.api.formats.text import clock, one_line

NAMED = 3
"""Events that a chapter's title names; of further ones it gives the number."""


@dataclass(slots=True)
class Chapter:
    """`[start_ms, end_ms)`, called after the events that begin it."""

    start_ms: int
    end_ms: int
    titles: list[str] = field(default_factory=list)
    more: int = 0

    @property
    def title(self) -> str:
        return "; ".join(self.titles) + (f" and {self.more} more" if self.more else "")

    def begins(self, title: str) -> None:
        if title in self.titles:
            return
        if len(self.titles) < NAMED:
            self.titles.append(title)
        else:
            self.more += 1


def chapters(events: Iterable[EventOut], *, duration_ms: int, opening: str, shortest_ms: int) -> Iterator[Chapter]:
    """A chapter begins where an event does, and lasts until the next one begins, whether or not its event has ended.

    Events come by their start. One that begins less than `shortest_ms` after a chapter has, or before the video's end, is named in the
    chapter that is there. What lies before the first event is called `opening`.
    """
    shortest_ms = max(shortest_ms, 1)
    chapter = Chapter(0, duration_ms)
    for event in events:
        if event.start_ms - chapter.start_ms >= shortest_ms and duration_ms - event.start_ms >= shortest_ms:
            chapter.end_ms = event.start_ms
            yield _named(chapter, opening)
            chapter = Chapter(event.start_ms, duration_ms)
        chapter.begins(one_line(event.title) or one_line(event.type))
    if duration_ms > 0:
        yield _named(chapter, opening)


def vtt(found: Iterable[Chapter]) -> Iterator[str]:
    """WebVTT for a `<track kind="chapters">`."""
    yield "WEBVTT\n"
    for number, chapter in enumerate(found, start=1):
        yield f"\n{number}\n{clock(chapter.start_ms)} --> {clock(chapter.end_ms)}\n{escaped(chapter.title)}\n"


def _named(chapter: Chapter, opening: str) -> Chapter:
    if not chapter.titles:
        chapter.begins(opening)
    return chapter
