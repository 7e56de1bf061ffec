"""What a packet index depends on beside the file: this code, and OpenCV with its FFmpeg. One that another release has made is made anew."""

from functools import cache
from hashlib import sha256
from pathlib import Path

import cv2


@cache
def edition() -> str:
    """The same for the same code and the same wheel."""
    digest = sha256(cv2.getBuildInformation().encode())
    for module in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()
