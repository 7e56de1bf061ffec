"""FFmpeg's own guards, in the only form in which OpenCV hands them on: an environment variable, read each time a capture opens. And which
FFmpeg it is.
"""

import ctypes
from importlib.util import find_spec
from pathlib import Path

from core.containers import SUPPORTED, Container
from workers.frames.codec import CODECS, Codec

VARIABLE = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
DEMUXERS = ",".join(sorted({container.demuxer for container in SUPPORTED}))
DECODERS = ",".join(sorted({codec.decoder for codec in CODECS.values()}))


def capture_options(container: Container | None = None, codec: Codec | None = None, *, part: bool = False, keys_alone: bool = False) -> str:
    """What FFmpeg may open and run: one demuxer, or any that is known, and likewise one decoder; whether it opens part of a
    file; and whether it is told to decode key frames alone. A value of `avdiscard` that is misspelt is ignored without a word.

    Without `format_whitelist` a text that looks like a playlist or an ffconcat script opens other files, under
    `protocol_whitelist;file` too. OpenCV hands `codec_whitelist` to the demuxer only; `video_codec` binds the decoder that it opens itself.
    """
    options = {
        "format_whitelist": container.demuxer if container else DEMUXERS,
        "protocol_whitelist": "file,subfile" if part else "file",
        "codec_whitelist": codec.decoder if codec else DECODERS,
    }
    if codec:
        options["video_codec"] = codec.decoder
    if keys_alone:
        options["avdiscard"] = "nonkey"
    return "|".join(f"{key};{value}" for key, value in options.items())


def ffmpeg_version() -> str | None:
    """Of the FFmpeg that came with OpenCV, `8.1.2`; None where none did. Loads it: for the decoder's process."""
    cv2 = find_spec("cv2")
    if cv2 is None or cv2.origin is None:
        return None
    package = Path(cv2.origin).parent
    libraries = (path for folder in (package / ".dylibs", *package.parent.glob("opencv*.libs")) for path in folder.glob("libavutil*"))
    library = next(libraries, None)
    if library is None:
        return None
    version = ctypes.CDLL(str(library)).av_version_info
    version.restype = ctypes.c_char_p
    return str(version().decode())
