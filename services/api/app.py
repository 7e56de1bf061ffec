"""The FastAPI app; `python -m services.api` serves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from core.blobs import Blobs
from core.configuration import read
from core.queue import Doorbell
from core.settings import Settings
from core.telemetry import configure_logging
from db.session import Sessions, make_engine
from services.api import (
    deliveries,
    document,
    estimates,
    events,
    exports,
    following,
    health,
    hello,
    jobs,
    keys,
    once,
    problems,
    storyboard,
    timeline,
    videos,
    webhooks,
)
from services.api.context import Parts
from services.api.door import Door
from services.api.glances import Glances
from services.api.headers import EXPOSED
from services.api.hello import VERSION
from services.api.hub import Hub
from services.api.requests import RequestMiddleware
from services.api.shared import Shared
from services.api.stopping import told_to_stop
from services.api.tus import routes as uploads
from services.api.tus.middleware import TusMiddleware

DESCRIPTION = """
Give it a video; it tells you what happened in it, and **when**.

Times are media times in integer milliseconds from the first presented frame. Each boundary states its own uncertainty. A job says which
stretches were not analysed and why. Errors are problems by RFC 9457, with a stable `code`.
"""


def create_app(settings: Settings | None = None) -> FastAPI:
    """An app on the parts that the settings name; nothing is opened before the first request."""
    settings = settings or read(Settings)
    configure_logging(settings)
    ring = Doorbell(settings)
    sessions = Sessions(make_engine(settings))
    door = Door(sessions, settings)
    hub = Hub(sessions, settings)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        with told_to_stop(hub.close):
            yield
        await hub.ended()
        ring.close()
        door.turnstile.close()
        sessions.engine.dispose()

    app = FastAPIOffline(
        title="Playhead",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=life,
        responses=problems.RESPONSES,
        generate_unique_id_function=lambda route: route.name,
    )
    document.install(app)
    app.state.parts = Parts(settings, sessions, Blobs(settings.blobs_url), ring)
    app.state.door = door
    app.state.hub = hub
    app.state.glances = Glances(sessions)
    app.state.pictures = Shared[str, bytes]()
    problems.install(app)
    once.install(app)
    for resource in (  # what is asked for most is found first
        events,
        following,
        videos,
        jobs,
        uploads,
        estimates,
        exports,
        timeline,
        storyboard,
        webhooks,
        deliveries,
        keys,
        hello,
        health,
    ):
        app.include_router(resource.router)
    app.add_middleware(TusMiddleware)
    app.add_middleware(problems.BugMiddleware)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["*"], allow_headers=["*"], expose_headers=EXPOSED
        )
    app.add_middleware(RequestMiddleware, settings=settings)
    return app
