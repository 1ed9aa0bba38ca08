"""Account mails and the links in them."""

import secrets
from typing import Any

import structlog
from flask import request, url_for

from openslot.core.language import language
from openslot.core.work import Work
from openslot.directory import staff
from openslot.directory.staff import StaffDetails
from openslot.entrypoints.web import context, reading
from openslot.identity import links, passwords, queries
from openslot.identity.models import Account, PendingSignUp
from openslot.notifications.dispatch import account_mail, queue_account_mail, queue_mail
from openslot.notifications.mails import AccountMail

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def send_confirmation(work: Work, account: Account) -> None:
    """Send the link that confirms an account's email address."""
    token = links.confirmation_token(context.settings().signing_keys(), account)
    link = absolute("accounts.confirm", token=token)
    _queue(work, AccountMail.CONFIRM, account, link)


def send_sign_up(work: Work, pending: PendingSignUp, name: str) -> None:
    """Send the link that creates the account of a sign-up, in the network's language. It leads on
    to where the reader was."""
    token = links.sign_up_token(context.settings().signing_keys(), pending.id)
    link = absolute("accounts.confirm", token=token, next=reading.own_path("next", "") or None)
    _queue_to(work, AccountMail.CONFIRM, pending.email, name, link)


def send_change(work: Work, account: Account) -> None:
    """Send the link that takes a new address to that address. If another account has it, do the
    same work and send nothing: nobody learns which addresses are known."""
    token = links.change_token(context.settings().signing_keys(), account)
    link, to = absolute("accounts.confirm", token=token), account.pending_email or account.email
    is_free = queries.by_email(work.session, to) is None
    _queue(work, AccountMail.CONFIRM, account, link, to, is_decoy=not is_free)


def send_no_reset(work: Work, email: str) -> None:
    """Do the work of :func:`send_reset` for an address without an account, and send nothing."""
    nobody = Account(email=email, name=email, password="", fs_uniquifier="0" * 32, locale=None)
    _queue(work, AccountMail.RESET, nobody, reset_link(nobody), is_decoy=True)


def send_known(work: Work, account: Account) -> None:
    """Tell an account's owner that someone, probably they themselves, tried to sign up again."""
    _queue(work, AccountMail.KNOWN, account, absolute("accounts.forgot"))


def send_reset(work: Work, account: Account) -> str:
    """Send a password reset link, and return it."""
    link = reset_link(account)
    _queue(work, AccountMail.RESET, account, link)
    return link


def send_invitation(work: Work, account: Account) -> str:
    """Send the link that sets the first password of an account created by an administrator, and
    return it."""
    link = reset_link(account)
    _queue(work, AccountMail.INVITATION, account, link)
    return link


def invite(work: Work, details: StaffDetails, password_hash: str) -> tuple[Account, str]:
    """Create an account, send the link that sets its first password, and return both."""
    account = staff.create_staff(work, details, password_hash)
    staff.record_link(work, account.id)
    return account, send_invitation(work, account)


def hash_nobody_knows() -> str:
    """Return the hash of a random password that is never shown: only a link opens the account."""
    cost = context.settings().password_iterations
    return passwords.hash_password(secrets.token_urlsafe(32), time_cost=cost)


def send_welcome(work: Work, account: Account) -> None:
    """Tell a new member of staff that their registration is approved."""
    _queue(work, AccountMail.STAFF_WELCOME, account, absolute("accounts.sign_in"))


def send_declined(work: Work, account: Account) -> None:
    """Tell someone that their staff registration is declined, unless the address may not be
    theirs."""
    if account.confirmed_at is None:
        return
    _queue(work, AccountMail.STAFF_DECLINED, account, absolute("registration.sign_up"))


def send_email_changed(work: Work, account: Account, old: str) -> None:
    """Warn the previous address that the account's email address has changed."""
    _queue(work, AccountMail.EMAIL_CHANGED, account, absolute("accounts.forgot"), to=old)


def send_hand_over(work: Work, name: str, email: str, token: str) -> None:
    """Send the link that hands a record over, in the network's language: the recipient has no
    account yet."""
    link = absolute("hand_over.take_over", token=token)
    _queue_to(work, AccountMail.HAND_OVER, email, name, link)


def reset_link(account: Account) -> str:
    """Return the address where an account's owner sets a password."""
    return absolute(
        "accounts.reset", token=links.reset_token(context.settings().signing_keys(), account)
    )


def absolute(endpoint: str, **values: Any) -> str:
    """Return the full address of a page.

    The configured address takes precedence: the Host header of a request can be forged. So without
    one, no mail gets an address.
    """
    root = context.settings().public_url or request.url_root
    return root.rstrip("/") + url_for(endpoint, **values)


def _queue(
    work: Work,
    kind: AccountMail,
    account: Account,
    link: str,
    to: str | None = None,
    *,
    is_decoy: bool = False,
) -> None:
    if may_link():
        queue_account_mail(work, kind, account, link, to=to, is_decoy=is_decoy)


def _queue_to(work: Work, kind: AccountMail, email: str, name: str, link: str) -> None:
    """Write to somebody who has no account, in the network's language."""
    settings = context.settings()
    tongue = language(None, settings.locale)
    if may_link():
        queue_mail(work, account_mail(kind, email, name, link, tongue, settings))


def may_link() -> bool:
    """Return whether mails can have links, which needs a public address."""
    if not context.settings().public_url:
        log.warning("mail.no-public-url")
        return False
    return True
