"""Setting only what differs, so that saving an unchanged form changes and notes nothing."""

from collections.abc import Mapping


def set_values(thing: object, values: Mapping[str, object]) -> list[str]:
    """Set the values that differ and return their names."""
    changed = [name for name, value in values.items() if getattr(thing, name) != value]
    for name in changed:
        setattr(thing, name, values[name])
    return changed
