"""Resumable uploads on their way."""

from playhead import answers
from playhead.calls import Ask, at
from playhead.described import call
from playhead.operations.asking import get
from playhead.operations.sending import TUS
from playhead.types import Pending


class Uploads:
    @call
    def pending(self, upload_id: str) -> Ask[Pending]:
        """How far a resumable upload is, and what became of it."""
        return get(Pending, at("/v1/uploads/{}", upload_id))

    @call
    def delete_upload(self, upload_id: str) -> Ask[None]:
        """Give an upload up. What became a video stays one."""
        return Ask(method="DELETE", path=at("/v1/uploads/{}", upload_id), headers=TUS, read=answers.nothing)
