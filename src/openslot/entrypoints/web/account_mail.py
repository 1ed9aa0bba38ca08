"""Account mails and the links in them."""

from typing import Any

from flask import request, url_for

from openslot.core.language import language
from openslot.core.work import Work
from openslot.entrypoints.web import context
from openslot.identity import links
from openslot.identity.models import Account
from openslot.notifications.dispatch import account_mail, queue_account_mail, queue_mail
from openslot.notifications.mails import AccountMail


def send_confirmation(work: Work, account: Account) -> None:
    """Send the link that confirms an account's email address."""
    token = links.confirmation_token(context.settings().key(), account)
    link = absolute("accounts.confirm", token=token)
    _queue(work, AccountMail.CONFIRM, account, link)


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


def send_welcome(work: Work, account: Account) -> None:
    """Tell a new member of staff that their registration is approved."""
    _queue(work, AccountMail.STAFF_WELCOME, account, absolute("accounts.sign_in"))


def send_declined(work: Work, account: Account) -> None:
    """Tell someone that their staff registration is declined."""
    _queue(work, AccountMail.STAFF_DECLINED, account, absolute("registration.sign_up"))


def send_email_changed(work: Work, account: Account, old: str) -> None:
    """Warn the previous address that the account's email address has changed."""
    _queue(work, AccountMail.EMAIL_CHANGED, account, absolute("accounts.forgot"), to=old)


def send_hand_over(work: Work, name: str, email: str, token: str) -> None:
    """Send the link that hands a record over, in the network's language: the recipient has no
    account yet."""
    settings = context.settings()
    link = absolute("hand_over.take_over", token=token)
    tongue = language(None, settings.locale)
    mail = account_mail(AccountMail.HAND_OVER, email, name, link, tongue, settings)
    queue_mail(work, mail)


def reset_link(account: Account) -> str:
    """Return the address where an account's owner sets a password."""
    return absolute("accounts.reset", token=links.reset_token(context.settings().key(), account))


def absolute(endpoint: str, **values: Any) -> str:
    """Return the full address of a page, for use in mails.

    The configured address takes precedence: the Host header of a request can be forged.
    """
    root = context.settings().public_url or request.url_root
    return root.rstrip("/") + url_for(endpoint, **values)


def _queue(
    work: Work, kind: AccountMail, account: Account, link: str, to: str | None = None
) -> None:
    queue_account_mail(work, kind, account, link, to=to)
