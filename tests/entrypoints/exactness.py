"""A further check for schemathesis: what the document allows is not refused for its shape."""

import schemathesis

UNLIKE_THE_DOCUMENT = (
    "Check this field.",
    "Choose an option from the list.",
    "Enter a date such as",
    "Enter a larger number.",
    "Enter a number",
    "Enter a smaller number.",
    "Enter a whole number.",
    "Enter a date and time",
    "Fill in this field.",
    "Shorten this",
    "Remove characters",
    "This field is not recognised.",
    "Write a time of day",
)
"""How sentences begin that are about types, lengths and characters, not about rules."""


@schemathesis.check
def schema_is_exact(
    _context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """Raises AssertionError where the document says less than the program demands."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code == 422:
        refused = [
            one
            for one in response.json().get("errors", ())
            if one["detail"].startswith(UNLIKE_THE_DOCUMENT)
        ]
        assert not refused, f"The document allows what is refused: {refused}"
