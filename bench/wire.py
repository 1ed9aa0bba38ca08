"""What a browser receives without the static files, and with them, in bytes on the wire."""

import gzip
import re
from http.client import HTTPConnection

LATER = ("/search?q=randwick", "/practitioners/1", "/centres/1", "/book/1", "/login")
STATIC = re.compile(r'(?:href|src)="(/static/[^"#]*)')


def first_page(port: int) -> int:
    """Return the bytes of the first page, with all files that it needs."""
    size, page = _get(port, "/")
    return size + sum(_get(port, path)[0] for path in {*STATIC.findall(page)})


def largest_other(port: int) -> int:
    """Return the bytes of the largest of some further pages; a browser has the files by then."""
    return max(_get(port, path)[0] for path in LATER)


def _get(port: int, path: str) -> tuple[int, str]:
    """Return the size of an answer, head included, and its text."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, (path, answer.status)
    head = sum(len(name) + len(value) + 4 for name, value in answer.getheaders())
    is_packed = answer.getheader("Content-Encoding") == "gzip"
    connection.close()
    return head + len(body), (gzip.decompress(body) if is_packed else body).decode(errors="replace")
