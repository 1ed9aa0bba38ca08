"""Reading of forms, for all entry points."""

from io import BytesIO
from typing import IO, Any

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser


class FewFields(FormDataParser):
    """Reader of forms with at most ``max_form_parts`` fields, however they are sent.

    Werkzeug counts those of multipart forms only, and a million short fields take seconds.
    """

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Any:
        """Return the stream, fields and files, or raise RequestEntityTooLarge."""
        if mimetype == "application/x-www-form-urlencoded":
            body = stream.read()
            if self.max_form_parts is not None and body.count(b"&") >= self.max_form_parts:
                raise RequestEntityTooLarge
            stream = BytesIO(body)
        return super().parse(stream, mimetype, content_length, options)


class BoundedRequest(Request):
    """A request whose form has few fields."""

    form_data_parser_class = FewFields
