"""`/`: for whoever comes by with nothing but the address."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from services.api.known import KnownRoute

VERSION = "0.1.0"
"""The package's too, which the server does not import."""

router = APIRouter(route_class=KnownRoute)


class Hello(BaseModel):
    """What this is, and where to go on."""

    name: Literal["Playhead"] = "Playhead"
    version: str = VERSION
    docs: str = "/docs"
    openapi: str = "/openapi.json"
    ready: str = "/readyz"
    api: str = "/v1"


@router.get("/", include_in_schema=False)
async def hello() -> Hello:
    return Hello()
