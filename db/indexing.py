"""What the indexes of events are made of: expressions, letter for letter as in the migrations, and how to ask for what they have."""

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import reduce
from uuid import UUID

LENGTHS = (1000, 4000, 16_000, 64_000, 256_000, 1_024_000, 4_096_000, 16_384_000)
"""How long events of each kind of length last, in milliseconds, at the most; there is one more kind, of those that last longer."""

SLICES = tuple(int(8000 * 2 ** (step / 6)) for step in range(85))
"""Where slices of time begin by which the words of events are indexed, in milliseconds, but for the first; from then on each is longer
than the one before by 12 %.
"""


_LEXEME = re.compile("'((?:[^']|'')*)'")


def _kind(number: str, bounds: Iterable[int]) -> str:
    return f"width_bucket({number}, '{{{','.join(map(str, bounds))}}}'::bigint[])"


RANK = "(- coalesce(confidence, -1))"
"""First comes what is most certain, last what nobody measured."""

STATUS = "(verification ->> 'status')"

LENGTH = _kind("end_ms - start_ms - 1", LENGTHS)
"""The kind of length, from 0."""

SLICE = _kind("start_ms", SLICES)
"""The slice of time that an event begins in, from 0."""

_TAGS = ("video_id::text", "job_id::text", "md5(type)", f"{LENGTH}::text")
_PARTS = ("' ''='", *(part for tag in _TAGS for part in (tag, "''' ''='")))[:-1]
_TAGGED = reduce("({} || {})".format, (*_PARTS, "''' '"))

_MARK_LENGTH = 8

WORDS = f"(replace({_TAGGED} || search::text, ' ''', ' ''' || left(md5(workspace_id::text || {SLICE}::text), {_MARK_LENGTH}))::tsvector)"
"""The words of `search`, and tags for video, job, type and kind of length; each with a mark of the workspace and the slice before it: to an
index, the same word in another slice is another word.
"""


def in_slice(query: str, workspace: UUID, number: int) -> str:
    """A query (`tsquery`) for what `WORDS` has of a slice."""
    mark = hashlib.md5(f"{workspace}{number}".encode(), usedforsecurity=False).hexdigest()[:_MARK_LENGTH]
    return _LEXEME.sub(rf"'{mark}\1'", query)


def owner_tag(owner: UUID) -> str:
    """Of a video or a job, as a query."""
    return f"'={owner}'"


def type_tags(types: Iterable[str]) -> str:
    """Of any of them."""
    return _any(hashlib.md5(kind.encode(), usedforsecurity=False).hexdigest() for kind in types)


def length_tags(least_ms: int) -> str:
    """Of all kinds of which some last for so long."""
    return _any(str(kind) for kind in range(bisect_left(LENGTHS, least_ms), len(LENGTHS) + 1))


def _any(tags: Iterable[str]) -> str:
    return "(" + " | ".join(f"'={tag}'" for tag in tags) + ")"


def slice_of(start_ms: int) -> int:
    return bisect_right(SLICES, start_ms)


def first_of(number: int) -> int:
    """The first millisecond of a slice."""
    return SLICES[number - 1] if number else 0


def last_of(number: int) -> int:
    """The last one; that of the last slice is the largest that there is."""
    return SLICES[number] - 1 if number < len(SLICES) else 2**63 - 1
