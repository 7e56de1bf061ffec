"""An upload as it is shown."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from db.models import Upload
from db.resources.jobs import JobOut
from services.api.videos import VideoOut


class UploadOut(BaseModel):
    """Bytes that arrive in pieces. `video` and `job` are null until the last one is there."""

    id: UUID
    object: Literal["upload"] = "upload"
    state: Literal["open", "whole", "done"] = Field(
        description="`open`: bytes are missing. `whole`: all are there, and are being put together. `done`: they are the video's, or the "
        "upload's that this one was joined to."
    )
    partial: bool = Field(description="Whether it is to be joined with others (`Upload-Concat: partial`).")
    offset: int = Field(description="How many bytes are there.")
    length: int | None = Field(description="How many there will be; null until you say so.")
    media_type: str | None = Field(description="What kind of file it is; null until the first bytes tell.")
    video: VideoOut | None
    job: JobOut | None
    created_at: datetime
    expires_at: datetime = Field(description="When it is given up, if nothing comes until then.")

    @classmethod
    def of(cls, upload: Upload, video: VideoOut | None, job: JobOut | None) -> "UploadOut":
        same = {name: getattr(upload, name) for name in ("id", "state", "offset", "length", "media_type", "created_at", "expires_at")}
        return cls(**same, partial=upload.role == "partial", video=video, job=job)
