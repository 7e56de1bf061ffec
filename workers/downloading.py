"""Bringing in what a URL gives: into the parts of an upload that nobody sends, so that whoever takes over goes on from where they end."""

from urllib.parse import urlsplit

from core.errors import RemoteTooSlow, RemoteUnavailable
from db.models import Fetch
from workers.outbound.client import client_of
from workers.outbound.offer import Changed, asking, offer_of
from workers.outbound.reading import Pace, Reading
from workers.runtime import Runtime
from workers.shelf import Shelf
from workers.stopping import Stopping
from workers.work import LONGEST_WAIT, Heartbeat


def download(runtime: Runtime, work: Fetch, url: str, beat: Heartbeat) -> None:
    """Until all of it is there; what is there already is not asked for again, if the server can tell that it did not change.

    Raises `UrlRefused`, `AddressRefused`, `NotAVideo`, `EmptyUpload`, `TooLarge`; `RemoteUnavailable`, `RemoteTooSlow`; `LeaseLost`.
    """
    shelf = Shelf(runtime, work)
    try:
        while not shelf.whole:
            try:
                _go_on(runtime, url, shelf, beat)
            except Changed:
                shelf.clear()
    except RemoteUnavailable as error:
        if error.retry_after_s is None:
            error.retry_after_s = _back_off_s(runtime, 0 if shelf.grew else work.outages)
        raise


def _go_on(runtime: Runtime, url: str, shelf: Shelf, beat: Heartbeat) -> None:
    settings, host = runtime.settings, urlsplit(url).hostname or ""
    at, validator = (shelf.size, shelf.validator) if shelf.validator else (0, None)
    pace = Pace(least=settings.fetch_least_rate, patience=settings.fetch_patience)
    with client_of(settings) as http, Reading(http, url, headers=asking(at, validator), beat=beat, pace=pace) as reading:
        offer = offer_of(reading.head(), host=host, at=at, validator=validator)
        if offer.start < shelf.size:
            shelf.clear()
        shelf.expect(total=offer.total, validator=offer.validator)
        try:
            for chunk in reading.chunks():
                shelf.add(chunk)
        except (RemoteUnavailable, RemoteTooSlow, Stopping):
            shelf.store()
            raise
    shelf.close()


def _back_off_s(runtime: Runtime, outages: int) -> float:
    """Doubling: somebody else's server is not asked every half a minute for two days."""
    return min(runtime.settings.outage_backoff.total_seconds() * 2.0 ** min(outages, 20), LONGEST_WAIT.total_seconds())
