"""The size in which a frame is stored. Pure."""

# The model rounds both sides to multiples of this and pays width x height / TOKEN_PIXELS.
SIDE = 32
TOKEN_PIXELS = 1024
# A picture may come out this much wider or narrower than it should, for the sake of more pixels.
DISTORTION = 0.04


def fit(width: int, height: int, *, tokens: int) -> tuple[int, int]:
    """The largest size in multiples of 32 within the tokens and not above the source's, in its proportions; never under 32 x 32.

    `width` and `height` are those of the picture as shown, with square pixels.
    """
    widest, highest = max(width // SIDE, 1), max(height // SIDE, 1)
    cells = max(tokens * TOKEN_PIXELS // SIDE**2, 1)
    ratio = width / height
    sizes = [(across, down) for across in range(1, min(widest, cells) + 1) for down in range(1, min(highest, cells // across) + 1)]
    across, down = min(sizes, key=lambda size: _badness(size, ratio))
    return across * SIDE, down * SIDE


def _badness(size: tuple[int, int], ratio: float) -> tuple[float, float, float]:
    """Less is better: first within the distortion allowed, then the more pixels, then the truer proportions."""
    across, down = size
    distortion = max(across / down / ratio, ratio / (across / down)) - 1
    return (max(distortion - DISTORTION, 0), -across * down, distortion)
