"""What everybody gets at every door, when they ask for what belongs to the owners.

The table of tests/entrypoints/test_foreign.py: the method and endpoint (of FHIR with the resource
or operation), then the status for each of CALLERS, in their order; - for what is not asked, since
it might do what it is for.
"""

CALLERS = {
    "nobody": None,
    "newcomer": "newcomer",
    "patient": "patient-stranger",
    "practitioner": "practitioner-stranger",
    "staff": "staff-stranger",
    "department": "staff-teammate",
    "admin": "centre-admin-stranger",
    "network": "network-admin",
}
"""Who asks, and who that is in the world: all strangers to the owners but for the department, at
the same centre, and the network's administrator."""

TABLE = """\
GET absences.answers                          401 403 403 404 403 403 404 404
POST absences.decide                          401 403 403 403 403 403 403   -
POST absences.emergency                       401 403 403 403 403 403 403   -
POST absences.end                             401 403 403 403 403 403 403   -
POST absences.enter                           401 403 403 403 403 403 403   -
GET absences.listing                          401 403 403 200 403 403 404 404
POST absences.remove_calendar                 401 403 403 403 403 403 403   -
POST absences.reopen                          401 403 403 403 403 403 403   -
POST absences.set_calendar                    401 403 403 403 403 403 403   -
GET accounts.confirm                          200 200 200 200 200 200 200 200
POST accounts.confirm                           -   -   -   -   -   -   -   -
GET accounts.forgot                           200 200 200 200 200 200 200 200
POST accounts.forgot                          422 422 422 422 422 422 422   -
GET accounts.reset                            200 200 200 200 200 200 200 200
POST accounts.reset                             -   -   -   -   -   -   -   -
GET accounts.second_step                      303 303 303 303 303 303 303 303
POST accounts.second_step                     303 303 303 303 303 303 303   -
POST accounts.send_confirmation               401 303 303 303 303 303 303   -
GET accounts.session_left                     200 200 200 200 200 200 200 200
PUT accounts.stay_signed_in                   401 200 200 200 200 200 200 200
GET accounts.sign_in                          200 303 303 303 303 303 303 303
POST accounts.sign_in                         401 303 303 303 303 303 303   -
POST accounts.sign_in_by_passkey              422 303 303 303 303 303 303   -
GET accounts.sign_up                          200 303 303 303 303 303 303 303
POST accounts.sign_up                         422 303 303 303 303 303 303   -
GET admin.centre                              401 403 403 403 403 403 403 200
GET admin.centres                             401 403 403 403 403 403 200 200
GET admin.edit_centre                         401 403 403 403 403 403 403 200
POST admin.edit_centre                        401 403 403 403 403 403 403   -
GET admin.mail                                401 403 403 403 403 403 403 404
GET admin.new_centre                          401 403 403 403 403 403 403 200
POST admin.new_centre                         401 403 403 403 403 403 403   -
GET admin.outbox                              401 403 403 403 403 403 403 200
GET admin.own_department                      401 403 403 403 200 200 303 303
GET admin.deactivate                          401 403 403 403 403 403 403 200
POST admin.deactivate                         401 403 403 403 403 403 403   -
GET admin_accounts.listing                    401 403 403 403 403 403 200 200
POST admin_accounts.listing                   401 403 403 403 403 403 200   -
GET admin_accounts.new                        401 403 403 403 403 403 200 200
POST admin_accounts.new                       401 403 403 403 403 403 422   -
GET admin_accounts.remove_second_steps        401 403 403 403 403 403 404 200
POST admin_accounts.remove_second_steps       401 403 403 403 403 403 404   -
POST admin_accounts.unlink                    401 403 403 403 403 403 404   -
POST admin_accounts.send_link                 401 403 403 403 403 403 404   -
GET admin_accounts.show                       401 403 403 403 403 403 404 200
GET admin_accounts.sign_everybody_out         401 403 403 403 403 403 403 200
POST admin_accounts.sign_everybody_out        401 403 403 403 403 403 403   -
GET admin_accounts.sign_out                   401 403 403 403 403 403 404 200
POST admin_accounts.sign_out                  401 403 403 403 403 403 404   -
GET admin_accounts.switch                     401 403 403 403 403 403 404 200
POST admin_accounts.switch                    401 403 403 403 403 403 404   -
GET admin_audit.download                      401 403 403 403 403 403 200 200
GET admin_audit.listing                       401 403 403 403 403 403 200 200
POST admin_audit.listing                      401 403 403 403 403 403 200   -
POST admin_closures.end                       401 403 403 403 403 403 403   -
GET admin_closures.listing                    401 403 403 403 403 403 403 200
POST admin_closures.listing                   401 403 403 403 403 403 403   -
GET admin_departments.edit                    401 403 403 403 403 403 403 200
POST admin_departments.edit                   401 403 403 403 403 403 403   -
POST admin_departments.found                  401 403 403 403 422 422 403   -
GET admin_departments.new                     401 403 403 403 403 403 403 200
POST admin_departments.new                    401 403 403 403 403 403 403   -
GET admin_departments.deactivate              401 403 403 403 403 403 403 200
POST admin_departments.deactivate             401 403 403 403 403 403 403   -
GET admin_departments.show                    401 403 403 403 403 403 403 200
GET admin_emergencies.listing                 401 403 403 403 403 403 200 200
GET admin_emergencies.review                  401 403 403 403 403 403 404 200
POST admin_emergencies.review                 401 403 403 403 403 403 404   -
GET admin_import.upload                       401 403 403 403 403 403 403 200
POST admin_import.upload                      401 403 403 403 403 403 403   -
GET admin_keys.end                            401 403 403 403 403 403 403 200
POST admin_keys.end                           401 403 403 403 403 403 403   -
GET admin_keys.listing                        401 403 403 403 403 403 403 200
GET admin_keys.new                            401 403 403 403 403 403 403 200
POST admin_keys.new                           401 403 403 403 403 403 403   -
GET admin_patients.erase                      401 403 403 403 403 403 403 409
POST admin_patients.erase                     401 403 403 403 403 403 403   -
GET admin_patients.merge                      401 403 403 403 403 403 403 200
POST admin_patients.merge                     401 403 403 403 403 403 403   -
GET admin_patients.merges                     401 403 403 403 403 403 403 200
GET admin_patients.undo                       401 403 403 403 403 403 403 200
POST admin_patients.undo                      401 403 403 403 403 403 403   -
GET admin_practitioners.edit                  401 403 403 403 403 403 403 200
POST admin_practitioners.edit                 401 403 403 403 403 403 403   -
GET admin_practitioners.listing               401 403 403 403 403 403 200 200
POST admin_practitioners.listing              401 403 403 403 403 403 200   -
GET admin_practitioners.new                   401 403 403 403 403 403 200 200
POST admin_practitioners.new                  401 403 403 403 403 403 422   -
GET admin_practitioners.deactivate            401 403 403 403 403 403 403 200
POST admin_practitioners.deactivate           401 403 403 403 403 403 403   -
GET admin_practitioners.show                  401 403 403 403 403 403 403 200
GET admin_professions.edit                    401 403 403 403 403 403 403 200
POST admin_professions.edit                   401 403 403 403 403 403 403   -
GET admin_programs.change                     401 403 403 403 403 403 403 200
POST admin_programs.change                    401 403 403 403 403 403 403   -
GET admin_programs.end                        401 403 403 403 403 403 403 200
POST admin_programs.end                       401 403 403 403 403 403 403   -
GET admin_programs.end_access                 401 403 403 403 403 403 403 200
POST admin_programs.end_access                401 403 403 403 403 403 403   -
GET admin_programs.listing                    401 403 403 403 403 403 403 200
GET admin_programs.new                        401 403 403 403 403 403 403 200
POST admin_programs.new                       401 403 403 403 403 403 403   -
GET admin_programs.secret                     401 403 403 403 403 403 403 200
POST admin_programs.secret                    401 403 403 403 403 403 403   -
GET admin_professions.listing                 401 403 403 403 403 403 403 200
GET admin_professions.new                     401 403 403 403 403 403 403 200
POST admin_professions.new                    401 403 403 403 403 403 403   -
POST admin_professions.set_active             401 403 403 403 403 403 403   -
GET admin_offered.deactivate                  401 403 403 403 403 403 404 404
POST admin_offered.deactivate                 401 403 403 403 403 403 404   -
GET admin_offered.edit                        401 403 403 403 403 403 404 404
POST admin_offered.edit                       401 403 403 403 403 403 404   -
GET admin_offered.new                         401 403 403 403 403 403 403 200
POST admin_offered.new                        401 403 403 403 403 403 403   -
GET admin_offered.offers                      401 403 403 403 403 403 403 200
POST admin_offered.offers                     401 403 403 403 403 403 403   -
POST admin_resources.back_into_use            401 403 403 403 403 403 403   -
GET admin_resources.edit_group                401 403 403 403 403 403 403 200
POST admin_resources.edit_group               401 403 403 403 403 403 403   -
GET admin_resources.edit_room                 401 403 403 403 403 403 403 200
POST admin_resources.edit_room                401 403 403 403 403 403 403   -
GET admin_resources.listing                   401 403 403 403 403 403 403 200
GET admin_resources.needs                     401 403 403 403 403 403 403 200
POST admin_resources.needs                    401 403 403 403 403 403 403   -
GET admin_resources.new_group                 401 403 403 403 403 403 403 200
POST admin_resources.new_group                401 403 403 403 403 403 403   -
GET admin_resources.new_room                  401 403 403 403 403 403 403 200
POST admin_resources.new_room                 401 403 403 403 403 403 403   -
GET admin_resources.out_of_use                401 403 403 403 403 403 403 200
POST admin_resources.out_of_use               401 403 403 403 403 403 403   -
POST admin_resources.remove_group             401 403 403 403 403 403 403   -
GET admin_schedules.edit                      401 403 403 403 403 403 403 200
POST admin_schedules.edit                     401 403 403 403 403 403 403   -
GET admin_schedules.new                       401 403 403 403 403 403 200 200
POST admin_schedules.new                      401 403 403 403 403 403 422   -
GET admin_schedules.deactivate                401 403 403 403 403 403 403 200
POST admin_schedules.deactivate               401 403 403 403 403 403 403   -
GET admin_services.edit                       401 403 403 403 403 403 403 200
POST admin_services.edit                      401 403 403 403 403 403 403   -
GET admin_services.new                        401 403 403 403 403 403 403 200
POST admin_services.new                       401 403 403 403 403 403 403   -
GET admin_services.deactivate                 401 403 403 403 403 403 403 200
POST admin_services.deactivate                401 403 403 403 403 403 403   -
GET admin_webhooks.delete                     401 403 403 403 403 403 403 200
POST admin_webhooks.delete                    401 403 403 403 403 403 403   -
GET admin_webhooks.listing                    401 403 403 403 403 403 403 200
GET admin_webhooks.new                        401 403 403 403 403 403 403 200
POST admin_webhooks.new                       401 403 403 403 403 403 403   -
GET admin_webhooks.rotate                     401 403 403 403 403 403 403 200
POST admin_webhooks.rotate                    401 403 403 403 403 403 403   -
POST admin_webhooks.send_again                401 403 403 403 403 403 403   -
GET admin_webhooks.show                       401 403 403 403 403 403 403 200
POST admin_webhooks.show                      401 403 403 403 403 403 403   -
GET admin_webhooks.switch                     401 403 403 403 403 403 403 200
POST admin_webhooks.switch                    401 403 403 403 403 403 403   -
GET api.docs                                  200 200 200 200 200 200 200 200
GET api.openapi                               200 200 200 200 200 200 200 200
POST api_absences.create_absence              401 403 403 403 403 403 403   -
POST api_absences.decide                      401 422 422 422 422 422 422   -
DELETE api_absences.delete_absence            401 404 404 404 404 404 404   -
DELETE api_absences.delete_calendar           401 422 422 204 422 422 422   -
GET api_absences.get_calendar                 401 422 422 404 422 422 422 422
GET api_absences.list_absences                401 422 422 200 422 422 422 422
GET api_absences.list_needing                 401 422 422 200 422 422 422 422
GET api_absences.list_undecided               401 422 422 200 422 422 422 422
POST api_absences.reopen                      401 403 403 403 403 403 403   -
PUT api_absences.set_calendar                 401 403 403 403 403 403 403   -
PATCH api_answers.change_answers               401 404 404 404 404 403 404   -
GET api_answers.get_answers                   401 404 404 404 404 200 404 200
PATCH api_appointments.change_appointment     401 404 404 404 404 409 404   -
POST api_appointments.create_appointment      401 403 403 404 404 409 404   -
POST api_appointments.create_hold             401 403 403 404 404 409 404   -
POST api_appointments.extend_hold             401 404 404 404 404 404 404   -
GET api_appointments.get_appointment          401 404 404 404 404 200 404 200
GET api_appointments.get_calendar             401 404 404 404 404 200 404 200
GET api_appointments.list_appointments        401 200 200 200 200 200 200 200
DELETE api_appointments.release_hold          401 404 404 404 404 404 404   -
PATCH api_centres.change_centre               401 403 403 403 403 403 403   -
POST api_centres.create_centre                401 403 403 403 403 403 403   -
GET api_centres.get_centre                    401 200 200 200 200 200 200 200
GET api_centres.list_centres                  401 200 200 200 200 200 200 200
DELETE api_centres.deactivate                 401 403 403 403 403 403 403   -
POST api_closures.create_closure              401 403 403 403 403 403 403   -
DELETE api_closures.delete_closure            401 403 403 403 403 403 403   -
GET api_closures.list_closures                401 403 403 403 403 403 403 200
PATCH api_departments.change_department       401 403 403 403 403 403 403   -
PATCH api_departments.change_service          401 403 403 403 403 403 403   -
POST api_departments.create_department        401 403 403 403 403 403 403   -
POST api_departments.create_service           401 403 403 403 403 403 403   -
GET api_departments.get_department            401 200 200 200 200 200 200 200
GET api_departments.get_service               401 200 200 200 200 200 200 200
GET api_departments.list_departments          401 200 200 200 200 200 200 200
GET api_departments.list_services             401 200 200 200 200 200 200 200
DELETE api_departments.remove_department      401 403 403 403 403 403 403   -
DELETE api_departments.remove_service         401 403 403 403 403 403 403   -
POST api_dependents.create_dependent          401 201 201 403 403 403 403   -
GET api_dependents.list_dependents            401 200 200 403 403 403 403 403
DELETE api_doctors.cancel_appointment         401 403 403 403 403 403 403   -
PUT api_doctors.change_doctor                 401 403 403 403 403 403 403   -
POST api_doctors.create_appointment           401 403 403 403 403 403 403   -
POST api_doctors.create_doctor                401 403 403 403 403 403 403   -
GET api_doctors.get_doctor                    401 403 403 403 403 403 403 403
GET api_doctors.list_appointments             401 403 403 403 403 403 403 403
GET api_doctors.list_doctors                  401 403 403 403 403 403 403 403
DELETE api_doctors.remove_doctor              401 403 403 403 403 403 403   -
GET api_emergencies.list_emergencies          401 403 403 403 403 403 200 200
POST api_emergencies.review_emergency         401 403 403 403 403 403 404   -
DELETE api_feedback.delete_favourite          401 204 204 204 204 204 204   -
DELETE api_feedback.delete_rating             401 204 204 403 403 403 403   -
GET api_feedback.get_favourite                401 200 200 200 200 200 200 404
GET api_feedback.get_rating                   401 200 200 200 200 200 200 200
GET api_feedback.list_favourites              401 200 200 200 200 200 200 200
PUT api_feedback.put_favourite                401 204 204 204 204 204 204   -
PUT api_feedback.put_rating                   401 200 200 403 403 403 403   -
GET api_history.get_history                   401 404 404 404 404 404 404 404
GET api_history.list_reads                    401 404 404 404 404 404 404 404
POST api_keys.create_key                      401 403 403 403 403 403 403   -
GET api_keys.list_keys                        401 403 403 403 403 403 403 403
DELETE api_keys.revoke_key                    401 403 403 403 403 403 403   -
PATCH api_me.change_me                        401 200 200 200 200 200 200   -
DELETE api_me.delete_me                       401 422 422 403 403 403 403   -
DELETE api_me.end_credential                  401 404 404 404 404 404 404 404
GET api_me.get_me                             401 200 200 200 200 200 200 200
GET api_me.list_credentials                   401 200 200 200 200 200 200 200
POST api_merges.create_merge                  401 403 403 403 403 403 403   -
GET api_merges.list_merges                    401 403 403 403 403 403 403 200
DELETE api_merges.undo_merge                  401 403 403 403 403 403 403   -
PATCH api_notifications.change_mail           401 200 200 200 200 200 200   -
POST api_notifications.create_calendar        401 201 201 201 201 201 403   -
DELETE api_notifications.delete_calendar      401 204 204 204 204 204 403   -
GET api_notifications.get_calendar            401 404 404 404 404 404 403 403
GET api_notifications.get_mail                401 200 200 200 200 200 200 200
POST api_offers.accept_offer                  401 404 404 404 404 410 404   -
POST api_offers.decline_offer                 401 404 404 404 404 410 404   -
GET api_offers.get_offer                      401 404 404 404 404 200 404 200
GET api_offers.list_offers                    401 200 200 200 200 200 200 200
PATCH api_patients.change_patient             401 404 404 404 404 200 404   -
POST api_patients.create_patient              401 403 403 201 201 201 201   -
GET api_patients.get_patient                  401 404 404 404 404 200 404 200
GET api_patients.list_patients                401 403 403 422 422 422 422 422
POST api_patients.search_patients             401 403 403 422 422 422 422   -
PATCH api_practitioners.change_practitioner   401 403 403 403 403 403 403   -
POST api_practitioners.create_practitioner    401 403 403 403 403 403 201   -
GET api_practitioners.get_practitioner        401 200 200 200 200 200 200 200
GET api_practitioners.list_practitioners      401 200 200 200 200 200 200 200
DELETE api_practitioners.remove_practitioner  401 403 403 403 403 403 403   -
PATCH api_professions.change_profession       401 403 403 403 403 403 403   -
POST api_professions.create_profession        401 403 403 403 403 403 403   -
GET api_professions.get_profession            401 200 200 200 200 200 200 200
GET api_professions.list_professions          401 200 200 200 200 200 200 200
DELETE api_professions.remove_profession      401 403 403 403 403 403 403   -
PUT api_programs.change_program               401 403 403 403 403 403 403   -
POST api_programs.create_program              401 403 403 403 403 403 403   -
DELETE api_programs.end_tokens                401 403 403 403 403 403 403   -
GET api_programs.list_programs                401 403 403 403 403 403 403 403
POST api_programs.new_secret                  401 403 403 403 403 403 403   -
DELETE api_programs.stop_program              401 403 403 403 403 403 403   -
POST api_records.correct_entry                401 404 404 404 404 404 404   -
POST api_records.create_allergy               401 404 404 404 404 404 404   -
POST api_records.create_no_allergies          401 404 404 404 404 404 404   -
POST api_records.create_note                  401 404 404 404 404 404 404   -
POST api_records.create_prescription          401 404 404 404 404 404 404   -
POST api_records.open_in_emergency            401 403 403 404 403 403 403   -
PATCH api_referrals.change_referral           401 404 404 404 404 404 404   -
POST api_referrals.create_referral            401 403 403 403 403 403 403   -
DELETE api_referrals.discard_referral         401 404 404 404 404 404 404   -
GET api_referrals.get_referral                401 404 404 404 404 404 404 404
GET api_referrals.list_referrals              401 200 200 200 200 200 200 200
POST api_requests.accept_request              401 404 404 404 404 403 404   -
POST api_requests.agree                       401 404 404 404 404 409 404   -
PATCH api_requests.amend_request              401 404 404 404 404 409 404   -
POST api_requests.cancel_request              401 404 404 404 404 409 404   -
POST api_requests.complete_request            401 404 404 404 404 403 404   -
POST api_requests.create_request              401 403 403 403 404 201 403   -
POST api_requests.decline_request             401 404 404 404 404 403 404   -
GET api_requests.get_request                  401 404 404 404 404 200 404 200
GET api_requests.list_requests                401 403 403 403 200 200 200 200
POST api_requests.propose_time                401 404 404 404 404 403 404   -
PUT api_requests.rate_consultation            401 404 404 404 404 409 404   -
PATCH api_resources.change_group              401 403 403 403 403 403 403   -
PATCH api_resources.change_resource           401 403 403 403 403 403 403   -
POST api_resources.create_group               401 422 422 422 422 422 422   -
POST api_resources.create_out_of_use          401 422 422 422 422 422 422   -
POST api_resources.create_resource            401 422 422 422 422 422 422   -
DELETE api_resources.delete_group             401 403 403 403 403 403 403   -
DELETE api_resources.delete_out_of_use        401 403 403 403 403 403 403   -
GET api_resources.get_group                   401 403 403 403 403 403 403 200
GET api_resources.get_resource                401 403 403 403 403 403 403 200
GET api_resources.list_groups                 401 422 422 422 422 422 422 422
GET api_resources.list_out_of_use             401 403 403 403 403 403 403 200
GET api_resources.list_resources              401 422 422 422 422 422 422 422
PATCH api_schedules.change_schedule           401 403 403 403 403 403 403   -
POST api_schedules.create_schedule            401 403 403 403 403 403 403   -
GET api_schedules.get_schedule                401 200 200 200 200 200 200 200
GET api_schedules.list_schedules              401 200 200 200 200 200 200 200
DELETE api_schedules.remove_schedule          401 403 403 403 403 403 403   -
GET api_search.search                         401 200 200 200 200 200 200 200
GET api_slots.list_moves                      401 404 404 404 404 200 404 200
GET api_slots.list_slots                      401 200 200 200 200 200 200 200
POST api_tokens.create                        401 401 401 401 401 401 401   -
POST api_tokens.refresh                       401 401 401 401 401 401 401   -
POST api_waitlist.create_waiting              401 404 404 404 404 201 404   -
DELETE api_waitlist.delete_waiting            401 404 404 404 404 409 404   -
GET api_waitlist.list_waiting                 401 200 200 200 200 200 200 200
PATCH api_webhooks.change_webhook             401 403 403 403 403 403 403   -
POST api_webhooks.create_webhook              401 403 403 403 403 403 403   -
DELETE api_webhooks.delete_webhook            401 403 403 403 403 403 403   -
GET api_webhooks.list_deliveries              401 403 403 403 403 403 403 403
GET api_webhooks.list_webhooks                401 403 403 403 403 403 403 403
POST api_webhooks.send_again                  401 403 403 403 403 403 403   -
POST booking.confirm                          401 404 404 404 404 303 404   -
POST booking.extend                           401 303 303 303 303 303 303   -
POST booking.enter                            401 403 403 404 404   - 404   -
POST booking.go_on                            303 404 404 404 404 303 404   -
POST booking.hold                             401 404 404 404 404 303 404   -
POST booking.look                             401 404 404 404 404 200 404 200
POST booking.release                          401 404 404 404 404 404 404   -
GET booking.week_page                         200 200 200 200 200 200 200 200
GET calendar.edit_hours                       401 403 403 404 403 403 403 403
POST calendar.edit_hours                      401 403 403 404 403 403 403   -
GET calendar.hours                            401 403 403 200 403 403 403 403
GET check_in.kiosk                            200 200 200 200 200 200 200 200
POST check_in.kiosk                           422 422 422 422 422 422 422   -
GET check_in.screen                           200 200 200 200 200 200 200 200
GET check_in.screen_now                       200 200 200 200 200 200 200 200
GET desk.appointment                          401 403 403 403 404 200 404 200
GET desk.listing                              401 403 403 403 200 200 200 200
POST desk.mark                                401 403 403 403 400 400 400   -
GET desk.now                                  401 403 403 403 200 200 200 200
GET desk.poster                               401 403 403 403 200 200 200 200
GET desk.screen                               401 403 403 403 303 303 303 303
GET desk.show                                 401 403 403 403 200 200 200 200
GET desk.week                                 401 403 403 403 404 404 404 200
GET desk_booking.book                         401 403 403 403 404 404 404 400
POST desk_booking.book                        401 403 403 403 404 404 404   -
GET desk_booking.walk_in                      401 403 403 403 200 200 200 200
POST appointments.check_in                    401 404 404 403 403 403 403   -
POST appointments.run_late                    401 404 404 403 403 403 403   -
POST admin_accounts.set_desks                 401 403 403 403 403 403 403   -
GET api_queue.read_queue                      401 403 403 403 404 200 404 200
GET calendar.listing                          401 403 403 200 403 403 403 403
GET calendar.show                             401 403 403 200 403 403 403 403
PUT dashboard.change                          401 400 400 400 400 400 400   -
DELETE dashboard.delete                       401 422 422 403 403 403 403   -
GET dashboard.past                            401 200 200 403 403 403 403 403
GET dashboard.show                            401 200 200 200 200 200 200 200
GET factors.choose                            401 200 200 200 200 200 200 200
GET factors.authenticator                     401 200 200 200 200 200 200 200
GET factors.passkey                           401 200 200 200 200 200 200 200
POST factors.authenticator                    401 422 422 422 422 422 422   -
POST factors.passkey                          401 422 422 422 422 422 422   -
POST factors.recovery_codes                   401 403 403 403 403 403 403   -
GET dependents.edit                           401 404 404 403 403 403 403 403
POST dependents.edit                          401 404 404 403 403 403 403   -
GET dependents.listing                        401 200 200 403 403 403 403 403
GET dependents.new                            401 200 200 403 403 403 403 403
POST dependents.new                           401 422 422 403 403 403 403   -
GET dependents.offer                          401 404 404 403 403 403 403 403
POST dependents.offer                         401 404 404 403 403 403 403   -
GET dependents.remove                         401 404 404 403 403 403 403 403
POST dependents.remove                        401 404 404 403 403 403 403   -
POST dependents.withdraw                      401 404 404 403 403 403 403   -
POST feedback.favour                          401 303 303 303 303 303 303   -
GET feedback.listing                          401 200 200 200 200 200 200 200
POST feedback.rate                            401 303 303 403 403 403 403   -
POST feedback.withdraw                        401 303 303 403 403 403 403   -
POST fhir.cancel $cancel                      401 400 400 400 400 400 400   -
POST fhir.create AllergyIntolerance           401 405 405 405 405 405 405   -
POST fhir.create Appointment                  401 403 403 422 422 409 422   -
POST fhir.create AuditEvent                   401 405 405 405 405 405 405   -
POST fhir.create CodeSystem                   401 405 405 405 405 405 405   -
POST fhir.create DocumentReference            401 405 405 405 405 405 405   -
POST fhir.create Encounter                    401 405 405 405 405 405 405   -
POST fhir.create HealthcareService            401 405 405 405 405 405 405   -
POST fhir.create Location                     401 405 405 405 405 405 405   -
POST fhir.create MedicationRequest            401 405 405 405 405 405 405   -
POST fhir.create Organization                 401 405 405 405 405 405 405   -
POST fhir.create Patient                      401 405 405 405 405 405 405   -
POST fhir.create Practitioner                 401 405 405 405 405 405 405   -
POST fhir.create PractitionerRole             401 405 405 405 405 405 405   -
POST fhir.create Questionnaire                401 405 405 405 405 405 405   -
POST fhir.create QuestionnaireResponse        401 422 422 422 422 403 422   -
POST fhir.create Schedule                     401 405 405 405 405 405 405   -
POST fhir.create ServiceRequest               401 403 403 403 403 403 403   -
POST fhir.create Slot                         401 405 405 405 405 405 405   -
GET fhir.find_appointments $find              401 400 400 400 400 400 400 400
POST fhir.find_appointments $find             401 400 400 400 400 400 400   -
GET fhir.metadata                             200 200 200 200 200 200 200 200
GET fhir.read AllergyIntolerance              401 404 404 404 404 404 404 404
GET fhir.read Appointment                     401 404 404 404 404 200 404 200
GET fhir.read AuditEvent                      401 404 404 404 404 404 404 200
GET fhir.read CodeSystem                      401 200 200 200 200 200 200 200
GET fhir.read DocumentReference               401 404 404 404 404 404 404 404
GET fhir.read Encounter                       401 404 404 404 404 404 404 404
GET fhir.read HealthcareService               401 200 200 200 200 200 200 200
GET fhir.read Location                        401 200 200 200 200 200 200 200
GET fhir.read MedicationRequest               401 404 404 404 404 404 404 404
GET fhir.read Organization                    401 200 200 200 200 200 200 200
GET fhir.read Patient                         401 404 404 404 404 200 404 200
GET fhir.read Practitioner                    401 200 200 200 200 200 200 200
GET fhir.read PractitionerRole                401 200 200 200 200 200 200 200
GET fhir.read Questionnaire                   401 200 200 200 200 200 200 200
GET fhir.read QuestionnaireResponse           401 404 404 404 404 404 404 404
GET fhir.read Schedule                        401 200 200 200 200 200 200 200
GET fhir.read ServiceRequest                  401 404 404 404 404 404 404 404
GET fhir.read Slot                            401 200 200 200 200 200 200 200
GET fhir.read_version AllergyIntolerance      401 404 404 404 404 404 404 404
GET fhir.read_version Appointment             401 404 404 404 404 404 404 404
GET fhir.read_version AuditEvent              401 404 404 404 404 404 404 200
GET fhir.read_version CodeSystem              401 405 405 405 405 405 405 405
GET fhir.read_version DocumentReference       401 404 404 404 404 404 404 404
GET fhir.read_version Encounter               401 404 404 404 404 404 404 404
GET fhir.read_version HealthcareService       401 404 404 404 404 404 404 404
GET fhir.read_version Location                401 404 404 404 404 404 404 404
GET fhir.read_version MedicationRequest       401 404 404 404 404 404 404 404
GET fhir.read_version Organization            401 404 404 404 404 404 404 404
GET fhir.read_version Patient                 401 404 404 404 404 404 404 404
GET fhir.read_version Practitioner            401 404 404 404 404 404 404 404
GET fhir.read_version PractitionerRole        401 404 404 404 404 404 404 404
GET fhir.read_version Questionnaire           401 404 404 404 404 404 404 404
GET fhir.read_version QuestionnaireResponse   401 404 404 404 404 404 404 404
GET fhir.read_version Schedule                401 404 404 404 404 404 404 404
GET fhir.read_version ServiceRequest          401 404 404 404 404 404 404 404
GET fhir.read_version Slot                    401 405 405 405 405 405 405 405
GET fhir.search_by_get AllergyIntolerance     401 200 200 200 200 200 200 200
GET fhir.search_by_get Appointment            401 200 200 200 200 200 200 200
GET fhir.search_by_get AuditEvent             401 200 200 200 200 200 200 200
GET fhir.search_by_get CodeSystem             401 200 200 200 200 200 200 200
GET fhir.search_by_get DocumentReference      401 200 200 200 200 200 200 200
GET fhir.search_by_get Encounter              401 200 200 200 200 200 200 200
GET fhir.search_by_get HealthcareService      401 200 200 200 200 200 200 200
GET fhir.search_by_get Location               401 200 200 200 200 200 200 200
GET fhir.search_by_get MedicationRequest      401 200 200 200 200 200 200 200
GET fhir.search_by_get Organization           401 200 200 200 200 200 200 200
GET fhir.search_by_get Patient                401 200 200 200 200 200 200 200
GET fhir.search_by_get Practitioner           401 200 200 200 200 200 200 200
GET fhir.search_by_get PractitionerRole       401 200 200 200 200 200 200 200
GET fhir.search_by_get Questionnaire          401 200 200 200 200 200 200 200
GET fhir.search_by_get QuestionnaireResponse  401 200 200 200 200 200 200 200
GET fhir.search_by_get Schedule               401 200 200 200 200 200 200 200
GET fhir.search_by_get ServiceRequest         401 200 200 200 200 200 200 200
GET fhir.search_by_get Slot                   401 400 400 400 400 400 400 400
POST fhir.search_by_post AllergyIntolerance   401 200 200 200 200 200 200   -
POST fhir.search_by_post Appointment          401 200 200 200 200 200 200   -
POST fhir.search_by_post AuditEvent           401 200 200 200 200 200 200   -
POST fhir.search_by_post CodeSystem           401 200 200 200 200 200 200   -
POST fhir.search_by_post DocumentReference    401 200 200 200 200 200 200   -
POST fhir.search_by_post Encounter            401 200 200 200 200 200 200   -
POST fhir.search_by_post HealthcareService    401 200 200 200 200 200 200   -
POST fhir.search_by_post Location             401 200 200 200 200 200 200   -
POST fhir.search_by_post MedicationRequest    401 200 200 200 200 200 200   -
POST fhir.search_by_post Organization         401 200 200 200 200 200 200   -
POST fhir.search_by_post Patient              401 200 200 200 200 200 200   -
POST fhir.search_by_post Practitioner         401 200 200 200 200 200 200   -
POST fhir.search_by_post PractitionerRole     401 200 200 200 200 200 200   -
POST fhir.search_by_post Questionnaire        401 200 200 200 200 200 200   -
POST fhir.search_by_post QuestionnaireResponse 401 200 200 200 200 200 200   -
POST fhir.search_by_post Schedule             401 200 200 200 200 200 200   -
POST fhir.search_by_post ServiceRequest       401 200 200 200 200 200 200   -
POST fhir.search_by_post Slot                 401 400 400 400 400 400 400   -
POST fhir.take $book                          401 404 404 404 404 200 404   -
POST fhir.take $hold                          401 404 404 404 404 409 404   -
PUT fhir.update AllergyIntolerance            401 405 405 405 405 405 405   -
PUT fhir.update Appointment                   401 404 404 404 404 422 404   -
PUT fhir.update AuditEvent                    401 405 405 405 405 405 405   -
PUT fhir.update CodeSystem                    401 405 405 405 405 405 405   -
PUT fhir.update DocumentReference             401 405 405 405 405 405 405   -
PUT fhir.update Encounter                     401 405 405 405 405 405 405   -
PUT fhir.update HealthcareService             401 405 405 405 405 405 405   -
PUT fhir.update Location                      401 405 405 405 405 405 405   -
PUT fhir.update MedicationRequest             401 405 405 405 405 405 405   -
PUT fhir.update Organization                  401 405 405 405 405 405 405   -
PUT fhir.update Patient                       401 405 405 405 405 405 405   -
PUT fhir.update Practitioner                  401 405 405 405 405 405 405   -
PUT fhir.update PractitionerRole              401 405 405 405 405 405 405   -
PUT fhir.update Questionnaire                 401 405 405 405 405 405 405   -
PUT fhir.update QuestionnaireResponse         401 404 404 404 404 404 404   -
PUT fhir.update Schedule                      401 405 405 405 405 405 405   -
PUT fhir.update ServiceRequest                401 404 404 404 404 404 404   -
PUT fhir.update Slot                          401 405 405 405 405 405 405   -
DELETE fhir_export.end                        401 403 403 403 403 403 403 403
GET fhir_export.export $export                401 403 403 403 403 403 403 403
GET fhir_export.export_patients $export       401 403 403 403 403 403 403 403
GET fhir_export.file                          401 403 403 403 403 403 403 403
GET fhir_export.status                        401 403 403 403 403 403 403 403
GET fhir_publish.file                         200 200 200 200 200 200 200 200
GET fhir_publish.manifest $bulk-publish       200 200 200 200 200 200 200 200
GET hand_over.take_over                       200 200 200 200 200 200 200 200
POST hand_over.take_over                        -   -   -   -   -   -   -   -
GET help.accessibility                         200 200 200 200 200 200 200 200
GET help.show                                  200 200 200 200 200 200 200 200
GET history.as_json                           401 404 404 403 403 403 403 403
GET history.as_pdf                            401 404 404 403 403 403 403 403
GET history.of                                401 404 404 403 403 403 403 403
GET history.own                               401 200 200 403 403 403 403 403
GET history.own_reads                         401 200 200 403 403 403 403 403
GET history.reads                             401 404 404 403 403 403 403 403
GET notifications.calendar                    401 200 200 200 200 200 403 403
POST notifications.end_calendar               401 303 303 303 303 303 403   -
GET notifications.feed                        200 200 200 200 200 200 200 200
GET notifications.kinds                       401 200 200 200 200 200 200 200
POST notifications.kinds                      401 303 303 303 303 303 303   -
POST notifications.make_calendar              401 200 200 200 200 200 403   -
POST notifications.reply                      404 404 404 404 404 404 404 404
GET notifications.stop                        200 200 200 200 200 200 200 200
POST notifications.stop                         -   -   -   -   -   -   -   -
POST offers.decline                             -   -   -   -   -   -   -   -
GET offers.listing                            401 200 200 200 200 200 200 200
GET offers.show                               200 200 200 200 200 200 200 200
POST offers.take                                -   -   -   -   -   -   -   -
GET patients.carer                            401 403 403 404 404 404 404 404
POST patients.carer                           401 403 403 404 404 404 404 404
GET patients.edit                             401 403 403 404 404 200 404 200
POST patients.edit                            401 403 403 404 404 303 404   -
GET patients.find                             401 403 403 200 200 200 200 200
POST patients.find                            401 403 403 303 303 303 303   -
GET patients.new                              401 403 403 200 200 200 200 200
POST patients.new                             401 403 403 303 303 303 303   -
GET patients.show                             401 404 404 404 404 200 404 200
GET privacy.show                              200 200 200 200 200 200 200 200
GET profile.details                           401 200 200 200 200 200 200 200
POST profile.details                          401 303 303 303 303 303 303   -
GET profile.show                              401 200 200 200 200 200 200 200
POST profile.language                         303 303 303 303 303 303 303   -
POST profile.theme                            303 303 303 303 303 303 303   -
GET profile_security.delete                   401 200 200 403 403 403 403 403
POST profile_security.delete                  401 422 422 403 403 403 403   -
GET profile_security.email                    401 200 200 200 200 200 200 200
POST profile_security.email                   401 422 422 422 422 422 422   -
POST profile_security.end_session             401 404 404 404 404 404 404   -
GET profile_security.export                   401 200 200 200 200 200 200 200
GET profile_security.password                 401 200 200 200 200 200 200 200
POST profile_security.password                401 422 422 422 422 422 422   -
GET profile_security.prove                    401 200 200 200 200 200 200 200
POST profile_security.prove                   401 422 422 422 422 422 422 422
GET profile_security.sessions                 401 200 200 200 200 200 200 200
GET profiles.centre                           200 200 200 200 200 200 200 200
GET profiles.department                       200 200 200 200 200 200 200 200
GET profiles.practitioner                     200 200 200 200 200 200 200 200
GET providers.done                            404 404 404 404 404 404 404 404
POST providers.ended                          404 404 404 404 404 404 404   -
GET providers.link                            401 403 403 404 404 404 404 404
GET providers.link_account                    303 303 303 303 303 303 303 303
POST providers.link_account                   303 303 303 303 303 303 303   -
GET providers.prove                           401 404 404 404 404 404 404 404
GET providers.sign_in                         404 404 404 404 404 404 404 404
GET providers.signed_out                      404 404 404 404 404 404 404 404
GET records.add_allergy                       401 403 403 404 403 403 403 403
GET records.add_no_allergies                  401 403 403 404 403 403 403 403
GET records.add_note                          401 403 403 404 403 403 403 403
GET questions.answer                          401 404 404 404 404 404 404 404
POST questions.answer                         401 404 404 404 404 404 404   -
GET questions.edit                            401 403 403 403 403 403 403 200
POST questions.edit                           401 403 403 403 403 403 403   -
POST records.add_allergy                      401 403 403 404 403 403 403   -
POST records.add_no_allergies                 401 403 403 404 403 403 403   -
POST records.add_note                         401 403 403 404 403 403 403   -
GET records.add_prescription                  401 403 403 404 403 403 403 403
POST records.add_prescription                 401 403 403 404 403 403 403   -
GET records.correct                           401 403 403 404 403 403 403 403
POST records.correct                          401 403 403 404 403 403 403   -
GET records.emergency                         401 403 403 404 403 403 403 403
POST records.emergency                        401 403 403 404 403 403 403   -
POST referrals.answer                         401 403 403 404 403 403 403   -
GET referrals.discard                         401 403 403 404 403 403 403 403
POST referrals.discard                        401 403 403 404 403 403 403   -
GET referrals.edit                            401 403 403 404 403 403 403 403
POST referrals.edit                           401 403 403 404 403 403 403   -
GET referrals.listing                         401 200 200 200 403 403 403 403
GET referrals.new                             401 403 403 403 403 403 403 403
POST referrals.new                            401 403 403 403 403 403 403   -
GET referrals.revoke                          401 403 403 404 403 403 403 403
POST referrals.revoke                         401 403 403 404 403 403 403   -
POST referrals.send                           401 403 403 404 403 403 403   -
GET referrals.show                            401 404 404 404 403 403 403 403
POST registration.admit                       401 403 403 403 403 403 404   -
GET registration.decline                      401 403 403 403 403 403 404 200
POST registration.decline                     401 403 403 403 403 403 404   -
GET registration.sign_up                      200 303 303 303 303 303 303 303
POST registration.sign_up                     422 303 303 303 303 303 303   -
GET reports.download                          401 403 403 200 403 403 200 200
GET reports.show                              401 403 403 200 403 403 200 200
GET request_form.amend                        401 403 403 403 404 200 403 403
POST request_form.amend                       401 403 403 403 404 200 403   -
GET request_form.ask                          401 403 403 403 404 200 403 403
POST request_form.ask                         401 403 403 403 404 200 403   -
GET request_form.propose                      401 403 403 403 404 403 403 403
POST request_form.propose                     401 403 403 403 404 403 403   -
POST requests.accept                          401 403 403 403 404 403 404   -
POST requests.agree                           401 403 403 403 404 409 404   -
GET requests.cancel                           401 403 403 403 404 200 404 200
POST requests.cancel                          401 403 403 403 404 303 404   -
POST requests.complete                        401 403 403 403 404 403 404   -
GET requests.decline                          401 403 403 403 404 403 404 403
POST requests.decline                         401 403 403 403 404 403 404   -
GET requests.departments                      401 403 403 403 200 200 200 403
GET requests.listing                          401 403 403 403 200 200 200 200
POST requests.rate                            401 403 403 403 404 409 404   -
GET requests.show                             401 403 403 403 404 200 404 200
GET api_sessions.get_session                  401 404 404 404 404 200 404 200
GET api_sessions.list_sessions                401 200 200 200 200 200 200 200
PATCH api_sessions.change_session             401 404 404 404 404   - 404   -
POST api_sessions.cancel_session              401 404 404 404 404   - 404   -
POST api_sessions.create_session              401 403 403 403 403 422 403   -
POST api_sessions.write_to_session            401 404 404 404 404 202 404   -
GET sessions.ask_cancel                       401 403 403 404 404 200 404 200
GET sessions.ask_new                          401 403 403 200 200 200 200 200
GET sessions.listing                          401 403 403 200 200 200 200 200
GET sessions.show                             401 403 403 404 404 200 404 200
POST booking.squeeze_in                       401 403 403 404 404   - 404   -
POST sessions.cancel                          401 403 403 404 404   - 404   -
POST sessions.change_places                   401 403 403 404 404 303 404   -
POST sessions.move                            401 403 403 404 404 422 404   -
POST sessions.new                             401 403 403 422 422 422 422   -
POST sessions.write                           401 403 403 404 404 303 404   -
GET search.home                               200 200 200 200 200 200 200 200
GET search.results                            200 200 200 200 200 200 200 200
POST smart.introspect                         401 403 403 403 403 403 403   -
GET smart.public_keys                         200 200 200 200 200 200 200 200
POST smart.revoke                             401 401 401 401 401 401 401   -
GET smart.server                              200 200 200 200 200 200 200 200
GET smart.smart                               200 200 200 200 200 200 200 200
POST smart.token                              400 400 400 400 400 400 400   -
GET system.alive                              200 200 200 200 200 200 200 200
GET system.metrics                            404 404 404 404 404 404 404 404
POST appointments.amend                             401 404 404 404 404 409 404   -
GET appointments.ask_amend                          401 404 404 404 404 200 404 200
GET appointments.ask_cancel                         401 404 404 404 404 200 404 200
GET appointments.ask_move                           401 404 404 404 404 200 404 200
GET appointments.calendar_file                      401 404 404 404 404 200 404 200
POST appointments.undo                        401 404 404 404 404   - 404   -
POST appointments.cancel                            401 404 404 404 404 303 404   -
POST appointments.move                              401 404 404 404 404 409 404   -
POST appointments.set_status                        401 403 403 400 400 400 400   -
GET appointments.show                               401 404 404 404 404 200 404 200
GET authorize.ask                             400 400 400 400 400 400 400 400
POST authorize.decide                         401 400 400 400 400 400 400   -
POST authorize.launch                         401 403 403 404 404 200 404   -
POST api_itineraries.cancel_itinerary         401 404 404 404 404 409 404   -
POST api_itineraries.create_itinerary         401 403 403 404 404 409 404   -
GET api_itineraries.get_itinerary             401 404 404 404 404 200 404 200
POST api_itineraries.search_itineraries       401 404 404 404 404 200 404 200
POST api_series.cancel_series                 401 404 404 404 404 409 404   -
POST api_series.create_series                 401 403 403 404 404 409 404   -
GET api_series.get_series                     401 404 404 404 404 200 404 200
GET api_series.get_series_calendar            401 404 404 404 404 200 404 200
POST api_series.move_series                   401 404 404 404 404 409 404   -
POST api_series.preview_series                401 403 403 404 404 200 404 200
POST api_series.preview_series_move           401 404 404 404 404 409 404 200
POST itineraries.book                         401 404 404 404 404 422 404   -
GET itineraries.calendar_file                 401 404 404 404 404 200 404 200
GET itineraries.cancel                        401 404 404 404 404 200 404 200
POST itineraries.cancel                       401 404 404 404 404 303 404   -
GET itineraries.plan                          401 200 200 303 303 303 303 303
GET itineraries.show                          401 404 404 404 404 200 404 200
POST series.book                              401 404 404 404 404 409 404   -
GET series.calendar_file                      401 404 404 404 404 200 404 200
GET series.cancel                             401 404 404 404 404 200 404 200
POST series.cancel                            401 404 404 404 404 303 404   -
GET series.change                             401 303 303 303 303 303 303 303
GET series.move                               401 404 404 404 404 409 404 200
POST series.move                              401 404 404 404 404 409 404   -
GET series.plan                               401 400 400 303 303 303 303 303
GET series.show                               401 404 404 404 404 200 404 200
GET waiting.ask                               401 404 404 404 404 404 404 404
POST waiting.join                             401 404 404 404 404 422 404   -
POST waiting.leave                            401 404 404 404 404 303 404   -
GET waiting.listing                           401 200 200 200 200 200 200 200
POST workplace.admit                          401 403 403 403 403 403 404   -
GET workplace.ask                             401 403 403 403 200 200 403 403
POST workplace.ask                            401 403 403 403 422 422 403   -
POST workplace.decline                        401 403 403 403 403 403 404   -
POST workplace.withdraw                       401 403 403 403 303 303 403   -
"""

COLUMNS = len(CALLERS)
OUTCOMES = {
    " ".join(words[:-COLUMNS]): dict(zip(CALLERS, words[-COLUMNS:], strict=True))
    for words in map(str.split, TABLE.splitlines())
}
