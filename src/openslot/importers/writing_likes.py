"""Import of favourites: the departments that users of the documents liked."""

from openslot.feedback.models import Favourite
from openslot.feedback.queries import FavouriteKey, favourites_of, keep
from openslot.identity.models import Account
from openslot.importers import queries
from openslot.importers.batch import Batch
from openslot.importers.documents import UserDocument
from openslot.importers.outcome import Effect
from openslot.importers.writing import Writing


def write_likes(writing: Writing, batch: Batch) -> None:
    """Write new favourites; those of unknown departments are left out."""
    rows = [item for item in batch.of(UserDocument) if item.row.likes]
    users = queries.accounts_by_external_id(
        writing.work.session, {item.row.external_id for item in rows}
    )
    existing = favourites_of(writing.work.session, [account.id for account in users.values()])
    departments = _departments(writing)
    left_out = 0
    for item in rows:
        account = users.get(item.row.external_id)
        if account is None:
            continue
        keys = set(existing.get(account.id, ()))
        for like in dict.fromkeys(item.row.likes or ()):
            if like in departments:
                key: FavouriteKey = ("department", departments[like])
                writing.attempt(item.source, "favourites", _like, account, key, keys)
            else:
                left_out += 1
    if left_out:
        sentence = f"{left_out} favourites of users were left out: there is no such department."
        writing.outcome.notices.append(sentence)


def _departments(writing: Writing) -> dict[str, int]:
    """Return departments by the id of their document; of several sites, the first."""
    return {
        department.external_id: department.id
        for department, _centre in queries.departments(writing.work.session)
        if department.external_id
    }


def _like(
    writing: Writing, account: Account, key: FavouriteKey, existing: set[FavouriteKey]
) -> Effect:
    if key in existing:
        return Effect.UNCHANGED
    existing.add(key)
    favourite = Favourite(account_id=account.id, department_id=key[1], since=writing.work.now)
    keep(writing.work.session, favourite)
    return Effect.CREATED
