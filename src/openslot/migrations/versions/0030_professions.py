"""Professions are rows, which a network adds to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0030"
down_revision = "0027"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")

BY_REFERRAL, REFERRING = "Specialist", "GP"

BUILT_IN = {
    "GP": (
        "general practitioner, family doctor, family physician, family practitioner",
        "doctor dr general practitioner physician family headache migraine fever cough cold flu "
        "sore throat sick unwell infection rash skin mole stomach pain tired dizzy blood pressure "
        "checkup check certificate script prescription referral travel ear ears ache urgent injury "
        "broken arm leg child children kids baby contraception pill",
        ("124", "General Practice"),
        ("394814009", "General practice"),
    ),
    "Specialist": (
        "medical specialist, specialist doctor, consultant physician",
        None,
        None,
        None,
    ),
    "Physiotherapist": (
        "physio, physical therapist",
        "physiotherapy physical therapist back neck shoulder knee ankle hip muscle pain sprain "
        "sports injury massage rehabilitation",
        ("65", "Physiotherapy"),
        ("722138006", "Physiotherapy"),
    ),
    "Pathologist": (
        None,
        "pathology blood urine test",
        ("159", "Pathology - General"),
        ("394915009", "General pathology"),
    ),
    "Pharmacist": (
        "chemist, community pharmacist, clinical pharmacist",
        "chemist pharmacy medicine medication tablets script",
        ("64", "Pharmacy"),
        None,
    ),
    "Radiographer": (
        "radiologic technologist, diagnostic radiographer, sonographer",
        "radiography imaging x-ray xray scan broken fracture bone",
        ("209", "Diag. Radiology /Xray /CT /Fluoroscopy"),
        ("394914008", "Radiology"),
    ),
    "Nurse": (
        "registered nurse, enrolled nurse, nurse practitioner, practice nurse, rn",
        "nursing wound dressing stitches injection blood pressure",
        ("59", "Nursing"),
        None,
    ),
    "Dentist": (
        "dental surgeon, dental practitioner",
        "dental teeth tooth toothache filling gums mouth",
        ("88", "General Dental"),
        ("408444009", "General dental practice"),
    ),
    "Psychologist": (
        "clinical psychologist",
        "psychology counselling mental health anxiety depression stress sleep panic trauma "
        "therapy therapist",
        ("142", "Psychology"),
        None,
    ),
    "Dietitian": (
        "dietician, registered dietitian",
        "nutrition diet food eating weight",
        ("53", "Dietetics"),
        None,
    ),
    "Audiologist": (
        "clinical audiologist",
        "audiology hearing ear ears test",
        ("50", "Audiology"),
        None,
    ),
    "Chiropractor": (
        "doctor of chiropractic",
        "chiropractic back neck spine pain",
        ("52", "Chiropractic"),
        None,
    ),
    "Counsellor": (
        "counselor",
        "counselling counselor mental health anxiety depression stress grief",
        ("74", "Generalist Counselling"),
        None,
    ),
    "Diabetes educator": (
        "credentialled diabetes educator",
        "diabetes education sugar insulin",
        ("488", "Diabetes Educator"),
        None,
    ),
    "Exercise physiologist": (
        "accredited exercise physiologist",
        "exercise physiology",
        ("491", "Exercise Physiology"),
        None,
    ),
    "Midwife": ("registered midwife", "midwifery pregnancy pregnant birth baby", None, None),
    "Occupational therapist": (
        "ot, occupational therapy practitioner",
        "occupational therapy",
        ("61", "Occupational Therapy"),
        None,
    ),
    "Optometrist": (
        "doctor of optometry",
        "optometry optician eyes eye test vision glasses contact lenses",
        ("62", "Optometry"),
        None,
    ),
    "Osteopath": ("osteopathic practitioner", "osteopathy", ("63", "Osteopathy"), None),
    "Podiatrist": (
        "chiropodist",
        "podiatry chiropodist feet foot heel toe nail",
        ("66", "Podiatry"),
        None,
    ),
    "Social worker": (
        "mental health social worker, clinical social worker",
        "social work",
        ("580", "Social Work"),
        None,
    ),
    "Speech pathologist": (
        "speech therapist, speech language pathologist, speech and language therapist",
        "speech pathology therapy therapist stutter swallowing",
        ("68", "Speech Pathology/Therapy"),
        None,
    ),
}
"""Other names in files, words to search for, and the codes of HL7 and SNOMED CT, by code, in the
order of lists."""

ROWS = [
    {
        "code": code,
        "name": code,
        "position": position,
        "needs_referral": code == BY_REFERRAL,
        "may_refer": code == REFERRING,
        "other_names": other_names,
        "search_words": search_words,
        "hl7_code": hl7[0] if hl7 else None,
        "hl7_display": hl7[1] if hl7 else None,
        "snomed_code": snomed[0] if snomed else None,
        "snomed_display": snomed[1] if snomed else None,
        "active": True,
    }
    for position, (code, (other_names, search_words, hl7, snomed)) in enumerate(
        BUILT_IN.items(), start=1
    )
]

USERS = ("practitioner", "service_need", "waiting_entry")
"""Tables with a column that is the code of a profession."""


def upgrade() -> None:
    """Add the professions that there were, and any other word that somebody's profession is."""
    professions = op.create_table(
        "profession",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("needs_referral", sa.Boolean(), nullable=False),
        sa.Column("may_refer", sa.Boolean(), nullable=False),
        sa.Column("other_names", sa.String(500), nullable=True),
        sa.Column("search_words", sa.String(500), nullable=True),
        sa.Column("hl7_code", sa.String(40), nullable=True),
        sa.Column("hl7_display", sa.String(100), nullable=True),
        sa.Column("snomed_code", sa.String(40), nullable=True),
        sa.Column("snomed_display", sa.String(100), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False, server_default="2026-01-01 00:00:00"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profession")),
        sa.UniqueConstraint("code", name=op.f("uq_profession_code")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    op.bulk_insert(professions, ROWS)
    for table in USERS:
        _add_words_of(table)
        with op.batch_alter_table(table) as batch:
            batch.create_foreign_key(
                op.f(f"fk_{table}_profession_profession"), "profession", ["profession"], ["code"]
            )
            batch.create_index(op.f(f"ix_{table}_profession"), ["profession"])


def _add_words_of(table: str) -> None:
    user, profession = sa.table(table, sa.column("profession")), sa.table("profession")
    columns = ("code", "name", "position", "needs_referral", "may_refer", "active")
    profession = sa.table("profession", *map(sa.column, columns))
    words = sa.select(
        user.c.profession,
        user.c.profession,
        sa.literal(len(ROWS) + 1),
        sa.false(),
        sa.false(),
        sa.true(),
    ).where(
        user.c.profession.is_not(None),
        user.c.profession.not_in(sa.select(profession.c.code)),
    )
    op.execute(sa.insert(profession).from_select(columns, words.distinct()))


def downgrade() -> None:
    """Remove them. Everybody keeps the code of their profession, also one that was added."""
    for table in USERS:
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(op.f(f"fk_{table}_profession_profession"), type_="foreignkey")
            batch.drop_index(op.f(f"ix_{table}_profession"))
    op.drop_table("profession")
