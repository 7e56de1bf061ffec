"""`docs/settings.md` says what the settings are. To write it anew: `python -m tests.unit.test_settings_doc > docs/settings.md`."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from core.settings import GiB, MiB, Settings
from standalone.settings import StandaloneSettings

ROOT = Path(__file__).parent.parent.parent

INTRODUCTION = """# Settings

All are environment variables, read once at start. Sizes are bytes; durations are seconds, or ISO 8601 (`PT30S`). A value that is not valid
stops the process with the reason.
"""


def _shown(value: Any) -> str:
    match value:
        case None | ():
            return ""
        case SecretStr():
            return f"`{value.get_secret_value()}`"
        case timedelta():
            return f"{value.total_seconds():g} s"
        case (timedelta(), *_):
            return f"`{[round(each.total_seconds()) for each in value]}`"
        case int() if value >= MiB and value % MiB == 0:
            return f"{value // GiB} GiB" if value % GiB == 0 else f"{value // MiB} MiB"
        case _:
            return f"`{json.dumps(value) if isinstance(value, tuple) else value}`"


def _table(settings: type[BaseSettings]) -> str:
    rows = [
        f"| `PLAYHEAD_{name.upper()}` | {_shown(field.default)} | {field.description} |" for name, field in settings.model_fields.items()
    ]
    return "\n".join(["| name | default | what it does |", "|---|---|---|", *rows])


def document() -> str:
    server = f"## The server\n\n{_table(Settings)}\n"
    alone = (
        f"## `make up` and `make demo`\n\nThese set the database, the broker and the blobs themselves.\n\n{_table(StandaloneSettings)}\n"
    )
    return f"{INTRODUCTION}\n{server}\n{alone}"


def test_the_document_names_every_setting_with_its_default() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == document()


if __name__ == "__main__":
    print(document(), end="")
