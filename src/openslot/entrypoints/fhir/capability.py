"""The CapabilityStatement and SMART configuration, generated from the declared resources."""

from openslot.entrypoints.fhir.elements import TERMINOLOGY, Json, Site, clean
from openslot.entrypoints.fhir.parameters import Reference
from openslot.entrypoints.fhir.resource import Kind, Resource
from openslot.entrypoints.fhir.search import Resources, known_parameters
from openslot.identity.assertions import ALGORITHMS

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
    token = {"url": "token", "valueUri": f"{site.base.removesuffix('/fhir')}/oauth/token"}
    return {
        "extension": [{"url": OAUTH_URIS, "extension": [token]}],
        "service": [{"coding": [service], "text": "Bearer key or token"}],
        "description": "Send Authorization: Bearer … with a key or token. Scopes follow SMART, for "
        "example system/Appointment.cruds.",
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


def smart(resources: Resources, token_address: str) -> Json:
    """Return the SMART configuration: all scopes, and the token address for signed assertions."""
    scopes = [f"system/{resource.name}.{_letters(resource)}" for resource in resources.values()]
    return {
        "token_endpoint": token_address,
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": ["system/*.cruds", "system/*.rs", *scopes],
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    }


def _letters(kind: Kind) -> str:
    letters = {"create": "c", "read": "r", "update": "u", "search-type": "s"}
    return "".join(
        letter for interaction, letter in letters.items() if interaction in kind.interactions
    )
