"""Access rules, which every view must declare, or the app does not start.

A page declares the roles that may use it (web/access.py). A view for programs declares a scope and
a rule about whose rows it returns; in FHIR, each resource declares them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from flask import Flask

from openslot.entrypoints.request import confirm

View = TypeVar("View", bound=Callable[..., Any])

STATIC = frozenset({"static"})
"""Endpoints of static files."""


class Rule(StrEnum):
    """The rows that a view for programs may read or change."""

    PUBLIC = "public"
    """The directory and free slots; nothing about patients."""

    SENDER = "sender"
    """Rows of the owner of what is sent: a password, refresh token or signed assertion."""

    OWN = "own"
    """Rows of the caller's own account and their dependents. Programs have no account."""

    RELATED = "related"
    """Rows about people to whom the caller has a relation. Programs act for the network."""

    CONFIDENTIAL = "confidential"
    """Health records and referrals, by the rules of records/access.py and referrals/rules.py.
    Programs read none."""

    MANAGED = "managed"
    """Rows of a centre, department or practitioner, for its administrators."""

    PROGRAMS = "programs"
    """Anything within the scope of a key or client; not for tokens of people."""


@dataclass(frozen=True, slots=True)
class Open:
    """The declaration of a view that needs no authentication."""

    rule: Rule
    scope: None = None


@dataclass(frozen=True, slots=True)
class Scoped:
    """The declaration of a view that itself requires the scopes of what it is asked for."""

    rule: Rule
    scope: str = "those of what is asked for"


def declare(operation: object) -> Callable[[View], View]:
    """Mark a view with its declaration."""

    def mark(view: View) -> View:
        view.operation = operation  # type: ignore[attr-defined] # read by the check of access
        return view

    return mark


def opened(rule: Rule) -> Callable[[View], View]:
    """Mark a view that is not a page as open to everyone; ``rule`` is the reason."""
    return declare(Open(rule))


class NoRule(Exception):
    """A view without a valid access rule."""


def is_declared(view: Callable[..., Any] | None) -> bool:
    """Return whether a view declares its access: roles, or an operation with a rule."""
    roles, operation = getattr(view, "allowed", None), getattr(view, "operation", None)
    return roles is not None or operation is not None


class Ruled(Flask):
    """A Flask that refuses to register a view without a rule, and has no coroutines."""

    def ensure_sync(self, func: View) -> View:
        """Return a function as it is. Flask would look at all code that a request runs through."""
        return func

    def dispatch_request(self) -> Any:
        """Return what the view answers, or raise its refusal, once it is confirmed who asks."""
        try:
            return super().dispatch_request()
        finally:
            confirm()

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Any = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Register a view, or raise NoRule if it declares no access."""
        if endpoint not in STATIC and not is_declared(view_func):
            raise NoRule(f"{endpoint or view_func} declares no access; see entrypoints/rules.py")
        super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, **options)
