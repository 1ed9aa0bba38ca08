"""Addresses of calendars elsewhere, as people enter them and as they are shown."""

import re
from collections.abc import Sequence

from openslot.webhooks.rules import read_address
from openslot.webhooks.sending import find


def checked(text: str, networks: Sequence[str]) -> str:
    """Return the address of a calendar that somebody entered, webcal:// as https://.

    It uses DNS, so do not call it in a transaction. Raise BadAddress, PrivateAddress and NotSecure.
    """
    url = re.sub(r"^webcals?://", "https://", text.strip(), flags=re.IGNORECASE)
    return find(url, networks).address.url


def host_of(url: str) -> str:
    """Return the host of an address. The rest is often all that protects the calendar."""
    return read_address(url).host
