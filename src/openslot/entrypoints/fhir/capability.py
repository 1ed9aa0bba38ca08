"""What this server can do, written from the same declarations that it answers with."""

from openslot.entrypoints.fhir.elements import TERMINOLOGY, Json, Site, clean
from openslot.entrypoints.fhir.parameters import Reference
from openslot.entrypoints.fhir.resource import Kind, Resource
from openslot.entrypoints.fhir.search import Resources, known_parameters
from openslot.identity.assertions import ALGORITHMS

VERSION = "4.0.1"
STARTED = "2026-11-21"
"""The date of this description, as FHIR asks for one."""

BULK_PUBLISH = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/bulk-publish"


def statement(resources: Resources, site: Site, network: str) -> Json:
    """The CapabilityStatement."""
    found: Json = clean(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": STARTED,
            "kind": "instance",
            "software": {"name": "OpenSlot"},
            "implementation": {"description": f"Appointments of {network}", "url": site.base},
            "fhirVersion": VERSION,
            "format": ["application/fhir+json", "json"],
            "rest": [
                {
                    "mode": "server",
                    "security": _security(),
                    "resource": [_resource(one, resources) for one in resources.values()],
                    "operation": [{"name": "bulk-publish", "definition": BULK_PUBLISH}],
                }
            ],
        }
    )
    return found


def _security() -> Json:
    service = {"system": f"{TERMINOLOGY}/restful-security-service", "code": "SMART-on-FHIR"}
    return {
        "service": [{"coding": [service], "text": "A key or token as a bearer"}],
        "description": "Send Authorization: Bearer …; scopes are written as SMART does, such as "
        "system/Appointment.cruds.",
    }


def _resource(one: Kind, resources: Resources) -> Json:
    writes = "create" in one.interactions
    stored = isinstance(one, Resource)
    return {
        "type": one.name,
        "documentation": one.about,
        "interaction": [{"code": code} for code in sorted(one.interactions)],
        "versioning": "versioned-update" if writes else "versioned" if stored else "no-version",
        "readHistory": False,
        "updateCreate": False if writes else None,
        "conditionalCreate": True if writes else None,
        "conditionalRead": "not-match" if stored else None,
        "searchInclude": [
            f"{one.name}:{name}"
            for name, parameter in one.parameters.items()
            if isinstance(parameter, Reference) and parameter.path
        ],
        "searchRevInclude": _reverse(one, resources) if stored else None,
        "operation": _operations(one),
        "searchParam": [
            {"name": name, "type": parameter.kind, "documentation": parameter.about}
            for name, parameter in known_parameters(one).items()
        ],
    }


def _operations(one: Kind) -> list[Json]:
    if not isinstance(one, Resource):
        return []
    return [{"name": code, "definition": where} for code, where in one.operations.items()]


def _reverse(one: Kind, resources: Resources) -> list[str]:
    """What refers to this resource."""
    return [
        f"{source.name}:{name}"
        for source in resources.values()
        if isinstance(source, Resource)
        for name, parameter in source.parameters.items()
        if isinstance(parameter, Reference) and parameter.path and one.name in parameter.targets
    ]


def smart(resources: Resources, token_address: str) -> Json:
    """SMART App Launch's description of how programs prove themselves: the scopes there are,
    and the address where tokens are given for signed assertions."""
    scopes = [f"system/{one.name}.{_letters(one)}" for one in resources.values()]
    return {
        "token_endpoint": token_address,
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": ["system/*.cruds", "system/*.rs", *scopes],
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    }


def _letters(one: Kind) -> str:
    named = {"create": "c", "read": "r", "update": "u", "search-type": "s"}
    return "".join(letter for word, letter in named.items() if word in one.interactions)
