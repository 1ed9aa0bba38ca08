"""When an appointment opens the health record, which depends on who booked it."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")

_APPOINTMENT = sa.table(
    "appointment",
    sa.column("id", sa.Uuid()),
    sa.column("schedule_id", sa.Integer()),
    sa.column("starts_at", INSTANT),
    sa.column("created_by", sa.Uuid()),
    sa.column("opens_record_at", INSTANT),
)
_SCHEDULE = sa.table(
    "schedule",
    sa.column("id", sa.Integer()),
    sa.column("practitioner_id", sa.Integer()),
    sa.column("centre_id", sa.Integer()),
)
_PRACTITIONER = sa.table(
    "practitioner", sa.column("id", sa.Integer()), sa.column("account_id", sa.Uuid())
)
_CENTRE = sa.table("centre", sa.column("id", sa.Integer()), sa.column("time_zone", sa.String()))


def upgrade() -> None:
    """Add the column, and fill it in where practitioners booked their own appointments."""
    op.add_column("appointment", sa.Column("opens_record_at", INSTANT, nullable=True))
    own = (
        sa.select(_APPOINTMENT.c.id, _APPOINTMENT.c.starts_at, _CENTRE.c.time_zone)
        .join_from(_APPOINTMENT, _SCHEDULE, _SCHEDULE.c.id == _APPOINTMENT.c.schedule_id)
        .join(_PRACTITIONER, _PRACTITIONER.c.id == _SCHEDULE.c.practitioner_id)
        .join(_CENTRE, _CENTRE.c.id == _SCHEDULE.c.centre_id)
        .where(_APPOINTMENT.c.created_by == _PRACTITIONER.c.account_id)
    )
    bind = op.get_bind()
    days = [
        {"key": row.id, "day": _day_start(row.starts_at, row.time_zone)}
        for row in bind.execute(own).all()
    ]
    if days:
        change = (
            sa.update(_APPOINTMENT)
            .where(_APPOINTMENT.c.id == sa.bindparam("key"))
            .values(opens_record_at=sa.bindparam("day"))
        )
        bind.execute(change, days)


def _day_start(starts_at: datetime, time_zone: str) -> datetime:
    """Return midnight at the centre on the day of ``starts_at``; both are naive and in UTC."""
    zone = ZoneInfo(time_zone)
    day = starts_at.replace(tzinfo=UTC).astimezone(zone).date()
    return datetime.combine(day, time(), zone).astimezone(UTC).replace(tzinfo=None)


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("appointment", "opens_record_at")
