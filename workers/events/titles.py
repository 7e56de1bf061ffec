"""Short titles made from descriptions."""

import re
import textwrap
from functools import lru_cache

TITLE_CHARS = 80

# A clause ends at punctuation that a space follows ("1.5 m" does not), once it says something: "Red, shiny car" goes on.
_CLAUSE = re.compile(r"^(.{12,}?)(?:[.;:!?,]|\s[-\u2013\u2014])(?=\s|$)")


# Merging runs again with each window that is done, over descriptions that stay the same.
@lru_cache(maxsize=20_000)
def title(description: str, type_: str) -> str:
    """The first clause of a description in at most 80 characters; the type in words where there is no description."""
    text = " ".join(description.split()) or type_.replace("_", " ")
    clause = _CLAUSE.match(text)
    short = clause[1] if clause else text.rstrip(".;:!?, ")
    if len(short) <= TITLE_CHARS:
        return short or text[:TITLE_CHARS]
    return textwrap.shorten(short, TITLE_CHARS, placeholder=" …") if " " in short[:TITLE_CHARS] else f"{short[: TITLE_CHARS - 1]}…"
