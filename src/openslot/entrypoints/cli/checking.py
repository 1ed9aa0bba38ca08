"""Checks of the diaries, the audit log and the settings, and repair of diaries."""

from datetime import datetime

import click

from openslot.booking import check, queries
from openslot.core import clock, facts, outbox, reencryption, sealing
from openslot.core.actor import SYSTEM, Role
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.files import open_files
from openslot.core.sealing import Checked, Sealed
from openslot.core.work import doing
from openslot.entrypoints.cli.deployment import check_file
from openslot.entrypoints.cli.serving import OTHER_KEY
from openslot.identity import factors
from openslot.usecases import retention

_ADMINISTRATORS = frozenset({Role.CENTRE_ADMIN, Role.NETWORK_ADMIN})


def run_check(database: Database, settings: Settings, *, repair: bool) -> None:
    """Print each fault of the file, the diaries, the audit log and the secret key, what is due to
    be removed, and what the settings leave open; raise ClickException if any fault remains."""
    advice = check_database(database, settings, repair=repair)
    due = database.read(doing(SYSTEM, clock.now(), settings, retention.due))
    click.echo(
        f"Due to be removed by the worker: {due.records} health records, "
        f"{due.audit_events} audit events."
    )
    for sentence in left_open(settings):
        click.echo(f"Open: {sentence}")
    for setting in database.unsafe_settings():
        click.echo(f"Open: the database can lose what was confirmed ({setting}).")
    if advice:
        raise click.ClickException(" ".join(advice))


def check_database(database: Database, settings: Settings, *, repair: bool = False) -> list[str]:
    """Print each fault of the file, the diaries, the audit log, the keys and what is encrypted;
    return advice if any fault remains."""
    check_file(database)
    _say_given_up(database)
    return [
        *_check_diaries(database, repair=repair),
        *_check_audit(database, settings),
        *_check_key(database, settings, repair=repair),
        *check_authenticators(database, settings, repair=repair),
        *_check_encryption(database),
    ]


def _check_diaries(database: Database, *, repair: bool) -> list[str]:
    """Print the faults of the diaries; return advice if any remain."""
    faults = check.faults(database)
    names = database.read(queries.diary_names) if faults else {}
    for fault in faults:
        click.echo(f"{names.get(fault.diary_id, 'unknown')}: {fault}")
    if not faults:
        click.echo("All diaries match their appointments, holds and absences.")
        return []
    if repair:
        pages = check.repair(database, faults)
        click.echo(f"Repaired pages: {pages}.")
        faults = check.faults(database)
    if not faults:
        return []
    advice = "Run: openslot check --repair"
    if repair and any(fault.is_overlap for fault in faults):
        advice = "Move one of the two appointments that are booked at the same time."
    return [f"Remaining faults: {len(faults)}. {advice}"]


def _check_audit(database: Database, settings: Settings) -> list[str]:
    """Print the broken seals and the state of sealing; return advice if any seal is broken."""
    faults, checked = 0, Checked()
    with database.reading(snapshot=True) as session:
        for fault in sealing.broken(session, settings.seal_keys(), checked):
            click.echo(fault)
            faults += 1
        state = sealing.state(session)
    if not faults:
        click.echo(_intact(state))
    if state.newest is not None:
        click.echo(_keyed(checked))
    if state.unsealed:
        since = (
            f", the oldest from {_minute(state.oldest_unsealed)}" if state.oldest_unsealed else ""
        )
        click.echo(f"Audit events not sealed yet: {state.unsealed}{since}.")
    if not faults:
        return []
    return [
        f"Broken seals: {faults}. The audit log was changed outside OpenSlot. Keep the database "
        "as it is and compare it with a backup."
    ]


def _intact(state: Sealed) -> str:
    if state.newest is None:
        return "The audit log has no seal yet. The worker will seal it."
    seal = state.newest
    return (
        f"All seals of the audit log are intact. The newest is number {seal.number} from "
        f"{_minute(seal.sealed_at)}: {seal.digest}"
    )


def _keyed(checked: Checked) -> str:
    if checked.keyed_from is None:
        return "No seal was made with the secret key."
    return f"Seals are made with the secret key from number {checked.keyed_from} on."


def _check_key(database: Database, settings: Settings, *, repair: bool) -> list[str]:
    """Compare the secret key with that of the other machines; with ``repair``, take this one."""
    if repair:
        database.run(lambda session: facts.take_key(session, settings))
    if database.run(lambda session: facts.is_our_key(session, settings)):
        return []
    click.echo("The secret key differs from the one that this database was last used with.")
    return [OTHER_KEY]


def check_authenticators(database: Database, settings: Settings, *, repair: bool) -> list[str]:
    """Print how many secrets of authenticator apps are encrypted with an earlier key; with
    ``repair``, encrypt them with the newest. Return advice if any cannot be read."""
    earlier, lost = database.run(
        doing(SYSTEM, clock.now(), settings, factors.check_secrets, renew=repair)
    )
    if earlier and repair:
        click.echo(f"Encrypted again with the newest secret key: {earlier} authenticator apps.")
    elif earlier:
        click.echo(f"Encrypted with an earlier secret key: {earlier} authenticator apps.")
    if not lost:
        return []
    return [
        f"No secret key opens {lost} authenticator apps. Add the earlier key to "
        "OPENSLOT_SECRET_KEY_FALLBACKS, or have their owners use recovery codes."
    ]


def _check_encryption(database: Database) -> list[str]:
    """Print what no data key opens; return advice if there is anything."""
    with database.reading(snapshot=True) as session:
        count = 0
        for fault in reencryption.faults(session):
            click.echo(fault)
            count += 1
    if not count:
        click.echo("All encrypted values can be read.")
        return []
    return [f"Values that cannot be read: {count}. Compare them with a backup."]


def _say_given_up(database: Database) -> None:
    """Print how many messages were given up; people may know of it already, so it is no fault."""
    if count := database.read(outbox.failed):
        click.echo(f"Messages that were given up: {count}. Run: openslot message list")


def left_open(settings: Settings) -> list[str]:
    """Return a sentence for each setting that a public server should have otherwise."""
    is_mailed = bool(settings.smtp_host)
    found = {
        "OPENSLOT_PUBLIC_URL has no https:// address, so passwords and cookies cross the network "
        "in clear unless only this machine is served.": not settings.is_https,
        "Cookies are sent without HTTPS too (OPENSLOT_SECURE_COOKIES).": not settings.hides_cookies,
        "Any host name is answered to (OPENSLOT_TRUSTED_HOSTS).": not settings.hosts,
        "Proxies are believed by their number, so only they may reach the port "
        "(OPENSLOT_TRUSTED_PROXIES).": settings.counts_proxies,
        "Mail goes to the mail server in clear (OPENSLOT_SMTP_SECURITY).": is_mailed
        and settings.mail_security == "none",
        "Accounts are created without a confirmed email address (OPENSLOT_CONFIRM_EMAIL).": (
            settings.sign_up != "closed" and not settings.confirms_email
        ),
        "Requests are not limited (OPENSLOT_RATE_LIMITS).": not settings.rate_limits,
        "API keys never end (OPENSLOT_KEY_DAYS).": not settings.key_days,
        "Administrators sign in with a password alone (OPENSLOT_SECOND_FACTOR_ROLES).": (
            not {*settings.second_factor_roles} >= _ADMINISTRATORS
        ),
    }
    return [*(sentence for sentence, is_open in found.items() if is_open), *open_files(settings)]


def _minute(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"
