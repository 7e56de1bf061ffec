"""tus by hand, over httpx: as short as the protocol is."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

BODY = "application/offset+octet-stream"


def metadata(fields: Mapping[str, str]) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in fields.items())


def checksum(data: bytes, algorithm: str = "sha1") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


@dataclass
class Tus:
    """`client` has the key, and the address of the server."""

    client: httpx.Client

    def ask(self, method: str, address: str = "/v1/uploads", *, content: Any = None, **headers: str | int | None) -> httpx.Response:
        """Headers by their names in snake case."""
        said = {name.replace("_", "-"): str(value) for name, value in headers.items() if value is not None}
        return self.client.request(method, address, content=content, headers={"tus-resumable": "1.0.0", **said})

    def begin(self, length: int | None, *, fields: Mapping[str, str] | None = None, **headers: str) -> str:
        """The address of a new upload."""
        said = {"upload_metadata": metadata(fields)} if fields else {}
        answer = self.ask("POST", upload_length=length, **said, **headers)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    def send(self, address: str, at: int, data: Any, **headers: str | int) -> httpx.Response:
        return self.ask("PATCH", address, content=data, content_type=BODY, upload_offset=at, **headers)

    def offset(self, address: str) -> int:
        return int(self.ask("HEAD", address).headers["upload-offset"])
