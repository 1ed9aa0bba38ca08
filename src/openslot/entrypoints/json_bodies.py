"""Strict reading of JSON bodies, for all entry points."""

from typing import Any, NoReturn

from flask.json.provider import DefaultJSONProvider


class StrictJson(DefaultJSONProvider):
    """Reader of strict JSON (RFC 8259); anything else is a ValueError, answered with 400."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Return the value, or raise ValueError.

        Also refuses NaN and Infinity, which are not JSON, and values nested too deeply.
        """
        try:
            return super().loads(s, parse_constant=_refuse, **kwargs)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number")
