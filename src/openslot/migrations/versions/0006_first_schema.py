"""First schema.

The names of constraints and indexes follow the convention in ``core/db.py``. The revision is 0006
because five others led here before this was one step.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
DIGEST = sa.LargeBinary(32).with_variant(sa.BINARY(32), "mysql", "mariadb")
BITMAP = sa.LargeBinary(36).with_variant(sa.BINARY(36), "mysql", "mariadb")
EMAIL = sa.String(254).with_variant(
    mysql.VARCHAR(254, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
)
"""The one text that MariaDB compared by bytes before revision 0007."""

TABLES = (
    "account",
    "api_client",
    "audit_seal",
    "diary",
    "directory_version",
    "kept_answer",
    "outbox_message",
    "sign_in_failure",
    "turn",
    "used_assertion",
    "absence",
    "account_session",
    "api_key",
    "api_token",
    "audit_event",
    "calendar_feed",
    "centre",
    "diary_page",
    "notification_preference",
    "patient",
    "practitioner",
    "webhook_endpoint",
    "closure",
    "department",
    "dependent",
    "emergency_access",
    "rating",
    "referral",
    "room",
    "webhook_delivery",
    "favourite",
    "service",
    "staff_member",
    "schedule",
    "appointment",
    "opening_hours",
    "absence_decision",
    "history_entry",
    "service_request",
    "waiting_entry",
    "offer",
    "waiting_centre",
)
"""All tables, each after those that it refers to."""


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("email", EMAIL, nullable=False, unique=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("password", sa.String(255), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("fs_uniquifier", sa.String(64), nullable=False, unique=True),
        sa.Column("confirmed_at", INSTANT),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("locale", sa.String(20)),
        sa.Column("time_zone", sa.String(64)),
        sa.Column("theme", sa.String(10), nullable=False),
        sa.Column("external_id", sa.String(64), unique=True),
        sa.Column("created_at", INSTANT, nullable=False),
    )
    op.create_table(
        "api_client",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("jwks", sa.JSON()),
        sa.Column("jwks_url", sa.String(500)),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT),
    )
    op.create_table(
        "audit_seal",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("sealed_at", INSTANT, nullable=False),
    )
    op.create_table(
        "diary",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
    )
    op.create_table(
        "directory_version",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer(), nullable=False),
    )
    op.create_table(
        "kept_answer",
        sa.Column("key_hash", sa.String(64), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False, index=True),
        sa.Column("status", sa.Integer()),
        sa.Column("headers", sa.JSON()),
        sa.Column("body", sa.Text()),
    )
    op.create_table(
        "outbox_message",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("topic", sa.String(60), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("leased_until", INSTANT),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("finished_at", INSTANT),
        sa.Column("error", sa.Text()),
        sa.Index(None, "state", "due_at"),
        sa.Index(None, "topic", "created_at"),
    )
    op.create_table(
        "sign_in_failure",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Index(None, "address", "at"),
        sa.Index(None, "email", "at"),
    )
    op.create_table("turn", sa.Column("name_hash", sa.String(64), primary_key=True))
    op.create_table(
        "used_assertion",
        sa.Column("jti_hash", DIGEST, primary_key=True),
        sa.Column("ends_at", INSTANT, nullable=False, index=True),
    )
    op.create_table(
        "absence",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("diary_id", sa.Integer(), sa.ForeignKey("diary.id"), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("reason", sa.String(200)),
        sa.Column("created_by", sa.Uuid(), sa.ForeignKey("account.id", ondelete="SET NULL")),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Index(None, "diary_id", "ends_at"),
    )
    op.create_table(
        "account_session",
        sa.Column("token_hash", DIGEST, primary_key=True),
        sa.Column(
            "account_id",
            sa.Uuid(),
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("address", sa.String(45)),
        sa.Column("agent", sa.String(200)),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("token_hash", DIGEST, nullable=False, unique=True),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("networks", sa.String(500), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Uuid(), sa.ForeignKey("account.id", ondelete="SET NULL")),
        sa.Column("revoked_at", INSTANT),
        sa.Column("used_at", INSTANT),
    )
    op.create_table(
        "api_token",
        sa.Column("token_hash", DIGEST, primary_key=True),
        sa.Column(
            "account_id", sa.Uuid(), sa.ForeignKey("account.id", ondelete="CASCADE"), index=True
        ),
        sa.Column("client_id", sa.Uuid(), sa.ForeignKey("api_client.id", ondelete="CASCADE")),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("is_refresh", sa.Boolean(), nullable=False),
        sa.Column("family", sa.Uuid(), nullable=False, index=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False, index=True),
        sa.Column("used_at", INSTANT),
    )
    op.create_table(
        "audit_event",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("at", INSTANT, nullable=False, index=True),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("account_id", sa.Uuid()),
        sa.Column("address", sa.String(45)),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("seal_number", sa.Integer(), sa.ForeignKey("audit_seal.number"), index=True),
        sa.Index(None, "account_id", "at"),
        sa.Index(None, "subject", "at"),
    )
    op.create_table(
        "calendar_feed",
        sa.Column(
            "account_id",
            sa.Uuid(),
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("token_hash", DIGEST, nullable=False, unique=True),
        sa.Column("made_at", INSTANT, nullable=False),
    )
    op.create_table(
        "centre",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("diary_id", sa.Integer(), sa.ForeignKey("diary.id"), nullable=False, unique=True),
        sa.Column("name", sa.String(200), nullable=False, unique=True),
        sa.Column("type", sa.String(40), nullable=False),
        sa.Column("suburb", sa.String(100), nullable=False),
        sa.Column("address", sa.String(300)),
        sa.Column("phone", sa.String(40)),
        sa.Column("email", sa.String(254)),
        sa.Column("business_number", sa.String(40), unique=True),
        sa.Column("description", sa.Text()),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("holiday_region", sa.String(12)),
        sa.Column("picture_url", sa.String(500)),
        sa.Column("latitude", sa.Double()),
        sa.Column("longitude", sa.Double()),
        sa.Column("external_id", sa.String(64), unique=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False, server_default="2026-01-01 00:00:00"),
    )
    op.create_table(
        "diary_page",
        sa.Column(
            "diary_id",
            sa.Integer(),
            sa.ForeignKey("diary.id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("taken", BITMAP, nullable=False),
    )
    op.create_table(
        "notification_preference",
        sa.Column(
            "account_id",
            sa.Uuid(),
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("visits", sa.Boolean(), nullable=False),
        sa.Column("reminders", sa.Boolean(), nullable=False),
        sa.Column("offers", sa.Boolean(), nullable=False),
        sa.Column("referrals", sa.Boolean(), nullable=False),
        sa.Column("requests", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "patient",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("diary_id", sa.Integer(), sa.ForeignKey("diary.id"), nullable=False, unique=True),
        sa.Column(
            "account_id", sa.Uuid(), sa.ForeignKey("account.id", ondelete="SET NULL"), unique=True
        ),
        sa.Column("name", sa.String(200), nullable=False, index=True),
        sa.Column("born", sa.Date()),
        sa.Column("email", sa.String(254), index=True),
        sa.Column("phone", sa.String(40)),
        sa.Column("medicare_number", sa.String(40)),
        sa.Column("time_zone", sa.String(64)),
        sa.Column("language", sa.String(40)),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False, server_default="2026-01-01 00:00:00"),
    )
    op.create_table(
        "practitioner",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("diary_id", sa.Integer(), sa.ForeignKey("diary.id"), nullable=False, unique=True),
        sa.Column("account_id", sa.Uuid(), sa.ForeignKey("account.id"), unique=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("profession", sa.String(40), nullable=False),
        sa.Column("expertise", sa.String(100)),
        sa.Column("provider_number", sa.String(40)),
        sa.Column("phone", sa.String(40)),
        sa.Column("email", sa.String(254)),
        sa.Column("languages", sa.String(200), nullable=False),
        sa.Column("about", sa.Text()),
        sa.Column("either_place", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False, server_default="2026-01-01 00:00:00"),
    )
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(100), nullable=False),
        sa.Column("old_secret", sa.String(100)),
        sa.Column("old_secret_ends_at", INSTANT),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Uuid(), sa.ForeignKey("account.id", ondelete="SET NULL")),
        sa.Column("stopped_at", INSTANT),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.Column("rests_until", INSTANT),
    )
    op.create_table(
        "closure",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("centre_id", sa.Integer(), sa.ForeignKey("centre.id"), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Index(None, "centre_id", "ends_at"),
    )
    op.create_table(
        "department",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("centre_id", sa.Integer(), sa.ForeignKey("centre.id"), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("phone", sa.String(40)),
        sa.Column("email", sa.String(254)),
        sa.Column("picture_url", sa.String(500)),
        sa.Column("external_id", sa.String(64), unique=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False, server_default="2026-01-01 00:00:00"),
        sa.UniqueConstraint("centre_id", "name"),
    )
    op.create_table(
        "dependent",
        sa.Column("patient_id", sa.Uuid(), sa.ForeignKey("patient.id"), primary_key=True),
        sa.Column("carer_id", sa.Uuid(), sa.ForeignKey("patient.id"), nullable=False, index=True),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("invited", sa.String(254)),
        sa.Column("invited_at", INSTANT),
    )
    op.create_table(
        "emergency_access",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("patient_id", sa.Uuid(), sa.ForeignKey("patient.id"), nullable=False),
        sa.Column(
            "practitioner_id", sa.Integer(), sa.ForeignKey("practitioner.id"), nullable=False
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Index(None, "patient_id", "ends_at"),
    )
    op.create_table(
        "rating",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("patient_id", sa.Uuid(), sa.ForeignKey("patient.id"), nullable=False),
        sa.Column("practitioner_id", sa.Integer(), sa.ForeignKey("practitioner.id"), index=True),
        sa.Column("centre_id", sa.Integer(), sa.ForeignKey("centre.id"), index=True),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("rated_at", INSTANT, nullable=False),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name="stars"),
        sa.CheckConstraint("(practitioner_id IS NULL) <> (centre_id IS NULL)", name="one_subject"),
        sa.UniqueConstraint("patient_id", "centre_id", name="uq_rating_patient_centre"),
        sa.UniqueConstraint("patient_id", "practitioner_id"),
    )
    op.create_table(
        "referral",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("patient_id", sa.Uuid(), sa.ForeignKey("patient.id"), nullable=False),
        sa.Column("gp_id", sa.Integer(), sa.ForeignKey("practitioner.id"), nullable=False),
        sa.Column("practitioner_id", sa.Integer(), sa.ForeignKey("practitioner.id"), index=True),
        sa.Column("expertise", sa.String(100)),
        sa.Column("letter", sa.Text(), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT),
        sa.Column("expires_at", INSTANT),
        sa.Column("revoked_at", INSTANT),
        sa.Column("answer", sa.Text()),
        sa.Column("answered_by", sa.Integer(), sa.ForeignKey("practitioner.id")),
        sa.Column("answered_at", INSTANT),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(practitioner_id IS NULL) <> (expertise IS NULL)", name="one_addressee"
        ),
        sa.Index(None, "gp_id", "created_at"),
        sa.Index(None, "patient_id", "created_at"),
    )
    op.create_table(
        "room",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("diary_id", sa.Integer(), sa.ForeignKey("diary.id"), nullable=False, unique=True),
        sa.Column("centre_id", sa.Integer(), sa.ForeignKey("centre.id"), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.UniqueConstraint("centre_id", "name"),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column(
            "endpoint_id",
            sa.Uuid(),
            sa.ForeignKey("webhook_endpoint.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("event", sa.String(60), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("tried_at", INSTANT),
        sa.Column("next_at", INSTANT),
        sa.Column("answer", sa.String(200)),
        sa.Index(None, "endpoint_id", "created_at"),
    )
    op.create_table(
        "favourite",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column(
            "account_id", sa.Uuid(), sa.ForeignKey("account.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("practitioner_id", sa.Integer(), sa.ForeignKey("practitioner.id")),
        sa.Column("centre_id", sa.Integer(), sa.ForeignKey("centre.id")),
        sa.Column("department_id", sa.Integer(), sa.ForeignKey("department.id")),
        sa.Column("since", INSTANT, nullable=False),
        sa.CheckConstraint(
            "(CASE WHEN practitioner_id IS NULL THEN 0 ELSE 1 END)"
            " + (CASE WHEN centre_id IS NULL THEN 0 ELSE 1 END)"
            " + (CASE WHEN department_id IS NULL THEN 0 ELSE 1 END) = 1",
            name="one_subject",
        ),
        sa.UniqueConstraint("account_id", "centre_id", name="uq_favourite_account_centre"),
        sa.UniqueConstraint("account_id", "department_id", name="uq_favourite_account_department"),
        sa.UniqueConstraint("account_id", "practitioner_id"),
    )
    op.create_table(
        "service",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("diary_id", sa.Integer(), sa.ForeignKey("diary.id"), nullable=False, unique=True),
        sa.Column("department_id", sa.Integer(), sa.ForeignKey("department.id"), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("category", sa.String(100)),
        sa.Column("description", sa.Text()),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("phone", sa.String(40)),
        sa.Column("email", sa.String(254)),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False, server_default="2026-01-01 00:00:00"),
        sa.UniqueConstraint("department_id", "name"),
    )
    op.create_table(
        "staff_member",
        sa.Column(
            "account_id",
            sa.Uuid(),
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("centre_id", sa.Integer(), sa.ForeignKey("centre.id"), nullable=False),
        sa.Column("department_id", sa.Integer(), sa.ForeignKey("department.id")),
        sa.Column("phone", sa.String(40)),
        sa.Column("waits", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "schedule",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column(
            "centre_id", sa.Integer(), sa.ForeignKey("centre.id"), nullable=False, index=True
        ),
        sa.Column("practitioner_id", sa.Integer(), sa.ForeignKey("practitioner.id")),
        sa.Column("service_id", sa.Integer(), sa.ForeignKey("service.id"), unique=True),
        sa.Column("room_id", sa.Integer(), sa.ForeignKey("room.id")),
        sa.Column("slot_minutes", sa.Integer(), nullable=False),
        sa.Column("max_slots", sa.Integer(), nullable=False),
        sa.Column("notice_minutes", sa.Integer(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False, server_default="2026-01-01 00:00:00"),
        sa.CheckConstraint("(practitioner_id IS NULL) <> (service_id IS NULL)", name="one_subject"),
        sa.UniqueConstraint("practitioner_id", "centre_id"),
    )
    op.create_table(
        "appointment",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("schedule_id", sa.Integer(), sa.ForeignKey("schedule.id"), nullable=False),
        sa.Column("patient_id", sa.Uuid(), sa.ForeignKey("patient.id")),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("priority", sa.String(10), nullable=False),
        sa.Column("task", sa.String(200)),
        sa.Column("reason", sa.Text()),
        sa.Column("status_reason", sa.String(500)),
        sa.Column("held_until", INSTANT),
        sa.Column("extensions", sa.Integer(), nullable=False),
        sa.Column("offered", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("referral_id", sa.Uuid(), sa.ForeignKey("referral.id"), index=True),
        sa.Column("referral_use", sa.Uuid(), unique=True),
        sa.Column("one_a_day", sa.String(80), unique=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Uuid(), sa.ForeignKey("account.id", ondelete="SET NULL")),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.Column("external_id", sa.String(300), unique=True),
        sa.Index(None, "patient_id", "starts_at"),
        sa.Index(None, "schedule_id", "starts_at"),
        sa.Index(None, "status", "held_until"),
    )
    op.create_table(
        "opening_hours",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column(
            "schedule_id",
            sa.Integer(),
            sa.ForeignKey("schedule.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("ends", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date()),
        sa.Column("valid_until", sa.Date()),
    )
    op.create_table(
        "absence_decision",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column(
            "absence_id", sa.Uuid(), sa.ForeignKey("absence.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("appointment_id", sa.Uuid(), sa.ForeignKey("appointment.id"), nullable=False),
        sa.Column("choice", sa.String(10), nullable=False),
        sa.Column("schedule_id", sa.Integer(), sa.ForeignKey("schedule.id")),
        sa.Column("starts_at", INSTANT),
        sa.Column("progress", sa.String(10), nullable=False),
        sa.Column("problem", sa.String(60)),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.Column("decided_by", sa.Uuid(), sa.ForeignKey("account.id", ondelete="SET NULL")),
        sa.Column("done_at", INSTANT),
        sa.UniqueConstraint("absence_id", "appointment_id"),
    )
    op.create_table(
        "history_entry",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("patient_id", sa.Uuid(), sa.ForeignKey("patient.id"), nullable=False),
        sa.Column(
            "practitioner_id", sa.Integer(), sa.ForeignKey("practitioner.id"), nullable=False
        ),
        sa.Column("centre_id", sa.Integer(), sa.ForeignKey("centre.id")),
        sa.Column("appointment_id", sa.Uuid(), sa.ForeignKey("appointment.id"), index=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("medication", sa.String(200)),
        sa.Column("dose", sa.String(200)),
        sa.Column("corrects_id", sa.Uuid(), sa.ForeignKey("history_entry.id"), unique=True),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Index(None, "patient_id", "recorded_at"),
    )
    op.create_table(
        "service_request",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("service_id", sa.Integer(), sa.ForeignKey("service.id"), nullable=False),
        sa.Column("department_id", sa.Integer(), sa.ForeignKey("department.id"), nullable=False),
        sa.Column("patient_id", sa.Uuid(), sa.ForeignKey("patient.id")),
        sa.Column("task", sa.String(200), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("priority", sa.String(10), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("proposed_at", INSTANT),
        sa.Column("answer", sa.String(500)),
        sa.Column("appointment_id", sa.Uuid(), sa.ForeignKey("appointment.id"), unique=True),
        sa.Column("stars", sa.Integer()),
        sa.Column("rated_at", INSTANT),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Uuid(), sa.ForeignKey("account.id", ondelete="SET NULL")),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.CheckConstraint("stars IS NULL OR stars BETWEEN 1 AND 5", name="stars"),
        sa.Index(None, "department_id", "status"),
        sa.Index(None, "service_id", "status"),
    )
    op.create_table(
        "waiting_entry",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("patient_id", sa.Uuid(), sa.ForeignKey("patient.id"), index=True),
        sa.Column("department_id", sa.Integer(), sa.ForeignKey("department.id"), index=True),
        sa.Column("appointment_id", sa.Uuid(), sa.ForeignKey("appointment.id")),
        sa.Column("schedule_id", sa.Integer(), sa.ForeignKey("schedule.id")),
        sa.Column("practitioner_id", sa.Integer(), sa.ForeignKey("practitioner.id")),
        sa.Column("profession", sa.String(40)),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("starts_from", INSTANT, nullable=False),
        sa.Column("starts_until", INSTANT, nullable=False),
        sa.Column("priority", sa.String(10), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Uuid(), sa.ForeignKey("account.id", ondelete="SET NULL")),
        sa.Column("ended_at", INSTANT),
        sa.CheckConstraint("(patient_id IS NULL) <> (department_id IS NULL)", name="one_waits"),
        sa.Index(None, "status", "created_at"),
    )
    op.create_table(
        "offer",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("entry_id", sa.Uuid(), sa.ForeignKey("waiting_entry.id"), index=True),
        sa.Column(
            "decision_id", sa.Uuid(), sa.ForeignKey("absence_decision.id", ondelete="SET NULL")
        ),
        sa.Column("appointment_id", sa.Uuid(), sa.ForeignKey("appointment.id"), index=True),
        sa.Column(
            "hold_id", sa.Uuid(), sa.ForeignKey("appointment.id"), nullable=False, unique=True
        ),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("answered_at", INSTANT),
        sa.Index(None, "status", "expires_at"),
    )
    op.create_table(
        "waiting_centre",
        sa.Column(
            "entry_id",
            sa.Uuid(),
            sa.ForeignKey("waiting_entry.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("centre_id", sa.Integer(), sa.ForeignKey("centre.id"), primary_key=True),
    )


def downgrade() -> None:
    """Drop all tables, with all data."""
    for table in reversed(TABLES):
        op.drop_table(table)
