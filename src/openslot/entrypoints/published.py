"""What is published for everybody: who has it already gets 304 (RFC 9110, 13.1.2)."""

import hashlib

from flask import Response, request


def revalidated(response: Response, tag: str | None = None) -> Response:
    """Add an ETag, ``tag`` or a digest of the content, and return 304 if the client has that.

    There is no Last-Modified: what is published follows from rows, settings and the release, of
    whose changes no time is known. The tag is weak, so that the response can be compressed.
    """
    response.set_etag(tag or hashlib.sha256(response.get_data()).hexdigest()[:32], weak=True)
    response.headers.setdefault("Cache-Control", "no-cache")
    # If-Match is only for writes.
    response.make_conditional({**request.environ, "HTTP_IF_MATCH": ""})
    return response
