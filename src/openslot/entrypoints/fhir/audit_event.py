"""AuditEvent: the audit log, for network administrators and their programs."""

from datetime import datetime

from openslot.booking.queries import Condition
from openslot.core.actor import Actor, Role
from openslot.core.audit import AuditEvent
from openslot.entrypoints.fhir.elements import Json, Site, instant, meta, reference, resource
from openslot.entrypoints.fhir.parameters import Code, Moment
from openslot.entrypoints.fhir.patient import read_uuid
from openslot.entrypoints.fhir.resource import Resource
from openslot.entrypoints.rules import Rule

DICOM = "http://dicom.nema.org/resources/ontology/DCM"
RECORD = {"system": DICOM, "code": "110110", "display": "Patient Record"}
ACTIVITY = {"system": DICOM, "code": "110100", "display": "Application Activity"}

KINDS = {"appointment": "Appointment", "patient": "Patient", "referral": "ServiceRequest"}
"""Resources by the name of the audit log's subject."""

CREATES = frozenset(
    {"added", "booked", "created", "entered", "held", "opened", "recorded", "written"}
)
READS = frozenset({"listed", "opened-history", "read", "refused", "shown", "viewed"})


def show(row: AuditEvent, site: Site) -> Json:
    """Return the event as a FHIR resource."""
    name, _, key = row.subject.partition(":")
    verb = row.action.rpartition(".")[2]
    program = row.details.get("program")
    account = f"account {row.account_id}" if row.account_id else None
    agent = program or account or "OpenSlot"
    return resource(
        "AuditEvent",
        row.id,
        meta(row.at, "1"),
        type=RECORD if name in KINDS else ACTIVITY,
        subtype=[{"system": site.system("audit-action"), "code": row.action}],
        action="C" if verb in CREATES else "R" if verb in READS else "U",
        recorded=instant(row.at),
        outcome="0",
        agent=[
            {
                "who": {"display": agent},
                "requestor": True,
                "network": {"address": row.address, "type": "2"} if row.address else None,
            }
        ],
        source={"observer": {"display": "OpenSlot"}},
        entity=[
            {
                "what": reference(KINDS[name], key)
                if name in KINDS
                else {"identifier": {"value": row.subject}}
            }
        ],
    )


def _seen(actor: Actor, _now: datetime) -> Condition | None:
    is_reader = actor.is_a(Role.NETWORK_ADMIN) and actor.reaches(None)
    return None if is_reader else AuditEvent.id.is_(None)


RESOURCE = Resource(
    name="AuditEvent",
    rule=Rule.MANAGED,
    about="The audit log; for network administrators and their programs.",
    rows=AuditEvent,
    entities=(AuditEvent,),
    key=AuditEvent.id,
    read_id=read_uuid,
    changed=AuditEvent.at,
    show=show,
    seen=_seen,
    parameters={
        "date": Moment("When it happened.", AuditEvent.at),
        "subtype": Code(
            "The action, for example appointment.booked.", AuditEvent.action, system="audit-action"
        ),
    },
)
