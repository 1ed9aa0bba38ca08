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
from openslot.records import queries as records
from openslot.records.access import READ
from openslot.records.events import Topic
from openslot.records.finding import DETAILS_READ

LOOKS_BACK, DAY = timedelta(hours=1), timedelta(days=1)

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

OF_ONE_ACCOUNT: Mapping[str, int] = {
    Topic.EMERGENCY: 5,
    READ: 60,
    DETAILS_READ: 120,
}
"""Patients of an hour that make an alarm if one account opens them, by action."""

IN_A_DAY: Mapping[str, int] = {Topic.EMERGENCY: 10}
"""Patients of a day that make an alarm if one account opens them, by action."""

UNSIGNED = "emergency.unsigned"
"""The alarm of emergency accesses that nobody has reviewed in time."""

MOST_READ = 5000


def raise_alarms(work: Work) -> list[str]:
    """Write to the network's administrators about each action that passed its threshold, at most
    once in an hour; return these actions."""
    if not work.settings.public_url:
        return []
    passed = [name for name, count in _counts(work).items() if count >= THRESHOLDS[name]]
    for name in passed:
        _tell(work, AccountMail.ALARM, "audit?group=security", once=name)
    return [
        *passed,
        *_who_opened_many(work, OF_ONE_ACCOUNT, LOOKS_BACK),
        *_who_opened_many(work, IN_A_DAY, DAY),
        *_what_is_unsigned(work),
    ]


def _who_opened_many(work: Work, most: Mapping[str, int], period: timedelta) -> list[str]:
    """Write about each account that opened unusually many patients; return the actions."""
    counts = audit.subjects_by_account(work.session, tuple(most), since=work.now - period)
    passed = [one for one in counts if one.subjects >= most[one.action]]
    for one in passed:
        once = f"{one.action} of {one.account_id}"
        _tell(work, AccountMail.MANY_READ, f"accounts/{one.account_id}", once=once, every=period)
    return [one.action for one in passed]


def _what_is_unsigned(work: Work) -> list[str]:
    """Write once a day while an emergency access waits too long for its review."""
    late = work.now - timedelta(days=work.settings.emergency_review_days)
    if not records.count_unsigned(work.session, records.opened_before(late)):
        return []
    _tell(work, AccountMail.UNREVIEWED, "emergencies", once=UNSIGNED, every=DAY)
    return [UNSIGNED]


def _tell(
    work: Work, mail: AccountMail, page: str, *, once: str, every: timedelta = LOOKS_BACK
) -> None:
    """Mail the network's administrators a link to a ``page`` of theirs, once in each period."""
    link = f"{work.settings.public_url.rstrip('/')}/admin/{page}"
    period = int(work.now.timestamp() // every.total_seconds())
    for account in identities.network_administrators(work.session):
        name = f"alarm {once} {every} {period} {account.id}"
        queue_account_mail(work, mail, account, link, once=name)


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
