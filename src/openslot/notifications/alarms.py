"""Mails the network's administrators when the security stream shows an attack."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from openslot.core import audit
from openslot.core.audit import Wanted
from openslot.core.work import Work
from openslot.identity import queries as identities
from openslot.notifications.dispatch import queue_account_mail
from openslot.notifications.mails import AccountMail

LOOKS_BACK = timedelta(hours=1)

THRESHOLDS: Mapping[str, int] = {
    "sign-in.failed": 200,
    "sign-in.locked": 20,
    "access.forbidden": 100,
    "access.not-found": 200,
    "access.unauthenticated": 200,
    "limit.hit": 100,
    "token.reused": 1,
}
"""Events of an hour that make an alarm, by action."""

MOST_READ = 5000


def raise_alarms(work: Work) -> list[str]:
    """Write to the network's administrators about each action that passed its threshold, at most
    once in an hour; return these actions."""
    if not work.settings.public_url:
        return []
    passed = [name for name, count in _counts(work).items() if count >= THRESHOLDS[name]]
    link = f"{work.settings.public_url.rstrip('/')}/admin/audit?group=security"
    hour = work.now.replace(minute=0, second=0, microsecond=0)
    for name in passed:
        for account in identities.network_administrators(work.session):
            once = f"alarm {name} {hour.isoformat()} {account.id}"
            queue_account_mail(work, AccountMail.ALARM, account, link, once=once)
    return passed


def _counts(work: Work) -> Counter[str]:
    """Return how often each action happened. A counted event stands for as many as its number, and
    the highest of a source and minute counts."""
    wanted = Wanted(beginnings=tuple(THRESHOLDS), since=work.now - LOOKS_BACK)
    highest: dict[tuple[object, ...], int] = {}
    for event in audit.events(work.session, wanted, limit=MOST_READ):
        minute = event.at.replace(second=0, microsecond=0)
        number = event.details.get("count")
        # Each token that was used twice is one of its own.
        kind = event.id if number is None else minute
        key: tuple[object, ...] = (
            event.action,
            event.subject,
            event.account_id,
            event.address,
            kind,
        )
        highest[key] = max(highest.get(key, 0), int(number or 1))
    counts: Counter[str] = Counter()
    for key, number in highest.items():
        counts[str(key[0])] += number
    return counts
