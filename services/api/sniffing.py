"""Is this a video at all? Told by the first bytes, so that a text is refused at once; whether it can be decoded, a worker finds out."""

from core.containers import HEADER_BYTES, NAMES, recognise
from core.errors import NotAVideo

HEAD_BYTES = HEADER_BYTES


def media_type(head: bytes) -> str:
    """The media type of a video that begins like this: the containers that the decoder opens, and no others. Raises `NotAVideo`."""
    container = recognise(head)
    if container is None:
        raise NotAVideo(f"This is not a video that can be read: it begins like none of {NAMES}.")
    return container.media_type
