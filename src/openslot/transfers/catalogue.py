"""What an export of everything has of the database: which tables come back, which are for reading,
and which stay where they are. A test asks for a line for each new table."""

from collections.abc import Mapping

RETURNING = frozenset(
    {
        "absence",
        "absence_decision",
        "account",
        "appointment",
        "appointment_answer",
        "appointment_resource",
        "calendar_elsewhere",
        "centre",
        "closure",
        "department",
        "dependent",
        "diary",
        "emergency_access",
        "favourite",
        "further_desk",
        "group_session",
        "group_session_resource",
        "history_entry",
        "hours_service",
        "linked_identity",
        "notification_preference",
        "offer",
        "offered_service",
        "opening_hours",
        "outbox_message",
        "patient",
        "patient_merge",
        "practitioner",
        "profession",
        "rating",
        "referral",
        "resource_group",
        "resource_group_member",
        "room",
        "schedule",
        "service",
        "service_need",
        "service_question",
        "service_request",
        "sms_number",
        "staff_member",
        "staff_request",
        "waiting_centre",
        "waiting_entry",
    }
)
"""Tables that are imported again; of the outbox the reminders that are to come (queries.py)."""

CREDENTIALS = frozenset(
    {
        "api_client",
        "api_key",
        "authenticator",
        "calendar_feed",
        "consent",
        "passkey",
        "recovery_code",
        "webhook_endpoint",
    }
)
"""Tables of what lets people and programs in, which are written only if that is asked for."""

READABLE = frozenset({"audit_event", "audit_seal"})
"""Tables that are written to be read: what another installation did is no event of the next one,
and its seals are made with another key."""

LEFT_OUT: Mapping[str, str] = {
    "account_session": "everybody signs in again",
    "api_token": "everybody signs in again",
    "authorization_code": "of the moment",
    "bulk_export": "of the moment",
    "deployment_fact": "of this installation",
    "diary_page": "made anew from appointments and absences",
    "directory_change": "of this installation",
    "directory_version": "of this installation",
    "kept_answer": "of the moment",
    "limit_count": "of the moment",
    "named_lock": "of the moment",
    "pending_sign_up": "whoever has not confirmed their address signs up again",
    "sign_in_failure": "of the moment",
    "signing_key": "of this installation",
    "sms_reply": "of the moment",
    "used_assertion": "of the moment",
    "webhook_delivery": "what was sent, or waits to be, belongs to this installation",
}
"""Why the other tables are not written."""

NEVER = frozenset({"account.fs_uniquifier"})
"""Columns that are made anew: links that were sent open nothing any more."""

SECRET = frozenset({"account.password"})
"""Columns that are written with the credentials only."""

OF_REMINDERS = frozenset({"id", "topic", "payload", "state", "created_at", "due_at", "attempts"})

SEEDED = frozenset({"profession"})
"""Tables that are not empty in an empty database; their rows are replaced."""
