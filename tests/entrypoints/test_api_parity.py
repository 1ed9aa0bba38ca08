"""What people can do on pages programs can do too, but for what docs/api.md says why not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.routing import Rule

from openslot.entrypoints.api.operations import Operation

PAGE = Path(__file__).parents[2] / "docs/api.md"

SAME = {
    "absences.decide": "absences.decide",
    "absences.emergency": "absences.create_absence",
    "absences.end": "absences.delete_absence",
    "absences.enter": "absences.create_absence",
    "absences.reopen": "absences.reopen",
    "absences.remove_calendar": "absences.delete_calendar",
    "absences.set_calendar": "absences.set_calendar",
    "accounts.second_step": "tokens.create",
    "accounts.sign_in": "tokens.create",
    "admin.edit_centre": "centres.change_centre",
    "admin.new_centre": "centres.create_centre",
    "admin.deactivate": "centres.deactivate",
    "admin_closures.end": "closures.delete_closure",
    "admin_closures.listing": "closures.create_closure",
    "admin_departments.edit": "departments.change_department",
    "admin_departments.found": "departments.create_department",
    "admin_departments.new": "departments.create_department",
    "admin_departments.deactivate": "departments.remove_department",
    "admin_keys.end": "keys.revoke_key",
    "admin_keys.new": "keys.create_key",
    "admin_patients.merge": "merges.create_merge",
    "admin_patients.undo": "merges.undo_merge",
    "admin_offered.edit": "departments.change_service",
    "admin_offered.new": "departments.create_service",
    "admin_offered.offers": "schedules.change_schedule",
    "admin_offered.deactivate": "departments.remove_service",
    "admin_practitioners.listing": "practitioners.list_practitioners",
    "admin_practitioners.edit": "practitioners.change_practitioner",
    "admin_practitioners.new": "practitioners.create_practitioner",
    "admin_practitioners.deactivate": "practitioners.remove_practitioner",
    "admin_professions.edit": "professions.change_profession",
    "admin_professions.new": "professions.create_profession",
    "admin_professions.set_active": "professions.remove_profession",
    "admin_resources.back_into_use": "resources.delete_out_of_use",
    "admin_resources.edit_group": "resources.change_group",
    "admin_resources.edit_room": "resources.change_resource",
    "admin_resources.needs": "departments.change_service",
    "admin_resources.new_group": "resources.create_group",
    "admin_resources.new_room": "resources.create_resource",
    "admin_resources.out_of_use": "resources.create_out_of_use",
    "admin_resources.remove_group": "resources.delete_group",
    "admin_schedules.edit": "schedules.change_schedule",
    "admin_schedules.new": "schedules.create_schedule",
    "admin_schedules.deactivate": "schedules.remove_schedule",
    "admin_services.edit": "departments.change_service",
    "admin_services.new": "departments.create_service",
    "admin_emergencies.review": "emergencies.review_emergency",
    "admin_services.deactivate": "departments.remove_service",
    "admin_programs.change": "programs.change_program",
    "admin_programs.end": "programs.stop_program",
    "admin_programs.end_access": "programs.end_tokens",
    "admin_programs.new": "programs.create_program",
    "admin_programs.secret": "programs.new_secret",
    "admin_webhooks.delete": "webhooks.delete_webhook",
    "admin_webhooks.new": "webhooks.create_webhook",
    "admin_webhooks.rotate": "webhooks.change_webhook",
    "admin_webhooks.send_again": "webhooks.send_again",
    "admin_webhooks.show": "webhooks.change_webhook",
    "admin_webhooks.switch": "webhooks.change_webhook",
    "booking.confirm": "appointments.create_appointment",
    "booking.enter": "appointments.create_appointment",
    "booking.extend": "appointments.extend_hold",
    "booking.go_on": "appointments.create_hold",
    "booking.hold": "appointments.create_hold",
    "booking.look": "slots.list_slots",
    "booking.squeeze_in": "appointments.create_appointment",
    "booking.release": "appointments.release_hold",
    "calendar.edit_hours": "schedules.change_schedule",
    "desk.mark": "appointments.change_appointment",
    "desk_booking.book": "appointments.create_appointment",
    "dependents.edit": "patients.change_patient",
    "dependents.new": "dependents.create_dependent",
    "feedback.favour": "feedback.put_favourite",
    "feedback.rate": "feedback.put_rating",
    "feedback.withdraw": "feedback.delete_rating",
    "notifications.end_calendar": "notifications.delete_calendar",
    "notifications.kinds": "notifications.change_mail",
    "notifications.make_calendar": "notifications.create_calendar",
    "offers.decline": "offers.decline_offer",
    "offers.take": "offers.accept_offer",
    "patients.edit": "patients.change_patient",
    "patients.find": "patients.list_patients",
    "patients.new": "patients.create_patient",
    "profile.details": "me.change_me",
    "profile_security.delete": "me.delete_me",
    "questions.answer": "answers.change_answers",
    "questions.edit": "departments.change_service",
    "records.add_allergy": "records.create_allergy",
    "records.add_no_allergies": "records.create_no_allergies",
    "records.add_note": "records.create_note",
    "records.add_prescription": "records.create_prescription",
    "records.correct": "records.correct_entry",
    "records.emergency": "records.open_in_emergency",
    "referrals.answer": "referrals.change_referral",
    "referrals.discard": "referrals.discard_referral",
    "referrals.edit": "referrals.change_referral",
    "referrals.new": "referrals.create_referral",
    "referrals.revoke": "referrals.change_referral",
    "referrals.send": "referrals.change_referral",
    "request_form.amend": "requests.amend_request",
    "request_form.ask": "requests.create_request",
    "request_form.propose": "requests.propose_time",
    "requests.accept": "requests.accept_request",
    "requests.agree": "requests.agree",
    "requests.cancel": "requests.cancel_request",
    "requests.complete": "requests.complete_request",
    "requests.decline": "requests.decline_request",
    "requests.rate": "requests.rate_consultation",
    "series.book": "series.create_series",
    "series.cancel": "series.cancel_series",
    "series.move": "series.move_series",
    "itineraries.book": "itineraries.create_itinerary",
    "itineraries.cancel": "itineraries.cancel_itinerary",
    "appointments.amend": "appointments.change_appointment",
    "appointments.check_in": "appointments.change_appointment",
    "appointments.run_late": "appointments.change_appointment",
    "appointments.cancel": "appointments.change_appointment",
    "appointments.move": "appointments.change_appointment",
    "appointments.set_status": "appointments.change_appointment",
    "appointments.undo": "appointments.change_appointment",
    "sessions.cancel": "sessions.cancel_session",
    "sessions.change_places": "sessions.change_session",
    "sessions.move": "sessions.change_session",
    "sessions.new": "sessions.create_session",
    "sessions.write": "sessions.write_to_session",
    "waiting.join": "waitlist.create_waiting",
    "waiting.leave": "waitlist.delete_waiting",
}
"""What each form does, and the operation that does the same."""

LEFT_OUT = {
    "Accounts": (
        "accounts.confirm",
        "accounts.forgot",
        "accounts.reset",
        "accounts.sign_in_by_passkey",
        "accounts.send_confirmation",
        "accounts.sign_out",
        "accounts.sign_up",
        "admin_accounts.listing",
        "admin_accounts.new",
        "admin_accounts.remove_second_steps",
        "admin_accounts.send_link",
        "admin_accounts.set_desks",
        "admin_accounts.sign_everybody_out",
        "admin_accounts.sign_out",
        "admin_accounts.switch",
        "admin_accounts.unlink",
        "factors.authenticator",
        "factors.passkey",
        "factors.recovery_codes",
        "profile_security.email",
        "profile_security.end_session",
        "profile_security.password",
        "profile_security.prove",
        "providers.ended",
        "providers.link_account",
        "registration.admit",
        "registration.decline",
        "registration.sign_up",
        "workplace.admit",
        "workplace.ask",
        "workplace.decline",
        "workplace.withdraw",
    ),
    "Handing a dependent": (
        "dependents.offer",
        "dependents.remove",
        "dependents.withdraw",
        "hand_over.take_over",
    ),
    "Reading the audit": ("admin_audit.listing",),
    "Erasing a patient": ("admin_patients.erase",),
    "Confirming that a carer": ("patients.carer",),
    "Letting a program act": ("authorize.decide", "authorize.launch"),
    "Colours": ("profile.theme",),
    "Language of pages": ("profile.language",),
    "Imports": ("admin_import.upload",),
    "Checking in at a kiosk": ("check_in.kiosk",),
    "Links in mails": ("notifications.stop",),
    "Replies to text messages": ("notifications.reply",),
}
"""What has no operation, by the words with which the page says why."""


def forms(app: Flask) -> Iterator[Rule]:
    """Everything that pages post to."""
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if "POST" in (rule.methods or ()) and not hasattr(view, "operation"):
            yield rule


def test_each_form_has_its_operation_or_a_reason(app: Flask) -> None:
    known = {*SAME, *(one for own in LEFT_OUT.values() for one in own)}
    assert {rule.endpoint for rule in forms(app)} == known
    assert not SAME.keys() & {one for own in LEFT_OUT.values() for one in own}


def test_the_operations_are_there(app: Flask) -> None:
    found = {
        endpoint.removeprefix("api_")
        for endpoint, view in app.view_functions.items()
        if isinstance(getattr(view, "operation", None), Operation)
    }
    assert set(SAME.values()) <= found


@pytest.mark.parametrize("words", LEFT_OUT)
def test_the_documentation_says_why(words: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    section = page.partition("## What only pages can do")[2].partition("\n## ")[0]
    assert words in section
