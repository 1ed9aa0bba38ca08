"""The life of a patient's data: merges, erasure, the end of a carer's access, old audit events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Add the table of merges, and the columns."""
    op.add_column("audit_seal", sa.Column("removed_at", INSTANT, nullable=True))
    with op.batch_alter_table("patient") as patient:
        patient.add_column(sa.Column("merged_into", sa.Uuid(), nullable=True))
        patient.add_column(sa.Column("erased_at", INSTANT, nullable=True))
        patient.create_foreign_key(
            op.f("fk_patient_merged_into_patient"), "patient", ["merged_into"], ["id"]
        )
        patient.create_index(op.f("ix_patient_merged_into"), ["merged_into"])
        patient.create_index(op.f("ix_patient_erased_at"), ["erased_at"])
    with op.batch_alter_table("dependent") as dependent:
        dependent.add_column(sa.Column("told_at", INSTANT, nullable=True))
        dependent.add_column(sa.Column("warned_at", INSTANT, nullable=True))
        dependent.add_column(sa.Column("continues_at", INSTANT, nullable=True))
        dependent.add_column(sa.Column("continues_by", sa.Uuid(), nullable=True))
        dependent.create_foreign_key(
            op.f("fk_dependent_continues_by_account"),
            "account",
            ["continues_by"],
            ["id"],
            ondelete="SET NULL",
        )
    op.create_table(
        "patient_merge",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("duplicate_id", sa.Uuid(), nullable=False),
        sa.Column("moved", sa.JSON(), nullable=False),
        sa.Column("merged_at", INSTANT, nullable=False),
        sa.Column("merged_by", sa.Uuid(), nullable=True),
        sa.Column("undone_at", INSTANT, nullable=True),
        sa.Column("undone_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_patient_merge_patient_id_patient")
        ),
        sa.ForeignKeyConstraint(
            ["duplicate_id"], ["patient.id"], name=op.f("fk_patient_merge_duplicate_id_patient")
        ),
        sa.ForeignKeyConstraint(
            ["merged_by"],
            ["account.id"],
            name=op.f("fk_patient_merge_merged_by_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["undone_by"],
            ["account.id"],
            name=op.f("fk_patient_merge_undone_by_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_merge")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    op.create_index(op.f("ix_patient_merge_patient_id"), "patient_merge", ["patient_id"])
    op.create_index(op.f("ix_patient_merge_duplicate_id"), "patient_merge", ["duplicate_id"])


def downgrade() -> None:
    """Drop them; merges can no longer be undone, and duplicates stay inactive."""
    op.drop_table("patient_merge")
    with op.batch_alter_table("dependent") as dependent:
        dependent.drop_constraint(op.f("fk_dependent_continues_by_account"), type_="foreignkey")
        for column in ("continues_by", "continues_at", "warned_at", "told_at"):
            dependent.drop_column(column)
    with op.batch_alter_table("patient") as patient:
        patient.drop_constraint(op.f("fk_patient_merged_into_patient"), type_="foreignkey")
        patient.drop_index(op.f("ix_patient_erased_at"))
        patient.drop_index(op.f("ix_patient_merged_into"))
        patient.drop_column("erased_at")
        patient.drop_column("merged_into")
    op.drop_column("audit_seal", "removed_at")
