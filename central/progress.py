"""How far each journal of a box has arrived: epochs, forks, gaps, and what may be acknowledged."""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from appliance.records.watermark import MAX_GAPS
from central.database import insert_once
from central.tables import EPOCHS, RECORDS


class Progress:
    """Within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def note_epoch(self, device: str, epoch: str) -> int:
        """Remember when this journal of the box was first heard of; the how manieth it is, 0 if known."""
        if not insert_once(self.connection, EPOCHS, device=device, epoch=epoch, first_seen_at=_now()):
            return 0
        query = sa.select(sa.func.count()).where(EPOCHS.c.device == device)
        return int(self.connection.execute(query).scalar_one())

    def epochs(self) -> list[tuple[str, str]]:
        """Every journal of a box that was heard of, as device and epoch."""
        rows = self.connection.execute(
            sa.select(EPOCHS.c.device, EPOCHS.c.epoch).order_by(EPOCHS.c.device, EPOCHS.c.epoch)
        )
        return [(row.device, row.epoch) for row in rows]

    def knows_epoch(self, device: str, epoch: str) -> bool:
        found = self.connection.execute(sa.select(EPOCHS.c.epoch).where(_is_epoch(device, epoch)))
        return found.first() is not None

    def note_fork(self, device: str, epoch: str, seq: int) -> None:
        """The box has signed two records with this number: nothing from here on is acknowledged."""
        self.connection.execute(
            sa.update(EPOCHS)
            .where(_is_epoch(device, epoch), sa.func.coalesce(EPOCHS.c.forked_at, seq) >= seq)
            .values(forked_at=seq)
        )

    def present_epoch(self, device: str) -> str | None:
        """The journal of the box that was heard of last."""
        query = (
            sa.select(EPOCHS.c.epoch)
            .where(EPOCHS.c.device == device)
            .order_by(EPOCHS.c.first_seen_at.desc(), EPOCHS.c.epoch.desc())
            .limit(1)
        )
        return self.connection.execute(query).scalar()

    def is_forked(self, device: str, epoch: str) -> bool:
        query = sa.select(EPOCHS.c.forked_at).where(_is_epoch(device, epoch))
        return self.connection.execute(query).scalar() is not None

    def acknowledged(self, device: str, epoch: str, *, above: int = 0) -> int:
        """How far records may be acknowledged: no gap, and no number that was signed twice.

        The numbers up to `above` were all there when asked before, which saves the walk over them.
        """
        forked_at = self.connection.execute(
            sa.select(EPOCHS.c.forked_at).where(_is_epoch(device, epoch))
        ).scalar_one_or_none()
        reached = self._contiguous(device, epoch, above)
        return reached if forked_at is None else min(reached, int(forked_at) - 1)

    def gaps(self, device: str, epoch: str, *, above: int) -> tuple[tuple[int, int], ...]:
        """First and last number of each run that is missing below others, the lowest first."""
        before = sa.func.lag(RECORDS.c.seq, 1, above).over(order_by=RECORDS.c.seq).label("before")
        above_it = sa.and_(RECORDS.c.device == device, RECORDS.c.epoch == epoch, RECORDS.c.seq > above)
        held = sa.select(RECORDS.c.seq, before).where(above_it).subquery()
        query = (
            sa.select(held.c.before, held.c.seq)
            .where(held.c.seq - held.c.before > 1)
            .order_by(held.c.seq)
            .limit(MAX_GAPS)
        )
        return tuple((int(row.before) + 1, int(row.seq) - 1) for row in self.connection.execute(query))

    def top(self, device: str, epoch: str) -> int | None:
        """The highest number that is committed; None when none is."""
        found = sa.select(sa.func.max(RECORDS.c.seq)).where(
            RECORDS.c.device == device, RECORDS.c.epoch == epoch
        )
        return self.connection.execute(found).scalar()

    def _contiguous(self, device: str, epoch: str, above: int) -> int:
        """The highest number without a gap below it."""
        if above and not self._has(device, epoch, above):
            above = 0  # an older copy of the database was put back: only what it holds is signed for
        start = above or 1
        if not self._has(device, epoch, start):
            return 0
        # The first number whose successor is missing, by one index walk from where we stand.
        here, successor = RECORDS.alias("here"), RECORDS.alias("successor")
        query = (
            sa.select(here.c.seq)
            .select_from(
                here.outerjoin(
                    successor,
                    (successor.c.device == here.c.device)
                    & (successor.c.epoch == here.c.epoch)
                    & (successor.c.seq == here.c.seq + 1),
                )
            )
            .where(
                here.c.device == device,
                here.c.epoch == epoch,
                here.c.seq >= start,
                successor.c.seq.is_(None),
            )
            .order_by(here.c.seq)
            .limit(1)
        )
        return int(self.connection.execute(query).scalar_one())

    def _has(self, device: str, epoch: str, seq: int) -> bool:
        found = self.connection.execute(sa.select(RECORDS.c.seq).where(_is(device, epoch, seq)))
        return found.first() is not None


def _is(device: str, epoch: str, seq: int) -> sa.ColumnElement[bool]:
    return sa.and_(RECORDS.c.device == device, RECORDS.c.epoch == epoch, RECORDS.c.seq == seq)


def _is_epoch(device: str, epoch: str) -> sa.ColumnElement[bool]:
    return sa.and_(EPOCHS.c.device == device, EPOCHS.c.epoch == epoch)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
