"""The table of tests/entrypoints/test_foreign.py."""

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
"""Who asks, and who that is in the world."""

OUTCOMES: dict[str, dict[str, str]] = {}
