"""What the folder of an export says of itself."""

from openslot.transfers.catalogue import LEFT_OUT
from openslot.transfers.packages import Manifest

_TEXT = """# Everything of an OpenSlot network

**These files have the health records and personal data of everybody in clear.** In the database
much of it is encrypted; here nothing is. Whoever has this folder can read all of it. Keep it on an
encrypted disk, give it to nobody who may not read health records, and delete it when it is no
longer needed.

Written by OpenSlot {version} at {made_at}. The network's time zone is {time_zone}.
`manifest.json` has the number of lines and the SHA-256 of each file.

- `tables/`: a file for each table, a row a line, as JSON. `openslot import` of this folder into an
  empty database of the same version brings all of it back, on any engine. Rows name each other by
  their ids, which stay the same. Instants are in UTC; a field without a value is left out.
- `reading/`: the audit log and its seals. They are for reading only and are not imported.
- `fhir/`: the same in the words of FHIR R4, a resource a line, for other systems. Not imported.

{credentials}

Not written are:

{left_out}
"""

_WITHOUT = """Passwords, passkeys, authenticator apps, keys of programs, webhooks and addresses of
calendar feeds are not in these files. After an import people set a password with "Forgot
password?", and programs get new keys."""

_WITH = """**Hashes of passwords, secrets of authenticator apps and of webhooks, and hashes of keys
of programs are in these files**, since that was asked for. Whoever has them can try to guess
passwords."""


def readme_of(manifest: Manifest) -> str:
    """Return the text of an export."""
    return _TEXT.format(
        version=manifest.version,
        made_at=manifest.made_at,
        time_zone=manifest.time_zone,
        credentials=_WITH if manifest.with_credentials else _WITHOUT,
        left_out="\n".join(f"- `{name}`: {why}" for name, why in LEFT_OUT.items()),
    )
