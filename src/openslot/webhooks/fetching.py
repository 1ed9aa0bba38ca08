"""Reading a small document from an address that somebody gave us, with the same care as sending
to one: see delivering.py."""

import threading
from collections.abc import Sequence
from http.client import HTTPException

from openslot.webhooks.delivering import Line, find, reason
from openslot.webhooks.errors import NotFetched

ANSWERS_WITHIN = 5.0
"""Seconds for all of it, however slowly the other side talks."""

MOST_BYTES = 64 * 1024


def fetch(url: str, networks: Sequence[str], *, within: float = ANSWERS_WITHIN) -> bytes:
    """What stands at an address; not for use in a transaction.

    Raises BadAddress, PrivateAddress and NotSecure, and NotFetched for anything else that goes
    wrong: redirects, and documents of more than MOST_BYTES, too.
    """
    target = find(url, networks)
    if not target.leads_to:
        raise NotFetched("This name leads to no address.")
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
        if line.is_late:  # what came may be cut short
            raise TimeoutError
        if response.status != 200:
            raise NotFetched("The answer was {status}.", status=response.status)
        if len(body) > MOST_BYTES:
            raise NotFetched("The document is too long.")
        return body
