"""`python -m tests.baseline` writes docs/openapi.json: what the API promises, which what comes next is compared with."""

import json
import sys
from pathlib import Path
from typing import Any

from core.settings import Settings
from services.api.app import create_app
from tests.compatibility import breaking

PATH = Path(__file__).parents[1] / "docs" / "openapi.json"
ALLOWED = "x-allowed-changes"

Json = dict[str, Any]


def read() -> Json:
    found: Json = json.loads(PATH.read_text(encoding="utf-8"))
    return found


def unallowed(baseline: Json, document: Json) -> list[str]:
    """What breaks clients of the baseline without being named there."""
    return sorted(set(breaking(baseline, document)) - baseline.get(ALLOWED, {}).keys())


def following(baseline: Json, document: Json) -> Json:
    """The next baseline, in which nothing need be allowed. Raises `ValueError` where it would hide what breaks clients of this version."""
    if baseline["info"]["version"] == document["info"]["version"] and (broken := unallowed(baseline, document)):
        raise ValueError("\n  ".join([f"This breaks clients of {document['info']['version']}:", *broken]))
    return document


def main() -> None:
    try:
        written = following(read(), create_app(Settings()).openapi())
    except ValueError as error:
        sys.exit(
            f"docs/openapi.json stays as it is. {error}\nKeep what was there, name it with the reason in `{ALLOWED}`, or raise the version."
        )
    PATH.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
