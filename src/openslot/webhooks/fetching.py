"""The download of small documents from addresses that people entered, with the care of
delivering.py."""

import threading
from collections.abc import Sequence
from http.client import HTTPException

from openslot.webhooks.errors import NotFetched
from openslot.webhooks.sending import Line, find, reason

ANSWERS_WITHIN = 5.0
"""Seconds for the whole download, however slowly the server answers."""

MOST_BYTES = 64 * 1024


def fetch(url: str, networks: Sequence[str], *, within: float = ANSWERS_WITHIN) -> bytes:
    """Return the document at an address. Do not call it in a transaction.

    Raise BadAddress, PrivateAddress and NotSecure, and NotFetched for everything else, redirects
    and documents of more than MOST_BYTES included.
    """
    target = find(url, networks)
    if not target.leads_to:
        raise NotFetched("The host name was not found.")
    line = Line(target.address, target.leads_to[0], within)
    timer = threading.Timer(within, line.break_off)
    timer.daemon = True
    timer.start()
    try:
        return _read(line, target.address.path)
    except (OSError, HTTPException) as error:
        raise NotFetched(reason(error, is_late=line.is_late)) from None
    finally:
        timer.cancel()
        line.close()


def _read(line: Line, path: str) -> bytes:
    headers = {"Accept": "application/json", "User-Agent": "OpenSlot", "Connection": "close"}
    line.request("GET", path, headers=headers)
    with line.getresponse() as response:
        body = response.read(MOST_BYTES + 1)
        if line.is_late:  # the body may be cut short
            raise TimeoutError
        if response.status != 200:
            raise NotFetched("The server answered with status {status}.", status=response.status)
        if len(body) > MOST_BYTES:
            raise NotFetched("The document is too long.")
        return body
