"""The codecs that are decoded, and by which decoder. Whatever is not here is refused.

A codec comes in once its pictures were seen to be right: OpenCV 4.14 opens VVC and DV too, reports success and gives black frames.
"""

from typing import NamedTuple


class Codec(NamedTuple):
    """`name` is for people, `decoder` is FFmpeg's name of the only decoder that may run. `obeys`: told to decode key frames alone, it
    does.
    """

    name: str
    decoder: str
    obeys: bool = True


# By CAP_PROP_FOURCC, which OpenCV 4.14 derives from FFmpeg's codec id, whatever the container wrote. libvpx ignores the order to decode
# key frames alone, so FFmpeg's own decoder of VP8 is named, which obeys; its own of VP9 and Cinepak do not either (measured in 8.1.2).
CODECS = {
    "h264": Codec("h264", "h264"),
    "hevc": Codec("hevc", "hevc"),
    "VP80": Codec("vp8", "vp8"),
    "VP90": Codec("vp9", "vp9", obeys=False),
    "AV01": Codec("av1", "libdav1d"),
    "FMP4": Codec("mpeg4", "mpeg4"),
    "mpg1": Codec("mpeg1video", "mpeg1video"),
    "mpg2": Codec("mpeg2video", "mpeg2video"),
    "MJPG": Codec("mjpeg", "mjpeg"),
    "h263": Codec("h263", "h263"),
    "flv1": Codec("flv1", "flv"),
    "MP42": Codec("msmpeg4v2", "msmpeg4v2"),
    "MP43": Codec("msmpeg4v3", "msmpeg4"),
    "wmv1": Codec("wmv1", "wmv1"),
    "wmv2": Codec("wmv2", "wmv2"),
    "AVdn": Codec("dnxhd", "dnxhd"),
    "cvid": Codec("cinepak", "cinepak", obeys=False),
    **dict.fromkeys(("apco", "apcs", "apcn", "apch", "ap4h", "ap4x"), Codec("prores", "prores")),
}


def codec_of(fourcc: float) -> Codec | None:
    return CODECS.get(spell(fourcc))


def spell(fourcc: float) -> str:
    """The four characters, as OpenCV packs them into a number; for people where there is no such codec."""
    number = int(fourcc) & 0xFFFFFFFF
    text = number.to_bytes(4, "little").decode("ascii", "replace")
    return text if text.isprintable() else f"0x{number:08x}"
