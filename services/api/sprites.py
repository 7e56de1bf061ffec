"""Many small pictures in one, painted with Pillow: no decoder of videos is needed, nor in this wing."""

from collections.abc import Iterable
from io import BytesIO

import structlog
from PIL import Image

log = structlog.get_logger(__name__)

QUALITY = 75
UNSEEN = (24, 24, 24)
"""The colour of a place without a picture."""


def paint(size: tuple[int, int], tiles: Iterable[tuple[tuple[int, int, int, int], bytes]], *, max_pixels: int) -> bytes:
    """A JPEG of this size with JPEGs in it, each as `((x, y, width, height), bytes)`; they are let go of one after the other.

    One that can't be read, or has more than `max_pixels`, leaves its place dark.
    """
    sprite = Image.new("RGB", size, UNSEEN)
    for (x, y, width, height), jpeg in tiles:
        try:
            sprite.paste(_shrunk(jpeg, (width, height), max_pixels), (x, y))
        except (OSError, ValueError) as error:
            log.warning("storyboard.bad_frame", cause=str(error))
    painted = BytesIO()
    sprite.save(painted, "JPEG", quality=QUALITY)
    return painted.getvalue()


def _shrunk(jpeg: bytes, size: tuple[int, int], max_pixels: int) -> Image.Image:
    with Image.open(BytesIO(jpeg), formats=["JPEG"]) as picture:
        if picture.width * picture.height > max_pixels:
            raise ValueError(f"{picture.width}x{picture.height} is too large")
        picture.draft("RGB", size)  # decodes at a fraction of the size: most of the time saved is here
        return picture.convert("RGB").resize(size, Image.Resampling.BILINEAR)
