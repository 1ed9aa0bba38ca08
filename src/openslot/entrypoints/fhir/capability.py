"""The CapabilityStatement, generated from the declared resources."""

from openslot.entrypoints.fhir.elements import TERMINOLOGY, Json, Site, clean
from openslot.entrypoints.fhir.parameters import Reference
from openslot.entrypoints.fhir.resource import Kind, Resource
from openslot.entrypoints.fhir.search import Resources, known_parameters

VERSION = "4.0.1"
STARTED = "2026-11-21"
"""The date of the CapabilityStatement, which FHIR requires."""

OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
BULK_DATA = "http://hl7.org/fhir/uv/bulkdata"


def statement(resources: Resources, site: Site, network: str) -> Json:
    """Return the CapabilityStatement."""
    capabilities: Json = clean(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": STARTED,
            "kind": "instance",
            "software": {"name": "OpenSlot"},
            "implementation": {"description": f"Appointments of {network}", "url": site.base},
            "instantiates": [f"{BULK_DATA}/CapabilityStatement/bulk-data"],
            "fhirVersion": VERSION,
            "format": ["application/fhir+json", "json"],
            "rest": [
                {
                    "mode": "server",
                    "security": _security(site),
                    "resource": [_resource(resource, resources) for resource in resources.values()],
                    "operation": [
                        {"name": name, "definition": f"{BULK_DATA}/OperationDefinition/{name}"}
                        for name in ("bulk-publish", "export")
                    ],
                }
            ],
        }
    )
    return capabilities


def _security(site: Site) -> Json:
    service = {"system": f"{TERMINOLOGY}/restful-security-service", "code": "SMART-on-FHIR"}
    root = site.base.removesuffix("/fhir")
    addresses = [
        {"url": name, "valueUri": f"{root}/oauth/{name}"}
        for name in ("authorize", "token", "introspect", "revoke")
    ]
    return {
        "extension": [{"url": OAUTH_URIS, "extension": addresses}],
        "service": [{"coding": [service], "text": "Bearer key or token"}],
        "description": "Send Authorization: Bearer … with a key or token. Scopes follow SMART, for "
        "example system/Appointment.cruds, or patient/Appointment.cruds of a program that a person "
        "lets act for them.",
    }


def _resource(kind: Kind, resources: Resources) -> Json:
    writes = "create" in kind.interactions
    stored = isinstance(kind, Resource)
    return {
        "type": kind.name,
        "documentation": kind.about,
        "interaction": [{"code": code} for code in sorted(kind.interactions)],
        "versioning": "versioned-update" if writes else "versioned" if stored else "no-version",
        "readHistory": False,
        "updateCreate": False if writes else None,
        "conditionalCreate": True if writes else None,
        "conditionalRead": "not-match" if stored else None,
        "searchInclude": [
            f"{kind.name}:{name}"
            for name, parameter in kind.parameters.items()
            if isinstance(parameter, Reference) and parameter.path
        ],
        "searchRevInclude": _reverse(kind, resources) if stored else None,
        "operation": _operations(kind),
        "searchParam": [
            {"name": name, "type": parameter.kind, "documentation": parameter.about}
            for name, parameter in known_parameters(kind).items()
        ],
    }


def _operations(kind: Kind) -> list[Json]:
    if not isinstance(kind, Resource):
        return []
    return [
        {"name": code, "definition": definition} for code, definition in kind.operations.items()
    ]


def _reverse(kind: Kind, resources: Resources) -> list[str]:
    """Return the parameters of other resources that refer to this one."""
    return [
        f"{source.name}:{name}"
        for source in resources.values()
        if isinstance(source, Resource)
        for name, parameter in source.parameters.items()
        if isinstance(parameter, Reference) and parameter.path and kind.name in parameter.targets
    ]
