"""All resources; a new one is a module with a RESOURCE, and a line here."""

from collections.abc import Mapping

from openslot.entrypoints.fhir import (
    allergy_intolerance,
    appointment,
    audit_event,
    code_system,
    document_reference,
    encounter,
    healthcare_service,
    location,
    medication_request,
    organization,
    patient,
    practitioner,
    practitioner_role,
    questionnaire,
    questionnaire_response,
    schedule,
    service_request,
    slot,
)
from openslot.entrypoints.fhir.resource import Kind

RESOURCES: Mapping[str, Kind] = {
    module.RESOURCE.name: module.RESOURCE
    for module in (
        allergy_intolerance,
        appointment,
        audit_event,
        code_system,
        document_reference,
        encounter,
        healthcare_service,
        location,
        medication_request,
        organization,
        patient,
        practitioner,
        practitioner_role,
        questionnaire,
        questionnaire_response,
        schedule,
        service_request,
        slot,
    )
}
