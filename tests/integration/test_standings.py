"""How far several jobs are, asked for together: each as if it were asked for alone."""

from decimal import Decimal

from sqlalchemy import update

from core.settings import Settings
from db.models import Fetch, Job, Window
from db.session import Sessions
from db.standings import Arrival, Round, Standing, Tally, standings
from tests.integration import rows


def test_each_job_has_what_is_its_own(sessions: Sessions, settings: Settings) -> None:
    workspace_id = rows.workspace(sessions)

    def made() -> Job:
        return rows.job(sessions, rows.video(sessions, workspace_id), settings)[0]

    empty, fetched, halfway, ended = made(), made(), made(), made()
    first, *_ = rows.planned(sessions, halfway, spans=[(0, 60_000), (60_000, 120_000)])
    last = rows.planned(sessions, ended, spans=[(0, 60_000)])
    with sessions.begin() as session:
        for job, done in ((fetched, 10), (halfway, 20)):
            session.add(Fetch(workspace_id=workspace_id, job_id=job.id, bytes_done=done, bytes_total=20))
        used = {"calls": 2, "input_tokens": 3, "output_tokens": 5, "cost_usd": Decimal("0.25")}
        session.execute(update(Window).where(Window.id.in_([first.id, *(window.id for window in last)])).values(state="done", **used))
    with sessions.begin() as session:
        found = standings(session, [job.id for job in (empty, fetched, halfway, ended)])
        alone = {job_id: standings(session, [job_id])[job_id] for job_id in found}
    tally = Tally(windows_done=1, calls=2, input_tokens=3, output_tokens=5, cost_usd=Decimal("0.25"))
    assert found == alone
    assert found == {
        empty.id: Standing(),
        fetched.id: Standing(arrival=Arrival(10, 20)),
        halfway.id: Standing(tally, Round(0, 2, 1), Arrival(20, 20)),
        ended.id: Standing(tally, Round(0, 1, 1)),
    }
