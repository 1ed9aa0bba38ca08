"""Who may have what through a view: declared with each, or the app does not start.

A page names the roles that may use it (web/access.py). A view for programs names a scope, and the
rule by which it chooses whose rows somebody is given; in FHIR each resource names that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from flask import Flask

View = TypeVar("View", bound=Callable[..., Any])

STATIC = frozenset({"static", "bootstrap.static"})
"""Files that are the same for everybody."""


class Rule(StrEnum):
    """Whose rows a view for programs may read or change."""

    PUBLIC = "public"
    """The directory and what is free, which anybody may know; no row about a patient."""

    SENDER = "sender"
    """Those of whoever holds what is sent: a password, a refresh token, a signed assertion."""

    OWN = "own"
    """Those of the caller's own account, and of whom it cares for. Programs have no account."""

    RELATED = "related"
    """Those about people to whom the caller has a relation. Programs act for the network."""

    CONFIDENTIAL = "confidential"
    """Health records and letters of referral, for those whom records/access.py and
    referrals/rules.py name. Programs read none."""

    MANAGED = "managed"
    """What belongs to a centre, department or practitioner, for whoever runs that."""

    PROGRAMS = "programs"
    """Anything that keys and clients may, if their scope says so; no person's token."""


@dataclass(frozen=True, slots=True)
class Open:
    """What a view declares that asks for no proof."""

    rule: Rule
    scope: None = None


def opened(rule: Rule) -> Callable[[View], View]:
    """Mark a view that is no page as open to anybody; ``rule`` says why it can be."""

    def mark(view: View) -> View:
        view.operation = Open(rule)  # type: ignore[attr-defined] # read by the check of access
        return view

    return mark


class NoRule(Exception):
    """A view that says nothing about who may use it."""


def is_declared(view: Callable[..., Any] | None) -> bool:
    """Whether a view says who may use it: roles, or an operation with its rule."""
    roles, operation = getattr(view, "allowed", None), getattr(view, "operation", None)
    return roles is not None or operation is not None


class Ruled(Flask):
    """A Flask that refuses to register a view without a rule."""

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Any = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Register a view; NoRule for one of ours that declares nothing."""
        if endpoint not in STATIC and not is_declared(view_func):
            raise NoRule(f"{endpoint or view_func}: say who may use it; see entrypoints/rules.py")
        super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, **options)
